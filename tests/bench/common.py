"""What the bench scripts share: where things are, the virtual environment, scoring, peak memory."""
import hashlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BINARY = Path(os.environ.get("RECTO_BINARY") or ROOT / "target/release/recto")
# Corpus documents by the first part of their names, with what the scorer is to be told about them.
PREFIXES = {"isri-": [], "tess-": [], "scribe-": [], "sroie-": ["--fold-case"]}
NO_TESSERACT = "tesseract is not installed and is left out (on Debian: apt-get install tesseract-ocr)"


def corpus():
    """The corpus folder; if none is named, says so and ends the script with success."""
    named = os.environ.get("RECTO_CORPUS")
    if not named:
        print("bench: skipped, RECTO_CORPUS is not set (a folder with scans/ and score.py, see tests/bench/README.md)")
        sys.exit(0)
    folder = Path(named).resolve()
    if not (folder / "score.py").is_file():
        sys.exit(f"bench: RECTO_CORPUS is {folder}, and there is no score.py in it")
    return folder


def cache():
    named = os.environ.get("RECTO_CACHE")
    base = Path(named).absolute() if named else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recto"
    return base / "bench"


def environment(pins=HERE / "requirements.txt"):
    """Make the virtual environment once for each state of a list of pinned packages; gives its Python."""
    folder = cache() / ("venv-" + hashlib.sha256(pins.read_bytes()).hexdigest()[:12])
    python = folder / "bin/python"
    done = folder / "complete"
    if not done.exists():
        print(f"bench: installing the peers into {folder}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", str(folder)])
        if made.returncode:
            sys.exit("bench: cannot make a virtual environment (on Debian: apt-get install python3-venv)")
        subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(pins)], check=True)
        done.touch()
    return python


def recto_environment():
    """The environment for the binary: libraries and models from the cache folder unless they are named."""
    files = cache().parent
    defaults = {
        "RECTO_PDFIUM": str(files / "pdfium/libpdfium.so"),
        "RECTO_ONNXRUNTIME": str(files / "onnxruntime/libonnxruntime.so"),
        "RECTO_PPOCR_MODELS": str(files / "models"),
    }
    return {**defaults, **os.environ}


def score(python, scorer, truth, out, prefix="", options=()):
    """The scorer's figures: by document, and under `total`, with the number of documents missing under `missing`."""
    command = [python, scorer, truth, out, "--prefix", prefix, *options]
    text = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, text=True).stdout
    figures = {}
    for line in text.splitlines():
        found = re.match(r"(.+?)\s+cer ([\d.]+)\s+cer_ns ([\d.]+)\s+wr ([\d.]+)\s+wp ([\d.]+)", line)
        if not found:
            continue
        name, numbers = found[1], [float(number) for number in found.groups()[1:]]
        entry = dict(zip(("cer", "cer_ns", "wr", "wp"), numbers))
        total = re.match(r"TOTAL (\d+) documents, (\d+) missing", name)
        if total:
            entry["documents"], entry["missing"] = int(total[1]), int(total[2])
        figures["total" if total else name] = entry
    if "total" not in figures:
        sys.exit(f"bench: the scorer gave no total for {out}")
    return figures


class PeakMemory:
    """Highest resident memory of a process and all that it started, summed, in bytes; looked at ten times a second.

    Pages that two of the processes share count twice."""

    def __init__(self, pid):
        self.pid, self.peak, self.stopped = pid, 0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        while not self.stopped.wait(0.1):
            self.peak = max(self.peak, resident(self.pid))

    def stop(self):
        self.stopped.set()
        self.thread.join()
        return self.peak


def resident(pid):
    total, waiting = 0, [pid]
    while waiting:
        process = Path("/proc") / str(waiting.pop())
        try:
            total += int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for task in (process / "task").iterdir():
                waiting += (task / "children").read_text().split()
        except OSError:
            continue  # It ended while we looked.
    return total


def machine():
    """What the figures were measured on, in one line."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*: (.*)", info)
    memory = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())[1]) >> 20
    return f"{cores()} cores of {model[1] if model else os.uname().machine}, {memory} GiB"


def cores():
    return len(os.sched_getaffinity(0))


def today():
    return time.strftime("%Y-%m-%d")


def replace_between(path, name, text):
    """Put `text` between the markers `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a file."""
    old = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    head, rest = old.split(begin, 1)
    tail = rest.split(end, 1)[1]
    path.write_text(f"{head}{begin}\n{text.strip()}\n{end}{tail}", encoding="utf-8")
