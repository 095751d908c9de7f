"""Structure of Recto's Markdown beside its peers' in one run, on documents of which the structure is known.

    RECTO_CORPUS=FOLDER make bench-structure ARGS="--only readoc,tagged --systems recto,liteparse --budget 600"

Converts one document at a time, each in a process of its own with a time limit, and keeps results by the binary and the
packages' versions in the cache folder: a second run reads only what is new. Prints a table a set; the scores of every
document go to out/bench-structure.json. README.md gets the tables when all sets and systems were measured in full.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import common
from structure import documents, measures, olmocr_sample, report, results, systems

MEASURING = ["markdown.py", "tables.py", "measures.py"]


def main():
    args = arguments()
    corpus = common.corpus()
    if any(name in systems.RECTO for name in args.systems) and not common.BINARY.is_file():
        sys.exit(f"bench: {common.BINARY} is not built (make build)")
    deadline = time.monotonic() + args.budget
    names = [name for name in args.systems if systems.available(name)]
    tables, everything, complete = [], {}, names == systems.NAMES
    for name in (part for only in args.only for part in documents.NAMED[only]):
        those = documents.documents(name, corpus, results.folder() / "cut")
        scored, left = measure(name, those, names, corpus, deadline)
        everything[name] = scored
        complete = complete and bool(those) and not left
        table = tabulate(name, those, scored)
        print(report.plain(*table), flush=True)
        tables.append(report.markdown(*table))
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_text(json.dumps(everything, indent=1, ensure_ascii=False), encoding="utf-8")
    print(f"\nbench: the scores of every document are in {args.json}")
    if complete and len(tables) == len(documents.SETS) and not args.no_write:
        common.replace_between(common.HERE / "README.md", "structure", "\n\n".join([report.about(), *tables]))


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = ",".join
    parser.add_argument(
        "--only", type=listed(documents.NAMED), default=list(documents.NAMED), help=f"sets, of {known(documents.NAMED)}"
    )
    parser.add_argument("--systems", type=listed(systems.NAMES), default=systems.NAMES, help=f"of {known(systems.NAMES)}")
    parser.add_argument(
        "--budget", type=float, default=float("inf"), help="seconds after which no further document is converted"
    )
    parser.add_argument("--json", type=Path, default=common.ROOT / "out/bench-structure.json", help="file for all scores")
    parser.add_argument("--no-write", action="store_true", help="leave README.md as it is")
    return parser.parse_args()


def listed(known):
    """A type for arguments: names with commas between, of those known, in their order."""

    def names(text):
        wanted = text.split(",")
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is none of {', '.join(known)}")
        return [name for name in known if name in wanted]

    return names


def measure(name, those, names, corpus, deadline):
    """Scores by system and document, and how many documents were left for want of time."""
    rules = olmocr_sample.tests(corpus, those) if name == "olmocr" and those else {}
    scored, left = {}, 0
    for system in names:
        state = systems.state(system)
        scored[system] = {}
        for document in those:
            result = results.result(state, system, document, deadline)
            if result is None:
                left += 1
                continue
            if result.error:
                print(f"bench: {system} on {document.name}: {result.error.strip().splitlines()[-1]}", file=sys.stderr)
            entry = score(document, result.markdown, rules.get(document.name))
            scored[system][document.name] = {**entry, "cpu_s": result.cpu_s, "error": result.error}
        done = len(scored[system])
        print(f"bench: {name}, {system}: {done} of {len(those)} documents", file=sys.stderr, flush=True)
    return scored, left


def score(document, markdown, rules):
    if rules is not None:
        return {"tests": olmocr_sample.scores(document, rules, markdown)}
    known = json.dumps([document.bookmarks, sorted(document.links)])
    key = results.digest(document.truth or known, markdown, *(source.read_bytes() for source in sources()))
    if document.truth is not None:
        return results.kept("scored", key, lambda: measures.scores(document.truth, markdown))
    return results.kept("scored", key, lambda: measures.facts(document.bookmarks, document.links, markdown))


def sources():
    return [Path(__file__).with_name(name) for name in MEASURING]


def tabulate(name, those, scored):
    """Title, head, lines and notes of a set's table."""
    pages = {document.name: document.pages for document in those}
    rows, notes = {}, []
    for system, entries in scored.items():
        if entries:
            rows[system] = report.row(name, list(entries.values()), sum(pages[document] for document in entries))
        if len(entries) < len(those):
            notes.append(f"{system}: {len(entries)} of {len(those)} documents converted so far.")
        failed = [document for document, entry in entries.items() if entry["error"]]
        if failed:
            notes.append(f"{system} failed on {', '.join(failed)}, and has nothing there.")
    title = f"{documents.SETS[name]} ({len(those)} documents, {sum(pages.values())} pages)"
    return title, *report.table(name, rows), notes
