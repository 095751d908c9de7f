"""Conversions and scores, kept in the cache folder by what made them: a second run takes them from there.

What is read again: a document whose bytes changed, with a system whose binary, options or version changed. What is scored
again: other Markdown, other truth, or other code in this folder that measures.
"""
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import common

# For one document; what takes longer has no result, and scores as an empty one.
TIMEOUT_S = 300
ERROR_TAIL = 500
# Threads of numerical libraries: one, as for Recto.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
ONE_THREAD["OMP_THREAD_LIMIT"] = "1"


@dataclass
class Result:
    """A document's Markdown by one system; `error` is empty if it went well."""

    markdown: str
    cpu_s: float
    error: str = ""


def folder():
    return common.cache() / "structure"


def digest(*parts):
    """A short name for bytes and texts."""
    made = hashlib.sha256()
    for part in parts:
        made.update(part if isinstance(part, bytes) else part.encode("utf-8", "replace"))
        made.update(b"\0")
    return made.hexdigest()[:16]


def result(state, name, document, deadline):
    """The document's result by the system `name` in `state`; None if there is none and `deadline` has passed."""
    place = folder() / "converted" / state
    stem = f"{document.name[:80]}-{digest(document.pdf.read_bytes())}"
    markdown, figures = place / f"{stem}.md", place / f"{stem}.json"
    if not figures.exists():
        if time.monotonic() > deadline:
            return None
        place.mkdir(parents=True, exist_ok=True)
        figures.write_text(json.dumps(convert(name, document.pdf, markdown)))
    made = json.loads(figures.read_text())
    text = markdown.read_text(encoding="utf-8") if markdown.exists() else ""
    return Result(text, made["cpu_s"], made["error"])


def convert(name, pdf, out):
    """Run one conversion in a process group of its own, which is ended whole when its time is up."""
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "structure.convert", name, str(pdf), str(out)]
    environment = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(common.HERE)}
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, complained = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return {"cpu_s": TIMEOUT_S, "error": f"not done in {TIMEOUT_S} s"}
    finally:
        end(process)
    if process.returncode:
        tail = complained.decode("utf-8", "replace")[-ERROR_TAIL:].strip()
        return {"cpu_s": 0.0, "error": tail or f"ended with {process.returncode}"}
    return {**json.loads(said.splitlines()[-1]), "error": ""}


def end(process):
    """End what is left of a process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


def kept(kind, key, make):
    """What `make()` gives, from the cache folder if it was made before for the same key; JSON."""
    path = folder() / kind / f"{key}.json"
    if path.exists():
        return json.loads(path.read_text())
    value = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return value
