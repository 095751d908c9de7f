#!/usr/bin/env python3
"""Draw pages that training never saw, one PDF each with its truth beside it, with recto_train on the path.

    python nano_pages.py OUT --material FOLDER --pages 24 --seed 1 --width 1500 --height 2000 --dpi 200 --style em=[25,39]
"""
import argparse
import json
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
from PIL import Image

from recto_train import material
from recto_train.faces import Faces
from recto_train.page import Texts, page
from recto_train.render import styled

MARGIN = 100


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--material", type=Path, required=True, help="folder with fonts.txt")
    parser.add_argument("--pages", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--width", type=int, default=1500)
    parser.add_argument("--height", type=int, default=2000)
    parser.add_argument("--dpi", type=int, default=200)
    parser.add_argument("--style", action="append", default=[])
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "texts.txt"
    file.write_text("".join(f"{text}\n" for topic in topics.values() for text in material.split(topic, "plain")), "utf-8")
    faces, texts = Faces.read(args.material / "fonts.txt"), Texts.read(file)
    style = styled(args.style, args.width, args.height)
    for number in range(args.pages):
        drawn = page(faces, texts, style, (args.seed, number))
        paper = int(np.median(drawn.image))
        image = np.pad(drawn.image, MARGIN, constant_values=paper)
        stem = args.out / f"page-{number:02}"
        Image.fromarray(image).save(stem.with_suffix(".pdf"), resolution=args.dpi, quality=95)
        truth = json.dumps({"pages": [{"page": 1, "text": drawn.plain}]}, ensure_ascii=False)
        Path(f"{stem}.truth.json").write_text(truth, "utf-8")


if __name__ == "__main__":
    main()
