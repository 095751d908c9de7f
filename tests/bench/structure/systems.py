"""Recto's runs and the peers: what they are called, which version they are, how one converts a PDF to Markdown.

Peers run as they come, with their defaults, from the packages pinned in requirements.txt. A peer's function imports its
package and gives the function that converts, so that imports stay out of the time that is measured.
"""
import asyncio
import hashlib
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path

import common

# One thread, so that processor time is comparable.
RECTO_OPTIONS = ["--threads", "1", "--rasterizers", "1"]
RECTO = {
    "recto": [],
    "recto-drop": ["--headers-footers", "drop"],
    "recto-never": ["--text-layer", "never"],
}
# Which of Recto's runs is set against the best peer.
JUDGED = "recto"


def recto(options):
    def convert(pdf):
        with tempfile.TemporaryDirectory(prefix="recto-bench-") as out:
            command = [common.BINARY, "convert", pdf, "-o", out, *RECTO_OPTIONS, *options]
            done = subprocess.run(
                list(map(str, command)), env=common.recto_environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            written = sorted(Path(out).rglob("*.md"))
            if not written:
                raise RuntimeError(done.stderr.decode("utf-8", "replace")[-300:])
            return written[0].read_text(encoding="utf-8")

    return convert


def pymupdf4llm():
    """With its layout network; it asks tesseract for pages without text if that is installed."""
    import pymupdf4llm

    return lambda pdf: str(pymupdf4llm.to_markdown(pdf))


def liteparse():
    """Without OCR, which would fetch models: it reads no scans."""
    from liteparse import LiteParse

    options = {"output_format": "markdown", "quiet": True, "num_workers": 1, "max_pages": 500, "ocr_enabled": False}
    return lambda pdf: LiteParse(**options).parse(pdf).text


def pdf_inspector():
    import pdf_inspector

    return lambda pdf: pdf_inspector.process_pdf(pdf).markdown or ""


def kreuzberg():
    from kreuzberg import ExtractionConfig, extract_file_sync

    config = ExtractionConfig(output_format="markdown", use_cache=False)
    return lambda pdf: extract_file_sync(pdf, config=config).content


def xberg():
    import xberg

    config = xberg.ExtractionConfig(output_format="markdown", use_cache=False)

    def convert(pdf):
        given = xberg.ExtractInput(kind="bytes", bytes=Path(pdf).read_bytes(), mime_type="application/pdf")
        return asyncio.run(xberg.extract(given, config)).results[0].content

    return convert


def opendataloader():
    """A Java program, started again for each document."""
    import opendataloader_pdf

    def convert(pdf):
        with tempfile.TemporaryDirectory(prefix="recto-bench-") as out:
            opendataloader_pdf.convert(pdf, output_dir=out, format=["markdown"], quiet=True, image_output="off")
            return next(Path(out).rglob("*.md")).read_text(encoding="utf-8")

    return convert


def edgeparse():
    import edgeparse

    return lambda pdf: edgeparse.convert(pdf, format="markdown")


# Name, package, function.
PEERS = {
    "pymupdf4llm": ("pymupdf4llm", pymupdf4llm),
    "liteparse": ("liteparse", liteparse),
    "pdf-inspector": ("pdf-inspector", pdf_inspector),
    "kreuzberg": ("kreuzberg", kreuzberg),
    "xberg": ("xberg", xberg),
    "opendataloader": ("opendataloader-pdf", opendataloader),
    "edgeparse": ("edgeparse", edgeparse),
}
NAMES = [*RECTO, *PEERS]
# Programs that a peer needs beside its package, and the Debian package that has them.
PROGRAMS = {"opendataloader": ("java", "default-jre-headless")}


def converter(name):
    """The function of a system: path of a PDF to Markdown."""
    return recto(RECTO[name]) if name in RECTO else PEERS[name][1]()


def available(name):
    """Whether a system can run here; says why if it cannot."""
    program, package = PROGRAMS.get(name, (None, None))
    if program and not shutil.which(program):
        print(f"bench: {program} is not installed and {name} is left out (on Debian: apt-get install {package})")
        return False
    return True


def state(name):
    """A text that differs when a system's results may: the binary and its options, or the package's version."""
    if name in PEERS:
        return f"{name}-{version(PEERS[name][0])}"
    options = " ".join(RECTO_OPTIONS + RECTO[name])
    with open(common.BINARY, "rb") as binary:
        digest = hashlib.file_digest(binary, "sha256")
    digest.update(options.encode())
    return f"{name}-{digest.hexdigest()[:12]}"


def versions():
    own = subprocess.run([common.BINARY, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()[0]
    return ", ".join([own, *(f"{package} {version(package)}" for package, _ in PEERS.values())])
