#!/usr/bin/env python3
"""Recto, rapidocr and tesseract on the same scanned pages in one run: accuracy and pages a second side by side.

    make bench                                      all scans of the corpus, figures into README.md here
    python3 run.py [--pages 60] [--only recto,rapidocr] [--keep FOLDER] [--no-write]

Documents go through in chunks of about `CHUNK_PAGES` pages; each chunk is read by every program before the next, in
turns of order, so that a machine that grows slower hurts all alike. End to end: PDF in, Markdown file out. rapidocr and
tesseract are started once and keep their models, recto is started again for each chunk and its start counts.
Cores: those this process may run on (`taskset -c 0,1 make bench`).
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import common

# The same raster and the same detector input for recto and rapidocr. PDFium makes the raster for all three.
DPI = 200
# rapidocr's detector gets a page's longer side at this; recto's gets a million pixels, a letter page of the same size.
DET_LIMIT_TYPE = "max"
DET_LIMIT_SIDE = 1136
CHUNK_PAGES = 10


class Recto:
    """`recto convert`, one process a chunk."""

    def __init__(self, args, out):
        self.out = out / "recto"
        self.stats = out / "recto-stats.json"
        self.environment = common.recto_environment()
        self.busy_s = 0.0
        self.peak = 0
        self.version = run_text([common.BINARY, "--version"]).splitlines()[0]

    def read(self, paths):
        """Give (pages, wall seconds)."""
        command = [common.BINARY, "convert", *paths, "-o", self.out, "--text-layer", "never", "--dpi", DPI]
        command += ["--stats", self.stats]
        started = time.monotonic()
        process = subprocess.Popen(
            list(map(str, command)), env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        memory = common.PeakMemory(process.pid)
        said = process.communicate()[1]
        wall_s = time.monotonic() - started
        self.peak = max(self.peak, memory.stop())
        if process.returncode not in (0, 1):
            sys.exit(f"bench: recto ended with {process.returncode}: {said.decode('utf-8', 'replace')[-500:]}")
        stats = json.loads(self.stats.read_text().splitlines()[-1])
        self.busy_s += stats["engine_busy"] * stats["wall_s"]
        return stats["pages"], wall_s

    def close(self):
        pass


class Peer:
    """rapidocr or tesseract, held open by peers.py."""

    def __init__(self, name, args, out, python):
        self.out = out / name
        command = [python, common.HERE / "peers.py", name, self.out, "--serve", "--dpi", DPI, "--threads", common.cores()]
        command += ["--det-side", DET_LIMIT_SIDE, "--det-limit", DET_LIMIT_TYPE]
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.answer()
        self.memory = common.PeakMemory(self.process.pid)
        self.peak = 0
        self.version = "rapidocr 3.10.0 (PP-OCRv6 small, onnxruntime 1.31.1, use_cls=False, memory arena on)"
        if name == "tesseract":
            self.version = run_text(["tesseract", "--version"]).splitlines()[0]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"bench: {self.out.name} ended before its time; try it alone: tests/bench/peers.py")
        return line

    def read(self, paths):
        self.process.stdin.write(json.dumps([str(path) for path in paths]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.answer())
        return answer["pages"], answer["wall_s"]

    def close(self):
        self.peak = self.memory.stop()
        self.process.stdin.close()
        self.process.wait()


def main():
    args = arguments()
    corpus = common.corpus()
    if not common.BINARY.is_file():
        sys.exit(f"bench: {common.BINARY} is not built (make build)")
    python = common.environment()
    with tempfile.TemporaryDirectory(prefix="recto-bench-") as scratch:
        out = args.keep or Path(scratch)
        out.mkdir(parents=True, exist_ok=True)
        contenders = start(args, out, python)
        work = chunks(corpus / "scans", python, args.pages)
        walls, pages = measure(contenders, work)
        truth = truth_of(work, out / "truth")
        table = report(contenders, walls, pages, accuracy(contenders, python, corpus / "score.py", truth))
    print("\n" + table)
    if not args.no_write:
        common.replace_between(common.HERE / "README.md", "bench", table)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, help="stop after about so many pages; all if not given")
    parser.add_argument("--only", help="names with commas between, of recto, rapidocr, tesseract")
    parser.add_argument("--keep", type=Path, help="folder for what was read; else it is thrown away")
    parser.add_argument("--no-write", action="store_true", help="leave README.md as it is")
    return parser.parse_args()


def start(args, out, python):
    wanted = (args.only or "recto,rapidocr,tesseract").split(",")
    contenders = {"recto": Recto(args, out)} if "recto" in wanted else {}
    if "rapidocr" in wanted:
        contenders["rapidocr"] = Peer("rapidocr", args, out, python)
    if "tesseract" in wanted and subprocess.run(["which", "tesseract"], stdout=subprocess.DEVNULL).returncode:
        print("bench: " + common.NO_TESSERACT)
    elif "tesseract" in wanted:
        contenders["tesseract"] = Peer("tesseract", args, out, python)
    return contenders


def chunks(folder, python, limit):
    """Lists of documents with about `CHUNK_PAGES` pages each."""
    paths = sorted(folder.glob("*.pdf"))
    counting = "import sys, pypdfium2\nfor p in sys.argv[1:]: print(len(pypdfium2.PdfDocument(p)))"
    counts = run_text([python, "-c", counting, *paths]).split()
    made, chunk, size, total = [], [], 0, 0
    for path, count in zip(paths, map(int, counts)):
        if limit and total >= limit:
            break
        chunk.append(path)
        size, total = size + count, total + count
        if size >= CHUNK_PAGES:
            made, chunk, size = [*made, chunk], [], 0
    return [*made, chunk] if chunk else made


def measure(contenders, work):
    """Wall seconds of each program for each chunk, and the pages of each chunk."""
    walls, pages = {name: [] for name in contenders}, []
    names = list(contenders)
    for number, paths in enumerate(work):
        turn = number % len(names)
        counts = {}
        for name in names[turn:] + names[:turn]:
            counts[name], wall_s = contenders[name].read(paths)
            walls[name].append(wall_s)
        if len(set(counts.values())) != 1:
            print(f"bench: page counts differ: {counts}", file=sys.stderr)
        pages.append(counts[names[0]])
        line = ", ".join(f"{name} {walls[name][-1]:.1f} s" for name in names)
        print(f"chunk {number + 1} of {len(work)}, {pages[-1]} pages: {line}", flush=True)
    for contender in contenders.values():
        contender.close()
    return walls, pages


def truth_of(work, folder):
    """A folder with the truth of the documents read, and no others."""
    folder.mkdir(exist_ok=True)
    for path in (path for paths in work for path in paths):
        link = folder / f"{path.stem}.truth.json"
        link.unlink(missing_ok=True)
        link.symlink_to(path.with_name(link.name))
    return folder


def report(contenders, walls, pages, accuracies):
    speed_head = ["", "pages/s", "beside rapidocr (range over chunks)", "peak memory", "engine busy"]
    speeds = [[name, *speed(contender, name, walls, pages)] for name, contender in contenders.items()]
    lines = [
        f"{common.today()}, {common.machine()}, {sum(pages)} scanned pages at {DPI} dpi, rapidocr's detector at"
        f" {DET_LIMIT_TYPE} {DET_LIMIT_SIDE}. Command: `make bench`.",
        "Versions: " + "; ".join(contender.version for contender in contenders.values()) + ".",
        markdown_table(speed_head, speeds),
        markdown_table(["documents", "", "cer_ns", "word recall", "word precision"], accuracies),
    ]
    return "\n\n".join(lines)


def speed(contender, name, walls, pages):
    ratio = ""
    if name != "rapidocr" and "rapidocr" in walls:
        each = [peer / own for own, peer in zip(walls[name], walls["rapidocr"])]
        ratio = f"{sum(walls['rapidocr']) / sum(walls[name]):.2f} ({min(each):.2f} to {max(each):.2f})"
    busy = f"{contender.busy_s / sum(walls[name]):.0%}" if name == "recto" else ""
    return [f"{sum(pages) / sum(walls[name]):.3f}", ratio, f"{contender.peak / 1e6:.0f} MB", busy]


def accuracy(contenders, python, scorer, truth):
    rows = []
    for prefix, options in common.PREFIXES.items():
        for name, contender in contenders.items():
            total = common.score(python, scorer, truth, contender.out, prefix, options)["total"]
            if not total["documents"]:
                continue
            note = f" ({total['missing']} missing)" if total["missing"] else ""
            label = f"{prefix}* ({total['documents']}){note}" if name == next(iter(contenders)) else ""
            rows.append([label, name, f"{total['cer_ns']:.2%}", f"{total['wr']:.2%}", f"{total['wp']:.2%}"])
    return rows


def markdown_table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def run_text(command):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
