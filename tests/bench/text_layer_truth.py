"""Write truth files from the text layer of born-digital PDFs, to score what was read from their images.

    python3 text_layer_truth.py CORPUS/real OUT [--first-pages 4] [--least-trust 0.9]

Takes the documents whose text layer the manifest trusts (`tesseract_recall_of_text_layer`), writes OUT/NAME.truth.json
and prints the paths taken, one a line. The order is that of the content stream: only word recall and precision count.
"""
import argparse
import csv
import json
from pathlib import Path

import pypdfium2

# What PDFium puts in place of a hyphen at a line's end.
LINE_END_HYPHENS = ("\ufffe", "\x02")


def page_text(page):
    text = page.get_textpage().get_text_bounded()
    for mark in LINE_END_HYPHENS:
        # The break after it is lost or not, as PDFium judges; with one it is rejoined in scoring.
        text = text.replace(mark + "\r\n", "-\n").replace(mark, "")
    return text.replace("\r\n", "\n")


def trusted(folder, least_trust):
    with open(folder / "MANIFEST.tsv", encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="\t"):
            if float(row["tesseract_recall_of_text_layer"] or 0) >= least_trust:
                yield folder / row["file"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--first-pages", type=int, default=4)
    parser.add_argument("--least-trust", type=float, default=0.9)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for path in trusted(args.folder, args.least_trust):
        document = pypdfium2.PdfDocument(path)
        count = min(len(document), args.first_pages)
        pages = [{"page": i + 1, "text": page_text(document[i])} for i in range(count)]
        document.close()
        (args.out / f"{path.stem}.truth.json").write_text(json.dumps({"pages": pages}, ensure_ascii=False), "utf-8")
        print(path)


if __name__ == "__main__":
    main()
