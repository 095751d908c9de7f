"""Pages with truth: a view of a document is laid out, drawn, and its text and the place of every glyph recorded.

A `Page` is what a reader of the model's views sees: at most a view wide, isotropic, at about 160 dots an inch. Every page
follows from its seed, the fonts and the texts alone.
"""

import string
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from .faces import Face, Faces, Type, sized
from .scan import Wear, turn, worn

LIGATURES = {"ffi": "\ufb03", "ffl": "\ufb04", "fi": "\ufb01", "fl": "\ufb02", "ff": "\ufb00"}
LETTERS = {ligature: letters for letters, ligature in LIGATURES.items()}


@dataclass(frozen=True)
class Style:
    """What pages look like; lengths in pixels."""

    width: int = 1024
    height: int = 128
    em: tuple[float, float] = (16.0, 34.0)  # size of running text
    large: float = 0.0  # share of pages in large print, up to twice the largest em
    common: float = 0.75  # share of pages in common faces
    few: int = 0  # only so many of the common faces; 0: all
    short: float = 0.0  # share of pages with a line or two only
    prose: float = 0.6  # share of text that is prose, the rest is names, numbers, codes and random words
    markup: float = 0.3  # share of pages with headings, lists, tables
    drawn: bool = True  # False: laid out only, the picture stays white
    rows: bool = False  # sheets of rows (`recto_train.rows`) in place of pages
    wear: Wear = field(default_factory=Wear)


@dataclass
class Glyphs:
    """The place of each visible glyph: columns of equal length."""

    chars: list[str] = field(default_factory=list)
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)  # left, top (x-height), right, baseline


@dataclass
class Page:
    """A drawn page."""

    image: np.ndarray  # (height, width) uint8, white 255
    plain: str  # the text, a line feed after each line
    markdown: str  # the text with headings, lists, tables; a blank line between paragraphs
    chars: list[str]
    boxes: np.ndarray  # (glyphs, 4) float32: left, x-height line, right, baseline


