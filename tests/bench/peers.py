"""Read documents with the programs that Recto is compared with: rapidocr and tesseract.

    python3 peers.py rapidocr|tesseract OUT INPUT.pdf...   [--dpi 200] [--threads 2] [--first-pages 4]
    python3 peers.py rapidocr|tesseract OUT --serve        one job a line on standard input

Writes OUT/NAME.md for each input in the plainest way: rapidocr's lines in its own order (top to bottom),
one a line; tesseract's text as it comes. Prints one JSON line a document: name, pages, wall_s.
`--serve` takes JSON lists of paths, one list a line, and answers each with one JSON line once all its documents are
read; models stay loaded between jobs, and `ready` is printed first.
"""
import argparse
import io
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pypdfium2

# rapidocr's own defaults, but for the angle classifier, which turns upright lines upside down (README.md here).
DET_LIMIT_TYPE = "max"
DET_LIMIT_SIDE = 1136


def rasterize(path, dpi, first_pages):
    """Yield each page of a PDF as a PIL image at `dpi` dots an inch."""
    document = pypdfium2.PdfDocument(path)
    try:
        for index in range(min(len(document), first_pages or len(document))):
            yield document[index].render(scale=dpi / 72).to_pil().convert("RGB")
    finally:
        document.close()


class Rapidocr:
    """PP-OCRv6 small in onnxruntime, without the angle classifier."""

    def __init__(self, args):
        from rapidocr import RapidOCR

        self.args = args
        self.engine = RapidOCR(
            params={
                "Global.use_cls": False,
                "Global.log_level": "error",
                "Det.limit_side_len": args.det_side,
                "Det.limit_type": args.det_limit,
                "EngineConfig.onnxruntime.intra_op_num_threads": args.threads,
                # Off by default, and then slower.
                "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
            }
        )
        # The models are loaded at the first page: let that be a small one, before the clock runs.
        import numpy

        blank = numpy.full((64, 256, 3), 255, numpy.uint8)
        blank[24:40, 20:236] = 0
        self.engine(blank)

    def read(self, path):
        """Return the text of each page of one document."""
        import numpy

        pages = []
        for image in rasterize(path, self.args.dpi, self.args.first_pages):
            bgr = numpy.ascontiguousarray(numpy.asarray(image)[:, :, ::-1])
            found = self.engine(bgr, use_cls=False)
            pages.append("\n".join(found.txts or ()))
        return pages

    def read_all(self, paths):
        return [self.read(path) for path in paths]


class Tesseract:
    """Tesseract 5 as Debian packs it: one process a core, one thread each, which is its fastest."""

    def __init__(self, args):
        self.args = args

    def page(self, image):
        raw = io.BytesIO()
        image.save(raw, "PPM")
        done = subprocess.run(
            ["tesseract", "-", "-", "-l", "eng", "--dpi", str(self.args.dpi)],
            input=raw.getvalue(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
        return done.stdout.decode("utf-8", "replace").replace("\f", "")

    def read_all(self, paths):
        """Pages of all documents go through one pool; at most a few wait as bitmaps."""
        results = [[] for _ in paths]
        with ThreadPoolExecutor(self.args.threads) as pool:
            for result, path in zip(results, paths):
                for image in rasterize(path, self.args.dpi, self.args.first_pages):
                    result.append(pool.submit(self.page, image))
                    waiting = [job for pages in results for job in pages if not job.done()]
                    if len(waiting) > 2 * self.args.threads:
                        waiting[0].result()
            return [[job.result() for job in pages] for pages in results]

    def read(self, path):
        return self.read_all([path])[0]


def write(out, path, pages):
    (out / (Path(path).stem + ".md")).write_text("\n\n".join(pages) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("peer", choices=["rapidocr", "tesseract"])
    parser.add_argument("out", type=Path)
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--dpi", type=int, default=200)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--first-pages", type=int, help="of each document, at most so many")
    parser.add_argument("--det-side", type=int, default=DET_LIMIT_SIDE)
    parser.add_argument("--det-limit", default=DET_LIMIT_TYPE)
    args = parser.parse_intermixed_args()
    args.out.mkdir(parents=True, exist_ok=True)
    reader = {"rapidocr": Rapidocr, "tesseract": Tesseract}[args.peer](args)
    if args.serve:
        return serve(reader, args.out)
    for path in args.inputs:
        started = time.monotonic()
        pages = reader.read(path)
        write(args.out, path, pages)
        wall_s = round(time.monotonic() - started, 2)
        print(json.dumps({"name": Path(path).stem, "pages": len(pages), "wall_s": wall_s}), flush=True)


def serve(reader, out):
    print("ready", flush=True)
    for line in sys.stdin:
        paths = json.loads(line)
        started = time.monotonic()
        documents = reader.read_all(paths)
        for path, pages in zip(paths, documents):
            write(out, path, pages)
        wall_s = time.monotonic() - started
        print(json.dumps({"pages": sum(map(len, documents)), "wall_s": wall_s}), flush=True)


if __name__ == "__main__":
    main()
