"""One conversion in a process of its own: `python3 -m structure.convert SYSTEM PDF OUT.md`.

Writes the Markdown and prints one line of JSON, last: `cpu_s`, processor seconds of this process and those it started, from
the call to its end, without Python's start and imports. A model that is loaded at the first call counts.
"""
import json
import os
import resource
import sys
from pathlib import Path

from structure import systems


def processor_s():
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def main():
    name, pdf, out = sys.argv[1:]
    convert = systems.converter(name)
    before = processor_s()
    markdown = convert(pdf)
    cpu_s = round(processor_s() - before, 3)
    Path(out).write_text(markdown, encoding="utf-8", errors="replace")
    print("\n" + json.dumps({"cpu_s": cpu_s}), flush=True)
    # Some peers leave threads behind that would hold the process.
    os._exit(0)


if __name__ == "__main__":
    main()
