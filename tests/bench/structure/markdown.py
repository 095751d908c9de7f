"""Markdown as the bench reads it: blocks with plain text, formulas, links. Lenient, for all systems alike.

Text is compared folded: NFKC, typographic quotes and dashes plain, white space as one space, Markdown's marks and escapes
off. Tables are those in pipes, HTML and LaTeX; formulas those in `$`, `$$`, `\\(` and `\\[`.
"""
import html
import re
import unicodedata
from dataclasses import dataclass

from bs4 import BeautifulSoup
from pylatexenc.latex2text import LatexNodes2Text

FOLD = str.maketrans("‘’“”„–—−‐‑\u00a0", "''\"\"\"----- ", "\u00ad\u200b")
INLINE_FORMULA = re.compile(
    r"\\\((.+?)\\\)|(?<![\\$])\$(?![\s$])((?:[^$\n]|\n(?!\s*\n)){1,400}?)(?<![\s\\$])\$(?![\d$])", re.S
)
DISPLAY_FORMULA = re.compile(r"\\\[(.+?)\\\]|(?<!\\)\$\$(.+?)(?<!\\)\$\$", re.S)
ITEM = re.compile(r"^(\s*)([-*+•◦▪‣·]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s+(.*)$")
HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
UNDERLINE = re.compile(r"^\s{0,3}(=+|-{2,})\s*$")
RULE = re.compile(r"^\s{0,3}([-*_]\s*){3,}$")
PIPES = re.compile(r"^\s*\|.*\|\s*$")
PIPE_RULE = re.compile(r"^\s*\|?[\s:|-]*-[\s:|-]*\|?\s*$")
FENCE = re.compile(r"(?m)^[ \t]*(```+|~~~+)([^\n`]*)\n(.*?)^[ \t]*\1[ \t]*$", re.S)
HTML_TABLE = re.compile(r"<table\b.*?</table>", re.S | re.I)
LATEX_TABLE = re.compile(
    r"\\begin\{table\*?\}.*?\\end\{table\*?\}|\\begin\{tabular\*?\}.*?\\end\{tabular\*?\}", re.S
)
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((https?://[^)\s]+)\)")
INLINE_TAGS = "sup|sub|b|i|u|em|strong|span|div|p|a|code|small|center|font|mark|s|del|h\\d|img|ul|ol|li|details|summary"
TAG = re.compile(rf"</?(?:{INLINE_TAGS})\b[^>]*>", re.I)
ESCAPE = re.compile(r"\\([\\`*_{}\[\]()#+.!<>|~$&\"'^=:/-])")
# What stands for blocks that are taken out before lines are read, and for escaped characters: Unicode's private area.
HELD = re.compile("^\ue800(\\d+)\ue801$")
ESCAPED = {0xE000 + code: code for code in range(0x80)}


@dataclass
class Block:
    """A block; `kind` is head, para, item, code, table or formula.

    `text` is its plain text without formulas, `full` with formulas as readable characters. `level` is a heading's level;
    `grid` a table's rows of cell texts; `source` a formula's LaTeX."""

    kind: str
    text: str = ""
    full: str = ""
    level: int = 0
    grid: list | None = None
    source: str = ""


class Document:
    """Markdown read to blocks, with its formulas (LaTeX) and the web addresses that its links lead to."""

    def __init__(self, markdown):
        source = markdown.replace("\r", "").replace("\f", "\n\n").removeprefix("\ufeff")
        source = re.sub(r"\A---\n.*?\n---(\n|\Z)", "", source, flags=re.S)
        self.source = re.sub(r"<!--.*?-->", "", source, flags=re.S)
        self.links = set(LINK.findall(self.source))
        self.inline, self.display, self.blocks = [], [], []
        self.paragraph, self.pipes = [], []
        self.held = []
        self.read(self.take_out(self.source))

    def of(self, *kinds):
        return [block for block in self.blocks if block.kind in kinds]

    def running_text(self):
        """Text outside headings, tables and formulas."""
        return fold(" ".join(block.text for block in self.of("para", "item", "code")))

    def everything(self):
        parts = []
        for block in self.blocks:
            cells = (cell for row in block.grid for cell in row) if block.kind == "table" else ()
            parts.append(" ".join(cells) or block.full or block.text)
        return fold(" ".join(parts))

    def take_out(self, source):
        """Replace what goes over several lines by a line that stands for it."""
        source = FENCE.sub(lambda found: self.hold(Block("code", found[3], found[3])), source)
        source = HTML_TABLE.sub(lambda found: self.hold(Block("table", grid=html_grid(found[0]))), source)
        source = LATEX_TABLE.sub(lambda found: self.hold(Block("table", grid=latex_grid(found[0]))), source)
        return DISPLAY_FORMULA.sub(self.take_display, source)

    def hold(self, block):
        self.held.append(block)
        return f"\n\n\ue800{len(self.held) - 1}\ue801\n\n"

    def take_display(self, found):
        formula = found[1] or found[2]
        self.display.append(formula)
        return self.hold(Block("formula", readable(formula), readable(formula), source=formula))

    def read(self, source):
        after_gap = False
        for line in source.split("\n"):
            held = HELD.match(line.strip())
            if held:
                self.flush()
                self.blocks.append(self.held[int(held[1])])
            elif not line.strip():
                self.flush()
            else:
                self.read_line(line, after_gap)
            after_gap = not line.strip()
        self.flush()

    def read_line(self, line, after_gap):
        if PIPES.match(line):
            self.flush_paragraph()
            self.pipes.append(line)
            return
        self.flush_pipes()
        heading, item, underline = HEADING.match(line), ITEM.match(line), UNDERLINE.match(line)
        if heading:
            self.flush()
            self.add("head", heading[2], len(heading[1]))
        elif underline and 0 < len(self.paragraph) <= 2:
            words, self.paragraph = " ".join(self.paragraph), []
            self.add("head", words, 1 if "=" in line else 2)
        elif RULE.match(line):
            self.flush()
        elif item and (not self.paragraph or re.match(r"[-*+•\d(]", item[2])):
            self.flush()
            self.add("item", item[3])
        elif not self.paragraph and self.blocks and self.goes_on(line, after_gap):
            last = self.blocks[-1]
            last.text = f"{last.text} {plain(self.without_formulas(line))}".strip()
            last.full = f"{last.full} {plain(with_formulas(line))}".strip()
        else:
            self.paragraph.append(line)

    def goes_on(self, line, after_gap):
        """Whether a line belongs to the list item before it."""
        return self.blocks[-1].kind == "item" and (not after_gap or line.startswith("  "))

    def add(self, kind, source, level=0):
        block = Block(kind, plain(self.without_formulas(source)), plain(with_formulas(source)), level)
        if squeezed(block.full) or kind == "item":
            self.blocks.append(block)

    def without_formulas(self, source):
        def take(found):
            self.inline.append(found[1] or found[2])
            return " "

        return INLINE_FORMULA.sub(take, source)

    def flush(self):
        self.flush_pipes()
        self.flush_paragraph()

    def flush_pipes(self):
        if self.pipes:
            rows = [pipe_cells(line) for line in self.pipes if not PIPE_RULE.match(line)]
            self.blocks.append(Block("table", grid=rows))
            self.pipes = []

    def flush_paragraph(self):
        if self.paragraph:
            source, self.paragraph = "\n".join(self.paragraph), []
            self.add("para", source)


def fold(text):
    text = unicodedata.normalize("NFKC", text.translate(FOLD)).translate(FOLD)
    return re.sub(r"\s+", " ", text).strip()


def squeezed(text):
    """Text without white space, underscores and soft hyphens: what is compared where spacing must not count."""
    return re.sub(r"[\s_\u00ad]+", "", text)


def plain(source):
    """Inline Markdown without its marks, folded; formulas must be out or readable already."""
    source = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", source)
    target = r"[^()\s]*(?:\([^()]*\)[^()\s]*)*(?:\s+\"[^\"]*\")?"
    source = re.sub(rf"\[((?:[^\[\]]|\\\])*)\]\({target}\)", r"\1", source)
    source = re.sub(r"<((?:https?|mailto|ftp)[^>\s]*)>", r"\1", source)
    source = TAG.sub("", re.sub(r"<br\s*/?>", " ", source, flags=re.I))
    source = ESCAPE.sub(lambda found: chr(0xE000 + ord(found[1])), source)
    source = re.sub(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", r"\2", source, flags=re.S)
    source = re.sub(r"(?<![\w*])\*(?=\S)([^*\n]+?)(?<=\S)\*(?![\w*])", r"\1", source)
    source = re.sub(r"(?<![\w_])_(?=\S)([^_\n]+?)(?<=\S)_(?![\w_])", r"\1", source)
    source = source.replace("**", "").replace("`", "").replace("~~", "")
    return fold(html.unescape(source.translate(ESCAPED)))


def with_formulas(source):
    """Inline formulas replaced by readable characters."""
    return INLINE_FORMULA.sub(lambda found: " " + readable(found[1] or found[2]).replace("*", r"\*") + " ", source)


def readable(formula):
    """LaTeX as readable characters, for comparing cells and text."""
    formula = re.sub(r"\\[\(\)\[\]]|\$", " ", formula)
    try:
        formula = LatexNodes2Text(math_mode="text", strict_latex_spaces=False).latex_to_text(formula)
    except Exception:  # It raises errors of many kinds at broken LaTeX, which systems do write.
        formula = re.sub(r"\\[a-zA-Z]+|[{}]", " ", formula)
    return re.sub(r"[\^_]", "", formula)


def pipe_cells(line):
    line = line.strip().removeprefix("|")
    line = re.sub(r"(?<!\\)\|\s*$", "", line)
    return [plain(with_formulas(cell.strip())) for cell in re.split(r"(?<!\\)\|", line)]


def html_grid(source):
    """Rows of an HTML table; a cell that spans others leaves them empty."""
    rows, taken = [], set()
    for number, row in enumerate(BeautifulSoup(source, "lxml").find_all("tr")):
        cells = []

        def fill():
            while (number, len(cells)) in taken:
                cells.append("")

        for cell in row.find_all(["td", "th"], recursive=False):
            fill()
            for line_break in cell.find_all("br"):
                line_break.replace_with(" ")
            at = len(cells)
            cells.append(plain(cell.get_text()))
            for down in range(span(cell, "rowspan")):
                taken.update((number + down, at + right) for right in range(span(cell, "colspan")) if down or right)
        fill()
        rows.append(cells)
    return rows


# A span that a system makes up must not cost memory.
MOST_SPAN = 60


def span(cell, name):
    return min(MOST_SPAN, max(1, int(re.sub(r"\D", "", cell.get(name, "1"))[:4] or 1)))


def latex_grid(source):
    """Rows of the tabular environments in a LaTeX table."""
    tabular = r"\\begin\{tabular\*?\}(?:\{[^{}]*\})?\{(?:[^{}]|\{[^{}]*\})*\}(.*?)\\end\{tabular\*?\}"
    rows = []
    for table in re.findall(tabular, source, re.S) or [source]:
        table = re.sub(r"\\(hline|toprule|midrule|bottomrule)|\\(cline|cmidrule)(\([^)]*\))?\{[^}]*\}", "", table)
        for line in re.split(r"\\\\(?:\[[^\]]*\])?", table):
            if line.strip():
                rows.append([cell for source in re.split(r"(?<!\\)&", line) for cell in latex_cells(source)])
    return rows


def latex_cells(source):
    """A cell of a LaTeX table, with an empty one for each further column that it spans."""
    spanning = re.match(r"\s*\\multicolumn\{(\d+)\}\{[^}]*\}\{(.*)\}\s*$", source, re.S)
    count, source = (int(spanning[1]), spanning[2]) if spanning else (1, source)
    source = re.sub(r"\\multirow\{[^}]*\}\{[^}]*\}\{(.*)\}", r"\1", source, flags=re.S)
    return [fold(readable(source.replace("**", "")))] + [""] * (min(count, MOST_SPAN) - 1)
