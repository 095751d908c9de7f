#!/usr/bin/env python3
"""Born-digital documents read from their images, by recto and by tesseract, against their own text layer.

    python3 real.py [--keep FOLDER] [--only-recto] [--no-write]

Takes the documents of the corpus's real/ whose text layer can be trusted, the first four pages of each. Only words
count (recall and precision as bags): the text layer's order is not reading order. What tesseract reads is kept in the
cache folder and not read again.
"""
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import common

DPI = 200
FIRST_PAGES = 4


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--keep", type=Path, help="folder for recto's Markdown; else it is thrown away")
    parser.add_argument("--only-recto", action="store_true", help="leave tesseract out")
    parser.add_argument("--no-write", action="store_true", help="leave README.md as it is")
    args = parser.parse_args()
    corpus = common.corpus()
    python = common.environment()
    truth = common.cache() / "real-truth"
    command = [python, common.HERE / "text_layer_truth.py", corpus / "real", truth, "--first-pages", FIRST_PAGES]
    paths = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    paths = [Path(path) for path in paths if path]
    with tempfile.TemporaryDirectory(prefix="recto-bench-") as scratch:
        outs = {"recto": read_recto(paths, args.keep or Path(scratch))}
        if not args.only_recto:
            outs["tesseract"] = read_tesseract(paths, python)
        figures = {name: common.score(python, corpus / "score.py", truth, out) for name, out in outs.items()}
    text = report(figures)
    print(text)
    if not args.no_write:
        common.replace_between(common.HERE / "README.md", "real", text)


def read_recto(paths, out):
    command = [common.BINARY, "convert", *paths, "-o", out, "--text-layer", "never"]
    command += ["--dpi", DPI, "--pages", f"1-{FIRST_PAGES}"]
    done = subprocess.run(list(map(str, command)), env=common.recto_environment())
    if done.returncode not in (0, 1):
        sys.exit(f"bench: recto ended with {done.returncode}")
    return out


def read_tesseract(paths, python):
    out = common.cache() / "real-tesseract"
    missing = [path for path in paths if not (out / f"{path.stem}.md").exists()]
    if missing:
        command = [python, common.HERE / "peers.py", "tesseract", out, *missing, "--dpi", DPI, "--first-pages", FIRST_PAGES]
        subprocess.run(list(map(str, command)), check=True)
    return out


def report(figures):
    recto = figures["recto"]
    head = f"{common.today()}, {recto['total']['documents']} documents, first {FIRST_PAGES} pages, {DPI} dpi. Command:"
    lines = [head + " `python3 tests/bench/real.py`.", "", "| | word recall | word precision |", "|---|---|---|"]
    for name, by_document in figures.items():
        missing = f" ({by_document['total']['missing']} missing)" if by_document["total"]["missing"] else ""
        lines.append(f"| {name}{missing} | {by_document['total']['wr']:.2%} | {by_document['total']['wp']:.2%} |")
    if "tesseract" in figures:
        lines += ["", *behind(recto, figures["tesseract"])]
    return "\n".join(lines)


def behind(recto, tesseract):
    """The documents in which recto finds fewer words than tesseract, by more than one in a hundred."""
    gaps = sorted((recto[name]["wr"] - tesseract[name]["wr"], name) for name in recto if name != "total")
    listed = [f"{name} ({gap:+.1%})" for gap, name in gaps if gap < -0.01]
    return ["Word recall more than a point under tesseract's: " + (", ".join(listed) or "none") + "."]


if __name__ == "__main__":
    main()
