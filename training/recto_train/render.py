"""Pages with truth, as files: NAME.png, its text in NAME.txt, its Markdown in NAME.md, its glyphs' places in NAME.json.

    python -m recto_train.render OUT --material FOLDER --pages 1000 --seed 1 --width 1024 --height 1024
    python -m recto_train.render OUT --material FOLDER --pages 48 --style em=[20,30] --style wear.clean=1 --sheet sheet.png

Page n of a seed is the same whenever and wherever it is drawn with the same fonts and texts.
"""

import argparse
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from . import settings
from .faces import Faces
from .page import Page, Style, Texts
from .rows import view

COLUMNS, ROWS = 8, 6  # of a contact sheet
CELL = 512  # pixels that a page on it is wide at most

# One thread a process; told here and not in each, since a process forked from one with cv2's threads hangs on telling it.
cv2.setNumThreads(1)
# What a process draws with; set once in each.
material: tuple[Faces, Texts] | None = None


def name(number: int) -> str:
    """The stem of a page's files."""
    return f"page-{number:06}"


def opened(folder: Path) -> tuple[Faces, Texts]:
    """Fonts and texts of a material folder."""
    return Faces.read(folder / "fonts.txt"), Texts.read(folder / "texts.txt")


def begin(folder: Path) -> None:
    """Readies a process."""
    global material
    material = opened(folder)


def draw(out: Path, style: Style, seed: int, number: int) -> int:
    """Writes one page; gives its glyphs' count."""
    drawn = view(*material, style, (seed, number))
    stem = out / name(number)
    stem.with_suffix(".png").write_bytes(cv2.imencode(".png", drawn.image)[1].tobytes())
    stem.with_suffix(".txt").write_text(drawn.plain)
    stem.with_suffix(".md").write_text(drawn.markdown)
    stem.with_suffix(".json").write_text(json.dumps(truth(drawn, stem.name), ensure_ascii=False))
    return len(drawn.chars)


def truth(drawn: Page, document: str) -> dict:
    """What a page's JSON says; boxes are from the x-height line to the baseline, in pixels."""
    height, width = drawn.image.shape
    glyphs = [
        {"char": char, "box": [round(float(value), 1) for value in box]} for char, box in zip(drawn.chars, drawn.boxes)
    ]
    return {"document": document, "width": width, "height": height, "glyphs": glyphs}


def sheet(out: Path, pages: int) -> np.ndarray:
    """The first 48 pages side by side, in color so that their edges show."""
    cells = []
    for number in range(min(pages, COLUMNS * ROWS)):
        image = cv2.imread(str(out / f"{name(number)}.png"), cv2.IMREAD_GRAYSCALE)
        scale = min(1.0, CELL / image.shape[1])
        cells.append(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    height, width = cells[0].shape
    whole = np.full((ROWS * (height + 4), COLUMNS * (width + 4), 3), (200, 120, 60), np.uint8)
    for number, cell in enumerate(cells):
        top, left = number // COLUMNS * (height + 4) + 2, number % COLUMNS * (width + 4) + 2
        whole[top : top + height, left : left + width] = cell[..., None]
    return whole


def styled(changes: list[str], width: int, height: int) -> Style:
    """A style with `key=value` changes. Raises `ValueError` that names the key."""
    return settings.changed(Style, {"width": width, "height": height}, changes, "--style")


def render(out: Path, folder: Path, style: Style, seed: int, pages: int, jobs: int) -> int:
    """Writes `pages` pages in `jobs` processes; gives the glyphs drawn."""
    out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(jobs, initializer=begin, initargs=(folder,)) as workers:
        parts = [(out, style, seed, number) for number in range(pages)]
        return sum(workers.map(draw, *zip(*parts), chunksize=max(1, min(16, pages // (2 * jobs)))))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("out", type=Path, help="folder for the pages")
    told.add_argument("--material", type=Path, required=True, help="fonts.txt and texts.txt of recto_train.material")
    told.add_argument("--pages", type=int, default=48, help="how many (%(default)s)")
    told.add_argument("--seed", type=int, default=1, help="another seed, other pages (%(default)s)")
    told.add_argument("--width", type=int, default=1024, help="pixels (%(default)s)")
    told.add_argument("--height", type=int, default=1024, help="pixels (%(default)s)")
    told.add_argument(
        "--style", action="append", default=[], metavar="KEY=VALUE", help="change what pages look like: em=[20,30], wear.skew=0"
    )
    told.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (one a core)")
    told.add_argument("--sheet", type=Path, help="write a picture of the first 48 pages here")
    return told


def main(argv: list[str] | None = None) -> int:
    told = parser().parse_args(argv)
    if told.pages < 1 or told.jobs < 1 or told.seed < 0 or min(told.width, told.height) < 64:
        print("render: --pages and --jobs must be at least 1, --seed 0, --width and --height 64", file=sys.stderr)
        return 2
    try:
        style = styled(told.style, told.width, told.height)
        faces, texts = opened(told.material)
        if not faces.upright or not texts.paragraphs:
            raise ValueError(f"{told.material}: no fonts or no texts: run python -m recto_train.material {told.material}")
        began = time.monotonic()
        glyphs = render(told.out, told.material, style, told.seed, told.pages, told.jobs)
        took = time.monotonic() - began
        if told.sheet:
            told.sheet.parent.mkdir(parents=True, exist_ok=True)
            told.sheet.write_bytes(cv2.imencode(".png", sheet(told.out, told.pages))[1].tobytes())
    except (OSError, ValueError) as error:
        print(f"render: {error}", file=sys.stderr)
        return 2
    print(f"{told.pages} pages, {glyphs} glyphs in {took:.1f} s: {told.pages / took:.1f} pages/s in {told.jobs} processes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
