"""The tables: a row a system, a column a measure, the best peer and Recto's difference to it below."""
from importlib.metadata import version

import common
from structure import olmocr_sample, systems

COLUMNS = {
    "papers": ["text", "head", "level", "tree", "teds", "inl", "inl-p", "disp", "disp-p", "list", "para", "order"],
    "readmes": ["text", "head", "level", "tree", "teds", "code", "list", "para", "order", "links"],
    "tagged": ["text", "head", "level", "tree", "teds", "list", "para", "order"],
    "bookmarks": ["found", "nesting", "links"],
    "olmocr": [*olmocr_sample.KINDS, "all", "kinds"],
}
# Measures whose counts are summed over documents: the column, the measure, and which counts are divided.
POOLED = {
    "inl": ("inline", 2, 0),
    "inl-p": ("inline", 2, 1),
    "disp": ("display", 2, 0),
    "disp-p": ("display", 2, 1),
    "found": ("bookmarks", 2, 0),
    "nesting": ("nesting", 1, 0),
    "links": ("weblinks", 1, 0),
}
COST = "cpu s/page"


def row(name, entries, pages):
    """The figures of one system: means over the documents that have the element, pooled shares, processor time a page.

    `entries` are the documents' scores with their `cpu_s`, `pages` the number of pages in all of them."""
    if name == "olmocr":
        made = olmocr_sample.table([outcome for entry in entries for outcome in entry["tests"]])
    else:
        made = {column: figure(column, entries) for column in COLUMNS[name]}
    made[COST] = sum(entry["cpu_s"] for entry in entries) / max(1, pages)
    return {column: value for column, value in made.items() if value is not None}


def figure(column, entries):
    measure, part, whole = POOLED.get(column, (None, None, None))
    counts = [entry[measure] for entry in entries if measure in entry]
    if counts:
        total = sum(count[whole] for count in counts)
        return sum(count[part] for count in counts) / total if total else None
    values = [entry[column] for entry in entries if column in entry]
    return sum(values) / len(values) if values else None


def table(name, rows):
    """Head and lines of a set's table, all texts: systems, the best peer, Recto's difference."""
    columns = [*COLUMNS[name], COST]
    head = ["", *columns]
    lines = [[system, *(show(figures.get(column)) for column in columns)] for system, figures in rows.items()]
    peers = {system: figures for system, figures in rows.items() if system in systems.PEERS}
    judged = rows.get(systems.JUDGED)
    if not peers or not judged:
        return head, lines
    names, differences = ["best peer"], [f"{systems.JUDGED} beside it"]
    for column in columns:
        those = {system: figures[column] for system, figures in peers.items() if figures.get(column)}
        if not those:
            names.append("-")
            differences.append("-")
            continue
        best = (min if column == COST else max)(those, key=those.get)
        names.append(best)
        known = column in judged
        differences.append(f"{judged[column] - those[best]:+.3f}" if known else "-")
    return head, [*lines, names, differences]


def show(value):
    return "-" if value is None else f"{value:.3f}"


def plain(title, head, lines, notes):
    """For a terminal."""
    widths = [max(map(len, column)) for column in zip(head, *lines)]
    rows = []
    for name, *cells in [head, *lines]:
        padded = [name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:]))]
        rows.append("  ".join(padded))
    return "\n".join([f"\n== {title}", *rows, *notes])


def markdown(title, head, lines, notes):
    """For README.md."""
    rows = ["| " + " | ".join(line) + " |" for line in [head, ["---"] * len(head), *lines]]
    return "\n\n".join([f"**{title}**", "\n".join(rows), *notes])


def about():
    """Machine and versions, for README.md."""
    rules = f"rules of olmOCR-bench: olmocr {version('olmocr')}"
    return f"{common.machine()}. Command: `make bench-structure`.\n\nVersions: {systems.versions()}; {rules}."
