"""Set text on a page image, and keep account of what was set.

A `Sheet` grows from top to bottom. Whatever is put on it lands in three places: on the image, in `truth` (the lines as
they are printed, which is what is typed by people who transcribe scans), and in `markdown` (the blocks as a careful
person would write them).
"""
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

DPI = 200
A4 = (1654, 2339)
SOFT_HYPHEN = "\u00ad"
FONT_FILES = {
    "serif": "LiberationSerif-Regular.ttf",
    "serif-bold": "LiberationSerif-Bold.ttf",
    "serif-italic": "LiberationSerif-Italic.ttf",
    "sans": "LiberationSans-Regular.ttf",
    "sans-bold": "LiberationSans-Bold.ttf",
    "han": "wqy-microhei.ttc",
}
# Points at which the words of the samples may be broken.
BREAKS = {
    word.replace("-", ""): word.replace("-", SOFT_HYPHEN)
    for word in (
        "ac-ces-sions ac-com-mo-da-tion ar-range-ment ar-chi-vist cat-a-logue cat-a-logued cat-a-logu-ing cen-tu-ry "
        "col-lec-tion col-lec-tions com-mit-tee com-plet-ed con-di-tion con-ser-va-tion con-sid-er-able "
        "cor-re-spon-dence de-part-ment de-pos-it-ed doc-u-ments en-quir-ies es-tab-lished ex-hi-bi-tion gen-er-a-tions "
        "his-to-ri-ans in-for-ma-tion lo-cal man-u-scripts me-dieval mi-cro-film op-er-a-tion or-di-nary "
        "par-ish per-ma-nent pho-to-graphs pre-served pres-er-va-tion pro-duc-tion pro-duc-tions pub-lished "
        "re-cord-ed re-cords reg-is-ter reg-is-ters re-main-ing re-paired re-pos-i-to-ry re-search-ers sep-a-rate "
        "strong-room sur-vey sur-vey-or sur-vey-ors tem-per-a-ture tran-script tran-scripts vis-i-tors vol-ume vol-umes "
        "vol-un-teers af-ter-wards agree-ment an-ces-tor cal-cu-lat-ing col-ours com-mis-sion-ers com-pen-sat-ed con-firm "
        "coun-tries cur-rent dif-fi-cul-ty dis-cov-ered dis-trict draw-ings ear-ly em-bank-ment en-gi-neers en-trance es-tab-lish "
        "ex-change ex-pect-ed ex-plained fac-sim-i-le fol-lows foun-da-tions grand-father hun-dred imi-ta-tions in-formed "
        "in-spec-tion in-sti-tu-tions let-ters ma-chine ma-te-ri-al mea-sures moth-er nec-es-sary ne-go-ti-a-tions "
        "neigh-bour-ing news-pa-per oc-cu-pied Oc-to-ber per-fect-ly pho-to-graph pho-to-graph-ic prep-a-ra-tion pub-li-ca-tion "
        "rea-son re-mem-ber re-mov-al re-port-ed school-mis-tress stair-case sum-mer there-fore trou-ble-some un-dam-aged "
        "un-der-min-ed un-der-tak-ing uni-ver-si-ty un-li-censed up-per-most var-nish var-nished Wednes-days wheel-bar-row "
        "wheel-wright wa-ter-works be-lieved how-ever noth-ing ac-counts cen-tu-ries cor-rec-tion im-por-tance no-body "
        "mat-ter Mich-ael-mas mis-tak-en re-vised "
        "wa-ter-works yes-ter-day bound-aries meas-ure-ments land-own-ers hand-writ-ing char-ac-ters"
    ).split()
}


class Fonts:
    """Font files found below some folders, by the names of `FONT_FILES`."""

    def __init__(self, folders):
        found = {path.name: path for folder in folders for path in Path(folder).rglob("*.tt?")}
        missing = [name for name in FONT_FILES.values() if name not in found]
        if missing:
            raise SystemExit(f"fonts not found: {', '.join(missing)}; see README.md here for the packages")
        self.paths = {key: found[name] for key, name in FONT_FILES.items()}

    def at(self, key, points, dpi=DPI):
        return ImageFont.truetype(str(self.paths[key]), round(points * dpi / 72))


