"""The structure tree of a tagged PDF as Markdown, to be taken as truth. Needs poppler's pdfinfo.

`pdfinfo -struct-text` prints an element a line, `P (block)`, indented by its depth, and its text in quotation marks
below it. Element types: ISO 32000-1, 14.8.4.
"""
import re
import subprocess
from collections import Counter
from dataclasses import dataclass, field

INLINE = {"Span", "Link", "Lbl", "Reference", "Em", "Strong", "Quote", "Code"}
PARAGRAPHS = {"P", "Caption", "Note", "TOCI", "BibEntry"}
WITHOUT_TEXT = {"Artifact", "Figure", "Formula"}
HEADING = re.compile(r"H[1-6]?")
# Bullets that producers leave in the text of a list item.
BULLET = re.compile(r"^\s*[•●▪◦–\-\uf0b7]\s*")
TIMEOUT_S = 60


@dataclass
class Element:
    """An element of the tree; its children are elements and, as strings, text."""

    kind: str
    indent: int
    children: list = field(default_factory=list)

    def elements(self):
        return [child for child in self.children if isinstance(child, Element)]


def tree(path):
    """The document's structure tree; without children if it has no tags."""
    root = Element("Root", -1)
    try:
        done = subprocess.run(
            ["pdfinfo", "-struct-text", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        return root
    open_elements = [root]
    lines = iter(done.stdout.decode("utf-8", "replace").split("\n"))
    for line in lines:
        bare = line.strip()
        # Attributes begin with a slash.
        if not bare or bare.startswith(("/", "Object ")):
            continue
        indent = len(line) - len(line.lstrip(" "))
        kind = re.match(r"[A-Za-z][A-Za-z0-9]*", bare)
        if bare.startswith('"'):
            child = quoted(bare, lines)
        elif kind:
            child = Element(kind[0], indent)
        else:
            continue
        while open_elements[-1].indent >= indent:
            open_elements.pop()
        open_elements[-1].children.append(child)
        if isinstance(child, Element):
            open_elements.append(child)
    return root


def quoted(first, lines):
    """A text in quotation marks that may go on over the next lines."""
    text = first
    while not (len(text) > 1 and text.endswith('"')):
        following = next(lines, None)
        if following is None:
            return text[1:]
        text += "\n" + following
    return text[1:-1]


def walk(element):
    for child in element.elements():
        yield child
        yield from walk(child)


def has_structure(root):
    return any(HEADING.fullmatch(element.kind) or element.kind in ("L", "Table") for element in walk(root))


def share_of_words(root, page_text):
    """Share of the words of `page_text` that the tree's Markdown has, counted as bags."""
    words = Counter(re.findall(r"\w+", page_text))
    held = Counter(re.findall(r"\w+", re.sub(r"<[^>]*>", " ", markdown(root))))
    return (words & held).total() / max(1, words.total())


def text(element):
    """All text of an element; block elements within it are set apart by spaces."""
    if isinstance(element, str):
        return element
    parts = []
    for child in element.children:
        inline = isinstance(child, str) or child.kind in INLINE
        parts.append(text(child) if inline else f" {text(child)} ")
    return "".join(parts)


def clean(words):
    return re.sub(r"\s+", " ", words).strip()


def markdown(root):
    blocks = []
    for child in root.children:
        write(child, 0, blocks)
    return "\n\n".join(blocks) + "\n"


def write(element, depth, blocks):
    """Append an element's Markdown to `blocks`; `depth` counts the lists around it."""
    if isinstance(element, str):
        words = clean(element)
        if words:
            blocks.append(words)
    elif HEADING.fullmatch(element.kind):
        words = clean(text(element))
        if words:
            blocks.append("#" * int(element.kind[1:] or 1) + " " + words)
    elif element.kind == "Table":
        write_table(element, blocks)
    elif element.kind == "LI":
        write_item(element, depth, blocks)
    elif element.kind in PARAGRAPHS and not any(holds_blocks(child) for child in element.elements()):
        words = clean(text(element))
        if words:
            blocks.append(re.sub(r"^([#>*+-]|\d+[.)])(?=\s)", r"\\\1", words))
    elif element.kind not in WITHOUT_TEXT:
        for child in element.children:
            write(child, depth, blocks)


def holds_blocks(element):
    return element.kind in ("Table", "L") or HEADING.fullmatch(element.kind)


def write_table(element, blocks):
    rows = [[clean(text(cell)) for cell in row.elements() if cell.kind in ("TD", "TH")] for row in table_rows(element)]
    if max(map(len, rows), default=0) < 2:
        # A frame around text, no table.
        blocks.extend(cell for row in rows for cell in row)
        return
    cell = "<td>{}</td>".format
    escaped = [[entry.replace("&", "&amp;").replace("<", "&lt;") for entry in row] for row in rows]
    lines = ("<tr>" + "".join(map(cell, row)) + "</tr>" for row in escaped)
    blocks.append("<table>" + "".join(lines) + "</table>")


def table_rows(element):
    """The rows of a table, not those of tables in its cells."""
    for child in element.elements():
        if child.kind == "TR":
            yield child
        else:
            yield from table_rows(child)


def write_item(element, depth, blocks):
    own, nested = [], []

    def split(part):
        for child in part.children:
            if isinstance(child, str):
                own.append(child)
            elif child.kind == "L":
                nested.append(child)
            elif child.kind != "Lbl":
                split(child)
                own.append(" ")

    split(element)
    words = BULLET.sub("", clean("".join(own)))
    if words:
        blocks.append("  " * depth + "- " + words)
    for child in nested:
        write(child, depth + 1, blocks)
