#!/usr/bin/env python3
"""Picks few small files that reach most of the code: pick.py CONTROL TO [COUNT].

CONTROL is what libFuzzer's `-merge=1 -use_counters=0 -merge_control_file=CONTROL` writes: the files, and what each of them reaches.
"""

import hashlib
import pathlib
import shutil
import sys

MOST_BYTES = 4096


def main():
    control, target = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 300
    lines = control.read_text().splitlines()
    files = lines[2 : 2 + int(lines[0])]
    edges = {}
    for words in (line.split() for line in lines[2 + len(files) :]):
        if words[0] == "FT":
            edges.setdefault(int(words[1]), set()).update(words[2:])
    sizes = {at: pathlib.Path(files[at]).stat().st_size for at in edges}
    left = {at: reached for at, reached in edges.items() if sizes[at] <= MOST_BYTES}
    everything, reached, picked = set().union(*left.values()), set(), []
    while left and len(picked) < count:
        best = max(left, key=lambda at: (len(left[at] - reached), -sizes[at]))
        if not left[best] - reached:
            break
        reached |= left.pop(best)
        picked.append(files[best])
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for path in map(pathlib.Path, picked):
        shutil.copyfile(path, target / hashlib.sha256(path.read_bytes()).hexdigest()[:16])
    print(f"{len(picked)} files reach {len(reached)} of {len(everything)} edges")


main()
