#!/usr/bin/env python3
"""Fetch Tesseract and data of languages for it, for `--script-fallback tesseract`.

    python3 deploy/tesseract.py rus,ell       fetch the program and data of these languages, as Tesseract names them

Debian's packages tesseract-ocr and tesseract-ocr-LANGUAGE, with the libraries that this machine lacks, are unpacked into
the folder `tesseract` of the cache folder (RECTO_CACHE, else $XDG_CACHE_HOME/recto, else ~/.cache/recto), in place of what
was there: nothing is installed, no privileges are needed. Recto looks there first. Needs Python 3.9, apt-get and dpkg.
Whoever may install packages can as well do that: Recto finds an installed Tesseract too.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from debian import DebianError, unpack
from setup import cache_folder

PROGRAM = "usr/bin/tesseract"
OTHERWISE = "install the packages tesseract-ocr and tesseract-ocr-LANGUAGE, or name a tesseract with --tesseract"


def main():
    languages = [name for argument in sys.argv[1:] for name in argument.split(",") if name]
    if not languages or not all(re.fullmatch(r"[a-z]{3}(_[a-z]+)*", name) for name in languages):
        print("tesseract: name languages as Tesseract does, such as rus,ell or chi_sim: "
              "make setup-tesseract LANGUAGES=rus,ell", file=sys.stderr)
        return 2
    try:
        put(cache_folder() / "tesseract", languages)
    except (DebianError, OSError) as error:
        print(f"tesseract: {error}", file=sys.stderr)
        return 1
    return 0


def put(folder, languages):
    """Fill a folder with Tesseract, and give it its name: it is there whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".tesseract-", dir=folder.parent))
    try:
        made = scratch / "tesseract"
        made.mkdir()
        fetch(made, scratch, languages)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(made, folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"tesseract: {', '.join(languages)} in {folder}")


def fetch(root, scratch, languages):
    packages = ["tesseract-ocr", *("tesseract-ocr-" + name.replace("_", "-") for name in languages)]
    unpack(root, scratch, packages, OTHERWISE, with_missing=True)
    check(root, languages)


def check(root, languages):
    """Ask the program for its languages, with the libraries and the data that were unpacked."""
    libraries = [*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu")]
    data = next(iter(sorted(root.glob("usr/share/tesseract-ocr/*/tessdata"))), None)
    environment = {"LD_LIBRARY_PATH": ":".join(map(str, libraries)), "TESSDATA_PREFIX": str(data)}
    done = subprocess.run(
        [str(root / PROGRAM), "--list-langs"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = done.stdout.decode("utf-8", "replace")
    absent = [name for name in languages if name not in said.splitlines()]
    if done.returncode != 0 or absent:
        last = said.strip().splitlines()[-1:]
        raise DebianError(f"what was unpacked does not read {', '.join(absent or languages)}: {' '.join(last)}; {OTHERWISE}")


if __name__ == "__main__":
    sys.exit(main())