@dataclass
class Style:
    """Which type, how large (points), and how far from line to line (times the size)."""

    font: str = "serif"
    points: float = 11.5
    leading: float = 1.32


class Sheet:
    """One page."""

    def __init__(self, fonts, size=A4, margin=210, dpi=DPI):
        self.fonts, self.dpi = fonts, dpi
        self.image = Image.new("L", size, 255)
        self.draw = ImageDraw.Draw(self.image)
        self.left, self.right = margin, size[0] - margin
        self.y = margin
        self.truth, self.markdown = [], []

    def font(self, style):
        return self.fonts.at(style.font, style.points, self.dpi)

    def step(self, style):
        return round(style.points * self.dpi / 72 * style.leading)

    def space(self, pixels):
        self.y += pixels

    # Blocks, from the largest to the smallest.

    def heading(self, text, level, style, align="left", after=24):
        for line in text.split("\n"):
            self.line(line, style, align)
        self.markdown.append("#" * level + " " + text.replace("\n", " "))
        self.gap(after)

    def paragraph(self, text, style=Style(), indent=0, justify=True, after=14):
        self.flow(text, style, self.left, self.right, indent, justify)
        self.markdown.append(text)
        self.gap(after)

    def short_lines(self, lines, style=Style(), align="left", after=14):
        """Lines that stay apart, such as an address."""
        for line in lines:
            self.line(line, style, align)
        self.markdown.append("  \n".join(lines))
        self.gap(after)

    def items(self, items, style=Style(), hang=52, marks=None, after=14):
        """A bullet list, or a numbered one if `marks` are given."""
        for mark, text in zip(marks or ["•"] * len(items), items):
            top = self.y
            self.flow(text, style, self.left + 40 + hang, self.right, 0, True)
            self.draw.text((self.left + 40, top), mark, 0, self.font(style))
            # Numbers are typed in a transcript; dots are left out, as the scorer leaves out Markdown's.
            if marks:
                first = len(self.truth) - len(self.flowed)
                self.truth[first] = f"{mark} {self.truth[first]}"
            self.space(6)
        bullets = marks or ["-"] * len(items)
        self.markdown.append("\n".join(f"{mark} {text}" for mark, text in zip(bullets, items)))
        self.gap(after)

    def table(self, rows, widths, style=Style(), align=None, open_below=None, after=20):
        """A ruled table, its first row the head. Cells may hold line feeds. Rows from `open_below` on leave empty
        cells unruled."""
        align = align or ["left"] * len(widths)
        pad, step = 12, self.step(style)
        edges = [self.left + sum(widths[:i]) for i in range(len(widths) + 1)]
        for index, row in enumerate(rows):
            height = step * max(cell.count("\n") + 1 for cell in row) + 2 * pad
            for cell, left, right, side in zip(row, edges, edges[1:], align):
                if cell or open_below is None or index < open_below:
                    self.draw.rectangle((left, self.y, right, self.y + height), outline=0, width=3)
                self.cell(cell, left + pad, right - pad, self.y + pad, style if index else bold(style), side)
            self.truth.append(" ".join(cell.replace("\n", " ") for cell in row if cell))
            self.y += height
        self.markdown.append(markdown_table(rows, align))
        self.gap(after)

    def cell(self, text, left, right, y, style, side):
        for number, line in enumerate(text.split("\n")):
            width = self.font(style).getlength(line)
            x = left if side == "left" else right - width
            self.draw.text((x, y + number * self.step(style)), line, 0, self.font(style))

    def footnote(self, text, style):
        self.draw.line((self.left, self.y, self.left + 300, self.y), fill=0, width=2)
        self.space(14)
        self.paragraph(text, style)

    def at_top(self, text, style, y, align="center"):
        """A running head: set at `y`, outside the flow."""
        self.header_or_footer(text, style, y, align)

    def at_foot(self, text, style, y, align="center"):
        """A page number or running foot; call it last."""
        self.header_or_footer(text, style, y, align)

    def header_or_footer(self, text, style, y, align):
        keep, self.y = self.y, y
        self.line(text, style, align)
        self.truth.append("")
        self.markdown.append(text)
        self.y = keep

    # Lines.

    def gap(self, pixels):
        self.space(pixels)
        self.truth.append("")

    def line(self, text, style, align="left"):
        width = self.font(style).getlength(text)
        free = self.right - self.left - width
        x = self.left + {"left": 0, "center": free / 2, "right": free}[align]
        self.draw.text((x, self.y), text, 0, self.font(style))
        self.truth.append(text)
        self.y += self.step(style)

    def flow(self, text, style, left, right, indent, justify):
        """Set running text between two edges; the lines set are left in `flowed`."""
        font = self.font(style)
        lines = break_lines(text, font, right - left, indent)
        self.flowed = []
        for number, words in enumerate(lines):
            x = left + (indent if number == 0 else 0)
            last = number == len(lines) - 1
            self.set_words(words, font, x, right, justify and not last)
            self.flowed.append(" ".join(words))
            self.y += self.step(style)
        self.truth.extend(self.flowed)

    def set_words(self, words, font, left, right, justify):
        gap = font.getlength(" ")
        if justify and len(words) > 1:
            gap = (right - left - sum(font.getlength(word) for word in words)) / (len(words) - 1)
        x = left
        for word in words:
            self.draw.text((round(x), self.y), word, 0, font)
            x += font.getlength(word) + gap


