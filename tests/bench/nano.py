#!/usr/bin/env python3
"""GOT-nano, PP-OCR and tesseract on the same page images: character errors.

    python3 nano.py [--sets rendered,real,scans] [--training PYTHON --material FOLDER] [--no-write] [--keep FOLDER]

rendered  pages that training never saw: other seeds, texts and page make-up (needs `make training`, `make train-material`)
real      the first two pages of the corpus's single-column documents, from their images; truth is the text layer. `in order`
          are those whose text layer is in the order of the page, as one of the peers reads it within 10 %
scans     the corpus's scans of tier A; truth was typed
Errors are counted by the corpus's score.py: spaces count, line ends and hyphens at them do not.
"""
import argparse
import csv
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import common

DPI = 300
FIRST_PAGES = 2
RENDERED = 24
# A page of a letter's size at 200 dots an inch, in 9 to 14 points; no tables and formulas, which GOT-nano was not taught.
STYLE = ["em=[25,39]", "markup=0"]
WIDTH, HEIGHT, RENDERED_DPI, SEED = 1500, 2000, 200, 777_001
LEAST_TRUST = 0.9
MOST_DISORDER = 0.1
READERS = {"GOT-nano": "got", "PP-OCR": "ppocr"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default="rendered,real,scans")
    parser.add_argument("--training", type=Path, default=common.cache().parent / "training/bin/python")
    parser.add_argument("--material", type=Path, default=common.cache().parent / "material")
    parser.add_argument("--model", help="another checkpoint in GOT-nano's place")
    parser.add_argument("--keep", type=Path, help="folder for what was read, and is not read again; else it is thrown away")
    parser.add_argument("--only", help="one of GOT-nano, PP-OCR, tesseract")
    parser.add_argument("--no-write", action="store_true", help="leave README.md as it is")
    args = parser.parse_args()
    corpus, python = common.corpus(), common.environment()
    lines = ["| pages | | cer | cer_ns | word recall |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory(prefix="recto-bench-") as scratch:
        out = args.keep or Path(scratch)
        for name in args.sets.split(","):
            truth, paths, options = SETS[name](args, corpus, python, out / name)
            readers = [args.only] if args.only else [*READERS, "tesseract"]
            for reader in readers:
                if not (out / name / reader).is_dir():
                    read(reader, paths, out / name / reader, options, args.model, python)

            def scored(truth):
                return {reader: common.score(python, corpus / "score.py", truth, out / name / reader) for reader in readers}

            figures = scored(truth)
            lines += rows(name, figures)
            if name == "real" and len(readers) > 1:
                lines += rows("real, in order", scored(ordered(figures, truth, out / "real/ordered")))
    text = "\n".join([f"{common.today()}, {common.machine()}. Command: `python3 tests/bench/nano.py`.", "", *lines])
    if not args.no_write:
        common.replace_between(common.HERE / "README.md", "nano", text)


def rows(name, figures):
    """The table's lines for a set."""
    lines = []
    for reader, scored in figures.items():
        found = scored["total"]
        missing = f", {found['missing']} missing" if found["missing"] else ""
        lines.append(
            f"| {name} ({found['documents']} documents{missing}) | {reader} | {found['cer']:.2%} "
            f"| {found['cer_ns']:.2%} | {found['wr']:.2%} |"
        )
        print(lines[-1], flush=True)
    return lines


def ordered(figures, truth, folder):
    """The truths of the documents that one of the peers reads within 10 %. Text layers of the others are in another order than
    the page is read in, or say what it does not show: they cannot tell how well anything is read."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in truth.glob("*.truth.json"):
        name = path.name.removesuffix(".truth.json")
        if min(figures[peer][name]["cer"] for peer in ("PP-OCR", "tesseract")) <= MOST_DISORDER:
            shutil.copy(path, folder)
    return folder


def rendered(args, corpus, python, out):
    """Pages drawn with fonts of training, texts of Python's own documentation, and other seeds."""
    make = Path(__file__).with_name("nano_pages.py")
    command = [args.training, make, out / "pages", "--material", args.material, "--pages", RENDERED, "--seed", SEED]
    command += ["--width", WIDTH, "--height", HEIGHT, "--dpi", RENDERED_DPI]
    command += [part for style in STYLE for part in ("--style", style)]
    environment = {**os.environ, "PYTHONPATH": str(common.ROOT / "training")}
    subprocess.run(list(map(str, command)), check=True, env=environment)
    return out / "pages", sorted((out / "pages").glob("*.pdf")), {"dpi": RENDERED_DPI}


def real(args, corpus, python, out):
    """Documents of one column whose text layer can be trusted."""
    with open(corpus / "real/MANIFEST.tsv", encoding="utf-8") as file:
        documents = list(csv.DictReader(file, delimiter="\t"))
    chosen = [row for row in documents if "single column" in row["layout_kind"].replace("-", " ")]
    chosen = [row for row in chosen if float(row["tesseract_recall_of_text_layer"] or 0) >= LEAST_TRUST]
    listed = out / "listed"
    listed.mkdir(parents=True, exist_ok=True)
    with open(listed / "MANIFEST.tsv", "w", encoding="utf-8") as file:
        writer = csv.DictWriter(file, documents[0].keys(), delimiter="\t")
        writer.writeheader()
        writer.writerows(chosen)
    for row in chosen:
        (listed / row["file"]).unlink(missing_ok=True)
        (listed / row["file"]).symlink_to(corpus / "real" / row["file"])
    command = [python, common.HERE / "text_layer_truth.py", listed, out / "truth", "--first-pages", FIRST_PAGES]
    paths = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    return out / "truth", [Path(path) for path in paths if path], {"dpi": DPI, "pages": FIRST_PAGES}


def scans(args, corpus, python, out):
    """Scans whose truth was typed twice, in reading order."""
    with open(corpus / "scans/MANIFEST.tsv", encoding="utf-8") as file:
        tier_a = [row["file"] for row in csv.DictReader(file, delimiter="\t") if row["trust_tier"] == "A"]
    truth = out / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    for name in tier_a:
        source = corpus / "scans" / name.replace(".pdf", ".truth.json")
        (truth / source.name).write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    return truth, [corpus / "scans" / name for name in tier_a], {"dpi": DPI}


def read(reader, paths, out, options, model, python):
    """Writes OUT/NAME.md for each document."""
    if reader == "tesseract":
        command = [python, common.HERE / "peers.py", "tesseract", out, *paths, "--dpi", options["dpi"]]
        command += ["--first-pages", options["pages"]] if "pages" in options else []
        subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
        return
    command = [common.BINARY, "convert", *paths, "-o", out, "--text-layer", "never", "--dpi", options["dpi"]]
    command += ["--engine", READERS[reader]]
    if reader == "GOT-nano" and model:
        command += ["--got-model", model]
    command += ["--pages", f"1-{options['pages']}"] if "pages" in options else []
    done = subprocess.run(list(map(str, command)), env=common.recto_environment(), stderr=subprocess.DEVNULL)
    if done.returncode not in (0, 1):
        sys.exit(f"bench: recto ended with {done.returncode}")


SETS = {"rendered": rendered, "real": real, "scans": scans}

if __name__ == "__main__":
    main()