class Texts:
    """Words to set: prose, and made-up names, numbers and codes."""

    def __init__(self, paragraphs: list[str], words: list[str]):
        self.paragraphs = paragraphs
        self.words = words

    @classmethod
    def read(cls, file: Path) -> "Texts":
        """Paragraphs, one on each line."""
        paragraphs = file.read_text().splitlines()
        words = sorted({word.strip(string.punctuation) for p in paragraphs[::7] for word in p.split()})
        words = [word for word in words if word.replace("-", "").replace("'", "").isalnum() and len(word) < 20]
        return cls(paragraphs, words)

    def prose(self, rng: np.random.Generator) -> list[str]:
        """Words of a paragraph, from any of them on, or of several together."""
        words: list[str] = []
        least = int(rng.integers(80)) if rng.random() < 0.6 else 0
        while not words or len(words) < least:
            some = self.paragraphs[rng.integers(len(self.paragraphs))].split(" ")
            words += some[rng.integers(max(1, len(some) // 2)) :]
        return words

    def mixed(self, rng: np.random.Generator, count: int) -> list[str]:
        """So many words that no sentence foretells."""
        return [self.odd(rng) for _ in range(count)]

    def odd(self, rng: np.random.Generator) -> str:
        """A random word, number, date, sum, code or name."""
        kind = rng.random()
        if kind < 0.55:
            word = self.words[rng.integers(len(self.words))]
            case = rng.random()
            word = word.capitalize() if case < 0.2 else word.upper() if case < 0.3 else word
            end = rng.random()
            return word + (",.;:?!)"[rng.integers(7)] if end < 0.15 else "")
        if kind < 0.7:
            return number(rng)
        if kind < 0.8:
            letters = string.ascii_uppercase + string.digits
            return "".join(letters[i] for i in rng.integers(len(letters), size=rng.integers(2, 9)))
        if kind < 0.88:
            day, month, year = rng.integers(1, 29), rng.integers(1, 13), rng.integers(1900, 2030)
            return (f"{day:02}/{month:02}/{year}", f"{year}-{month:02}-{day:02}", f"{day}.{month}.{year}")[rng.integers(3)]
        if kind < 0.94:
            alphabet = string.ascii_letters + string.digits + string.punctuation
            return "".join(alphabet[i] for i in rng.integers(len(alphabet), size=rng.integers(1, 8)))
        word = self.words[rng.integers(len(self.words))]
        return (f"({word})", f'"{word}"', f"“{word}”", f"[{word}]", f"‘{word}’", f"{word}—", f"{word}’s", f"•", f"§{word}")[
            rng.integers(9)
        ]


def number(rng: np.random.Generator) -> str:
    """A number as tables and bills print it."""
    kind = rng.integers(6)
    value = rng.integers(10 ** rng.integers(1, 7))
    return (
        f"{value}", f"{value:,}", f"{value / 100:,.2f}", f"${value / 100:,.2f}", f"{value % 1000 / 10}%", f"({value})"
    )[kind]


class Canvas:
    """A white picture that remembers what is drawn on it."""

    def __init__(self, width: int, height: int, drawn: bool = True):
        self.drawn = drawn
        self.image = Image.new("L", (width, height), 255)
        self.draw = ImageDraw.Draw(self.image)
        self.width, self.height = width, height
        self.glyphs = Glyphs()

    def word(self, x: float, baseline: float, word: str, face: Type, ink: int) -> float:
        """Draws a word, gives its width."""
        width = face.font.getlength(word)
        if self.drawn:
            self.draw.text((x, baseline), word, fill=ink, font=face.font, anchor="ls")
        advances = [face.advance(char) for char in word]
        stretch = width / max(1e-6, sum(advances))
        left = x
        for char, advance in zip(word, advances):
            right = left + advance * stretch
            parts = LETTERS.get(char, char)
            for i, part in enumerate(parts):
                step = (right - left) / len(parts)
                self.glyphs.chars.append(part)
                self.glyphs.boxes.append((left + i * step, baseline - face.x_height, left + (i + 1) * step, baseline))
            left = right
        return width


@lru_cache(maxsize=4096)
def with_ligatures(word: str) -> str:
    """The word with the ligatures that a typesetter takes."""
    for letters, ligature in LIGATURES.items():
        word = word.replace(letters, ligature)
    return word


def drawable(word: str, face: Type, ligatures: bool) -> str:
    """The word without what the font lacks; with its ligatures if those are wanted."""
    if not word.isascii():
        word = "".join(char for char in word if char.isascii() or face.has(char))
    if ligatures and "f" in word:
        other = with_ligatures(word)
        if all(char.isascii() or face.has(char) for char in other):
            return other
    return word


@dataclass
class Block:
    """A part of a page, as printed and as marked up."""

    kind: str
    lines: list[str]
    markup: str = ""  # if it is not the lines

    def markdown(self) -> str:
        """What GOT's formatted output has for it."""
        return self.markup or "\n".join(self.lines)


@dataclass
class Setting:
    """How the running text of one page is set."""

    face: Face
    em: float
    leading: float
    ink: int
    left: float
    right: float
    justified: bool
    indent: float
    gap: float
    ligatures: bool
    hyphens: bool


class Composer:
    """Lays out one page."""

    def __init__(self, faces: Faces, texts: Texts, style: Style, rng: np.random.Generator):
        self.faces, self.texts, self.style, self.rng = faces, texts, style, rng
        self.canvas = Canvas(style.width, style.height, style.drawn)
        self.blocks: list[Block] = []
        self.set = self.setting()
        self.y = float(rng.uniform(1, 12 + self.set.em * rng.uniform(0, 1.0)))

    def setting(self) -> Setting:
        """Chosen at random for the page."""
        rng, style = self.rng, self.style
        typewritten = rng.random() < 0.15 and not style.few
        pool = self.faces.typewriter
        face = pool[rng.integers(len(pool))] if typewritten else self.faces.pick(rng, style.common, style.few)
        em = round(float(rng.uniform(*style.em)) * 2) / 2
        if rng.random() < style.large:
            em = round(float(rng.uniform(style.em[1], 2 * style.em[1])))
        width = style.width
        measure = rng.random()
        left = float(rng.uniform(2, 30))
        right = width - float(rng.uniform(2, 30))
        if measure < 0.2:  # narrower than the view
            right = left + max(em * 8, (right - left) * float(rng.uniform(0.3, 1.0)))
        ink = int(rng.integers(0, 60)) if rng.random() < 0.85 else int(rng.integers(60, 130))
        return Setting(
            face=face, em=em, leading=float(rng.uniform(1.05, 1.45 if rng.random() < 0.88 else 2.3)), ink=ink,
            left=left, right=right, justified=rng.random() < 0.55 and not typewritten,
            indent=em * float(rng.choice([0, 0, 1, 1.5, 2])), gap=em * float(rng.choice([0, 0.3, 0.6, 1.0])),
            ligatures=not typewritten and rng.random() < 0.35, hyphens=rng.random() < 0.5,
        )  # fmt: skip

    def compose(self) -> None:
        """Blocks from the top until the page is full."""
        rng, style = self.rng, self.style
        has_markup = rng.random() < style.markup
        most_lines = int(rng.integers(1, 4)) if rng.random() < style.short else 10_000
        while most_lines > 0:
            before = self.y
            kind = rng.random() if has_markup else 1.0
            if kind < 0.15:
                lines = self.heading()
            elif kind < 0.3:
                lines = self.listing()
            elif kind < 0.38:
                lines = self.rows()
            elif kind < 0.46:
                lines = self.table()
            elif kind < 0.5:
                lines = self.formula()
            elif kind < 0.6:
                lines = self.single()
            else:
                lines = self.paragraph(most_lines)
            most_lines -= lines
            if lines == 0 or self.y == before:
                if kind >= 0.6:
                    break
                has_markup = False  # what did not fit may leave room for a line or two
                continue
            if rng.random() < 0.06:
                self.y += self.set.em * float(rng.uniform(1, 4))

    def words(self) -> list[str]:
        """What the next block says."""
        rng = self.rng
        if rng.random() < self.style.prose:
            return self.texts.prose(rng)
        return self.texts.mixed(rng, int(rng.integers(4, 60)))

    def type(self, face: Face | None = None, scale: float = 1.0) -> Type:
        """The page's face, or another one, at the page's size times `scale`."""
        return sized(face or self.set.face, round(self.set.em * scale * 2) / 2)

    def variant(self, faces: dict[str, Face]) -> Face:
        """The bold or italic face of the page's family; its own if there is none."""
        return faces.get(self.set.face.family, self.set.face)

    def fits(self, face: Type) -> bool:
        """Whether another line of that type has room on the page."""
        return self.y + face.ascent + face.descent <= self.canvas.height - 1

    def drawable(self, word: str, face: Type) -> str:
        """The word as the page's face has it."""
        return drawable(word, face, self.set.ligatures)

    def line(self, words: list[str], x: float, face: Type, gap: float, faces: list[Type] | None = None) -> str:
        """Draws one line at the present height and moves below it; gives its text."""
        baseline = self.y + face.ascent
        for i, word in enumerate(words):
            x += self.canvas.word(x, baseline, word, faces[i] if faces else face, self.set.ink) + gap
        self.y += self.set.leading * face.size
        return "".join(LETTERS.get(char, char) for char in " ".join(words))

    def fill(
        self, words: list[str], left: float, right: float, face: Type, first: float = 0.0, most: int = 10_000,
        marked: Type | None = None, align: str = "",
    ) -> list[str]:  # fmt: skip
        """Breaks words into lines between `left` and `right` until they or the page end; gives the lines."""
        lines: list[str] = []
        align = align or ("justify" if self.set.justified else "left")
        words = [w for w in (self.drawable(word, face) for word in words) if w]
        marks = self.rng.random(len(words)) < 0.04 if marked else np.zeros(len(words), bool)
        at = 0
        while at < len(words) and len(lines) < most and self.fits(face):
            start = left + (first if not lines else 0.0)
            room, width, taken, widths = right - start, 0.0, [], []
            types: list[Type] = []
            while at < len(words):
                kind = marked if marked and marks[at] else face
                add = kind.font.getlength(words[at])
                if taken and width + face.space + add > room:
                    break
                if not taken and add > room:  # a word wider than the line is cut
                    words[at] = words[at][: max(1, int(len(words[at]) * room / add) - 1)]
                    add = kind.font.getlength(words[at])
                width += add + (face.space if taken else 0)
                taken.append(words[at])
                widths.append(add)
                types.append(kind)
                at += 1
            left_over = room - width
            if at < len(words) and self.set.hyphens and left_over > 3 * face.size:
                part = self.hyphenated(words[at], left_over - face.space, face)
                if part:
                    words[at] = words[at][len(part) - 1 :]
                    taken.append(part)
                    types.append(face)
                    width += face.space + face.font.getlength(part)
                    left_over = room - width
            gap = face.space
            if align == "justify" and at < len(words) and len(taken) > 1 and left_over < 0.35 * room:
                gap += left_over / (len(taken) - 1)
            if align == "center":
                start += left_over / 2
            lines.append(self.line(taken, start, face, gap, types))
        return lines

    def hyphenated(self, word: str, room: float, face: Type) -> str:
        """As much of a word as fits with a hyphen after it; empty if that is less than two letters of either side."""
        if not word.isalpha() or not word.isascii() or len(word) < 6:
            return ""
        for length in range(len(word) - 2, 1, -1):
            if face.font.getlength(word[:length] + "-") <= room:
                return word[:length] + "-" if length >= 2 else ""
        return ""

    def paragraph(self, most: int) -> int:
        """Running text."""
        at = self.set
        face = self.type()
        marked = None
        if self.rng.random() < 0.4:
            marked = self.type(self.variant(self.faces.italic if self.rng.random() < 0.5 else self.faces.bold))
        if self.rng.random() < 0.05:
            face = self.type(self.variant(self.faces.italic))
        lines = self.fill(self.words(), at.left, at.right, face, at.indent, most, marked)
        if lines:
            self.blocks.append(Block("paragraph", lines))
        self.y += at.gap
        return len(lines)

    def heading(self) -> int:
        """A few words, larger or bolder, on the left or in the middle."""
        rng, at = self.rng, self.set
        scale = float(rng.choice([1.0, 1.15, 1.3, 1.6]))
        face = self.type(self.variant(self.faces.bold), scale)
        if face.font.path == at.face.path and scale < 1.2:
            face = self.type(None, 1.3)
        words = self.words()[: rng.integers(1, 8)]
        if rng.random() < 0.3:
            words = [f"{rng.integers(1, 12)}" + (f".{rng.integers(1, 9)}" if rng.random() < 0.5 else ".")] + words
        if rng.random() < 0.2:
            words = [word.upper() for word in words]
        if self.blocks:
            self.y += at.em * float(rng.uniform(0.4, 1.0))
        if not self.fits(face):
            return 0
        lines = self.fill(words, at.left, at.right, face, align="center" if rng.random() < 0.3 else "left", most=2)
        self.y += at.em * float(rng.uniform(0.2, 0.6))
        if lines:
            self.blocks.append(Block("heading", lines, f"\\section*{{{' '.join(lines)}}}"))
        return len(lines)

    def listing(self) -> int:
        """Points or numbers before short texts."""
        rng, at = self.rng, self.set
        face = self.type()
        style = rng.integers(4)
        indent, count = at.em * float(rng.uniform(0, 2)), 0
        for number in range(1, int(rng.integers(2, 6)) + 1):
            if not self.fits(face):
                break
            mark = (f"{number}.", f"({chr(96 + number)})", "•" if face.has("•") else "-", "-")[style]
            hang = max(face.font.getlength(mark), at.em) + face.space
            top = self.y
            text = self.line([mark], at.left + indent, face, 0.0)
            self.y = top
            words = self.words()[: rng.integers(2, 25)]
            lines = self.fill(words, at.left + indent + hang, at.right, face)
            if not lines:
                self.y = top + at.leading * face.size
                lines = [""]
            lines[0] = f"{text} {lines[0]}".strip()
            self.blocks.append(Block("item", lines))
            count += len(lines)
        return count

    def rows(self) -> int:
        """Names with sums at the right edge, or in columns: bills, contents, forms."""
        rng, at = self.rng, self.set
        face = self.type()
        columns = int(rng.integers(2, 5))
        places = np.sort(rng.uniform(0.25, 0.85, columns - 1)) * (at.right - at.left) + at.left
        places = [at.left, *(float(p) for p in places)]
        lines = []
        for _ in range(int(rng.integers(2, 7))):
            if not self.fits(face):
                break
            cells, top = [], self.y
            for i, place in enumerate(places):
                end = places[i + 1] - face.space if i + 1 < columns else at.right
                words = [self.texts.odd(rng)] if i == 0 else [number(rng)]
                if i == 0:
                    words += self.texts.mixed(rng, int(rng.integers(0, 3)))
                words = [w for w in (self.drawable(word, face) for word in words) if w]
                while words and face.font.getlength(" ".join(words)) > end - place:
                    words.pop()
                if words:
                    self.y = top
                    cells.append(self.line(words, place, face, face.space))
            if not cells:
                break
            self.y = top + at.leading * face.size
            lines.append(" ".join(cells))
        if lines:
            self.blocks.append(Block("rows", lines))
        return len(lines)

    def table(self) -> int:
        """A ruled or an open table: a row of names, then names and figures."""
        rng, at = self.rng, self.set
        face, bold = self.type(), self.type(self.variant(self.faces.bold))
        columns, rows = int(rng.integers(2, 6)), int(rng.integers(2, 8))
        pitch = at.em * float(rng.uniform(1.25, 1.8))
        left, right = at.left, min(at.right, at.left + at.em * float(rng.uniform(4, 8)) * columns)
        edges = np.linspace(left, right, columns + 1)
        ruled, pad = rng.random() < 0.6, at.em * 0.3
        top, cells = self.y, []
        for row in range(rows):
            if self.y + pitch > self.canvas.height - 2:
                break
            kind = bold if row == 0 and rng.random() < 0.7 else face
            texts = []
            for column in range(columns):
                is_name = row == 0 or column == 0
                word = self.texts.words[rng.integers(len(self.texts.words))] if is_name else number(rng)
                word = word.capitalize() if is_name else word
                width = kind.font.getlength(word)
                room = edges[column + 1] - edges[column] - 2 * pad
                if width > room or rng.random() < 0.04:
                    texts.append("")
                    continue
                x = edges[column] + pad if is_name else edges[column + 1] - pad - width
                self.canvas.word(x, self.y + (pitch + kind.x_height) / 2, word, kind, at.ink)
                texts.append(word)
            cells.append(texts)
            self.y += pitch
        if not any(any(row) for row in cells):
            return 0
        if ruled:
            for y in np.linspace(top, self.y, len(cells) + 1):
                self.canvas.draw.line([(left, y), (right, y)], fill=at.ink, width=int(rng.integers(1, 3)))
            for x in edges:
                self.canvas.draw.line([(x, top), (x, self.y)], fill=at.ink, width=1)
        self.y += at.em * 0.6
        lines = [" ".join(filter(None, row)) for row in cells]
        rule, bar = ("\\hline ", "|") if ruled else ("", "")
        body = "\n".join(f"{rule}{' & '.join(map(escaped, row))} \\\\" for row in cells)
        spec = bar + bar.join("l" + "r" * (columns - 1)) + bar
        markup = f"\\begin{{tabular}}{{{spec}}}\n{body}\n{rule}\\end{{tabular}}"
        self.blocks.append(Block("table", [line for line in lines if line], markup))
        return len(lines)

    def formula(self) -> int:
        """A displayed formula: terms with powers and indices."""
        rng, at = self.rng, self.set
        face, small = self.type(self.variant(self.faces.italic)), self.type(None, 0.7)
        if not self.fits(face):
            return 0
        terms, plain, marked = int(rng.integers(2, 5)), "", ""
        x, baseline = (at.left + at.right) / 2 - 3 * at.em * terms / 2, self.y + face.ascent
        x = max(at.left, x)
        for term in range(terms):
            if term:
                sign = ("+", "-", "=")[rng.integers(3)] if term < terms - 1 else "="
                x += self.canvas.word(x, baseline, sign, self.type(), at.ink) + face.space
                plain, marked = f"{plain} {sign} ", f"{marked} {sign} "
            letter = string.ascii_letters[rng.integers(52)]
            x += self.canvas.word(x, baseline, letter, face, at.ink) + 1
            plain, marked = plain + letter, marked + letter
            kind = rng.random()
            if kind < 0.65:
                mark = str(rng.integers(10)) if rng.random() < 0.6 else string.ascii_lowercase[rng.integers(26)]
                rise = -0.38 if kind < 0.35 else 0.2
                x += self.canvas.word(x, baseline + rise * at.em, mark, small, at.ink)
                plain, marked = plain + mark, f"{marked}{'^' if rise < 0 else '_'}{{{mark}}}"
            x += face.space
        self.y += at.leading * face.size * 1.2
        self.blocks.append(Block("formula", [plain], f"\\[\n{marked}\n\\]"))
        return 1

    def single(self) -> int:
        """A line by itself at either side or in the middle: a date, a page number, a running head, a name."""
        rng, at = self.rng, self.set
        face = self.type(None, float(rng.choice([0.85, 1.0])))
        if not self.fits(face):
            return 0
        kind = rng.integers(4)
        words = (
            [f"{rng.integers(1, 400)}"], ["Page", f"{rng.integers(1, 400)}"], self.words()[: rng.integers(1, 6)],
            [f"{rng.integers(1, 29)}", MONTHS[rng.integers(12)], f"{rng.integers(1900, 2030)}"],
        )[kind]  # fmt: skip
        words = [w for w in (self.drawable(word, face) for word in words) if w]
        width = face.font.getlength(" ".join(words))
        if not words or width > at.right - at.left:
            return 0
        x = (at.left, (at.left + at.right - width) / 2, at.right - width)[rng.integers(3)]
        line = self.line(words, x, face, face.space)
        if rng.random() < 0.2:
            self.canvas.draw.line([(at.left, self.y), (at.right, self.y)], fill=at.ink, width=1)
            self.y += 3
        self.y += at.em * float(rng.uniform(0, 1))
        self.blocks.append(Block("single", [line]))
        return 1

    def plain(self) -> str:
        """The text line by line."""
        return "\n".join(line for block in self.blocks for line in block.lines)

    def markdown(self) -> str:
        """The text as GOT's formatted output has it: headings by command, a blank line between blocks."""
        text, last = "", ""
        for block in self.blocks:
            text += ("\n" if block.kind == last == "item" else "\n\n") if text else ""
            text += block.markdown()
            last = block.kind
        return text


MONTHS = "January February March April May June July August September October November December".split()


def escaped(cell: str) -> str:
    """A cell's text within LaTeX."""
    return cell.replace("%", "\\%").replace("$", "\\$").replace("&", "\\&")


def page(faces: Faces, texts: Texts, style: Style, seed: tuple[int, ...]) -> Page:
    """The page of that seed."""
    rng = np.random.default_rng(seed)
    while True:
        composer = Composer(faces, texts, style, rng)
        composer.compose()
        if composer.blocks:
            break
    image = np.asarray(composer.canvas.image)
    boxes = np.asarray(composer.canvas.glyphs.boxes, np.float32).reshape(-1, 4)
    wear = style.wear
    if rng.random() < wear.skew:
        limit = min(wear.skew_degrees, np.degrees(np.arctan(6 / (style.width / 2))) if style.height < 256 else 9.0)
        image, matrix = turn(image, float(rng.uniform(-limit, limit)))
        boxes = moved(boxes, matrix)
    image = worn(image, rng, wear) if style.drawn else image
    return Page(image, composer.plain(), composer.markdown(), composer.canvas.glyphs.chars, boxes)


def moved(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Boxes of the same sizes about middles that `matrix` moves."""
    middle = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2, np.ones(len(boxes))], 1)
    shift = middle @ matrix.T - middle[:, :2]
    return (boxes + np.concatenate([shift, shift], 1)).astype(np.float32)