def bold(style):
    return Style(style.font.split("-")[0] + "-bold", style.points, style.leading)


def break_lines(text, font, width, indent):
    """Fill lines greedily, breaking words at the places in `BREAKS` and after a hyphen of their own."""
    lines, line, free = [], [], width - indent
    waiting = text.split()
    while waiting:
        word = waiting.pop(0)
        needed = font.getlength(word) + (font.getlength(" ") if line else 0)
        if needed <= free:
            line.append(word)
            free -= needed
            continue
        head, tail = split_word(word, font, free - (font.getlength(" ") if line else 0))
        if head:
            line.append(head)
        waiting.insert(0, tail)
        if not line:
            raise ValueError(f"{word!r} is wider than the column")
        lines.append(line)
        line, free = [], width
    return lines + [line] if line else lines


def split_word(word, font, room):
    """The longest part of a word that fits before a break, and the rest."""
    stem = word.rstrip(".,;:")
    marked = BREAKS.get(stem, "") or BREAKS.get(stem.lower(), "")
    marked = word[0] + marked[1:] + word[len(stem) :] if marked else word.replace("-", "-" + SOFT_HYPHEN)
    parts = marked.split(SOFT_HYPHEN)
    for count in range(len(parts) - 1, 0, -1):
        head, tail = "".join(parts[:count]), "".join(parts[count:])
        head = head if head.endswith("-") else head + "-"
        if font.getlength(head) <= room:
            return head, tail
    return "", word


def flow_han(sheet, text, style, indent=True):
    """Set Chinese text: a break may fall between any two characters, but no line begins with a closing mark."""
    font = sheet.font(style)
    columns = int((sheet.right - sheet.left) / font.getlength("字"))
    line, room = "", columns - (2 if indent else 0)
    lines = []
    for character in text:
        if len(line) >= room and character not in "，。；：、！？）》”":
            lines.append(line)
            line, room = "", columns
        line += character
    lines.append(line)
    for number, line in enumerate(lines):
        x = sheet.left + (2 * font.getlength("字") if indent and number == 0 else 0)
        sheet.draw.text((x, sheet.y), line, 0, font)
        sheet.y += sheet.step(style)
    sheet.truth.extend(lines)


def markdown_table(rows, align):
    flat = [[cell.replace("\n", " ") for cell in row] for row in rows]
    rule = ["---:" if side == "right" else "---" for side in align]
    return "\n".join("| " + " | ".join(row) + " |" for row in [flat[0], rule, *flat[1:]])
