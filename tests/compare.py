#!/usr/bin/env python3
"""Comparison of what two builds of recto make of the same documents.

    tests/compare.py OLD NEW OUT DOCUMENT... [-- FLAG...]

FLAGs go to `recto convert`. The builds run one after the other, one document at a time, so that neither takes time or memory
from the other. Markdown and review pages must be the same bytes, manifests and page records the same members; what differs
between two runs of one build (times) and what a build says of itself (fingerprint, pipeline revision, options) is left out.
Ends with 1 if anything differs.

A change that moves code and renames members shows with this that nothing else changed:

    tests/compare.py --rename way=method old/recto new/recto /tmp/compared tests/samples/*.pdf
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys

# Differ from run to run, or on purpose from build to build.
IGNORED = {"timing", "fingerprint", "pipeline_revision", "options"}
# Differences of one file that are printed.
SHOWN = 4


def convert(binary, documents, folder, flags):
    """Converts each document by itself; the exit codes by document."""
    codes = {}
    for document in documents:
        into = folder / document.name
        into.mkdir(parents=True, exist_ok=True)
        command = [binary, "convert", "--quiet", "-o", into, *flags, document]
        codes[document.name] = subprocess.run(command, stderr=subprocess.DEVNULL).returncode
    return codes


def comparable(node, renamed):
    """A JSON value without what is ignored, members under their new names."""
    if isinstance(node, dict):
        return {
            renamed.get(name, name): comparable(value, renamed)
            for name, value in node.items()
            if renamed.get(name, name) not in IGNORED
        }
    if isinstance(node, list):
        return [comparable(value, renamed) for value in node]
    return node


def differences(old, new, at=""):
    """Sentences on where two JSON values differ."""
    if isinstance(old, dict) and isinstance(new, dict):
        for name in sorted(old.keys() | new.keys()):
            if name not in old:
                yield f"{at}.{name}: new, {new[name]!r}"
            elif name not in new:
                yield f"{at}.{name}: gone, was {old[name]!r}"
            else:
                yield from differences(old[name], new[name], f"{at}.{name}")
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{at}: {len(old)} elements, now {len(new)}"
        for index, (one, other) in enumerate(zip(old, new)):
            yield from differences(one, other, f"{at}[{index}]")
    elif old != new:
        yield f"{at}: {old!r}, now {new!r}"


def compare(old, new, renamed):
    """Sentences on where two files differ."""
    if not old.exists() or not new.exists():
        return [f"only the {'new' if new.exists() else 'old'} build wrote it"]
    if old.suffix not in (".json", ".jsonl"):
        return [] if old.read_bytes() == new.read_bytes() else ["other bytes"]

    def read(path):
        lines = path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]
        return [comparable(json.loads(line), renamed) for line in lines]

    return list(differences(read(old), read(new)))


def main():
    """Converts with both builds, compares, and prints what differs."""
    line = sys.argv[1:]
    split = line.index("--") if "--" in line else len(line)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rename", action="append", default=[], metavar="OLD=NEW", help="a member's old and new name")
    parser.add_argument("old", type=pathlib.Path, help="a recto binary")
    parser.add_argument("new", type=pathlib.Path, help="another one")
    parser.add_argument("out", type=pathlib.Path, help="folder for the results, in `old` and `new`")
    parser.add_argument("documents", type=pathlib.Path, nargs="+")
    given = parser.parse_args(line[:split])
    flags = line[split + 1 :]
    renamed = dict(pair.split("=", 1) for pair in given.rename)

    folders = {build: given.out / build for build in ("old", "new")}
    codes = {
        build: convert(getattr(given, build).resolve(), given.documents, folder, flags)
        for build, folder in folders.items()
    }
    found = [f"{name}: exit {code}, now {codes['new'][name]}" for name, code in codes["old"].items() if code != codes["new"][name]]
    files = {path.relative_to(folder) for folder in folders.values() for path in folder.rglob("*") if path.is_file()}
    same = collections.Counter()
    for name in sorted(files):
        differing = compare(folders["old"] / name, folders["new"] / name, renamed)
        if differing:
            found.append(f"{name}: {len(differing)} differences: {'; '.join(differing[:SHOWN])}")
        else:
            same["".join(name.suffixes[-2:]) if name.name.endswith(".pages.jsonl") else name.suffix] += 1
    print(f"the same: {dict(same)}; different: {len(found)}")
    print(*found, sep="\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
