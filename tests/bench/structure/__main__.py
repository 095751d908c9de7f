"""`python3 tests/bench/structure`: runs the bench with the Python of its own environment, made when it is missing.

With `--check` alone it checks the measures on small examples, without a corpus.
"""
import os
import sys
import unittest
from pathlib import Path

BENCH = Path(__file__).resolve().parents[1]
# As a folder that is run, this one would be searched for modules first, and its names hide others'.
sys.path[0] = str(BENCH)

import common  # noqa: E402


def main():
    check = sys.argv[1:] == ["--check"]
    if not check:
        common.corpus()
    environment = common.environment(BENCH / "structure/requirements.txt")
    if Path(sys.prefix) != environment.parents[1]:
        os.execv(environment, [str(environment), str(BENCH / "structure"), *sys.argv[1:]])
    if check:
        unittest.main("structure.check", argv=sys.argv[:1])
    from structure import run

    run.main()


if __name__ == "__main__":
    main()
