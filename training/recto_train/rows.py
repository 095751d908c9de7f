"""Sheets of rows: what the engine shows a small model of a page, drawn from nothing, with truth.

The engine cuts a page into lines, lines into pieces that a view is wide enough for, brings them to one size of type and
puts each on a row of image tokens of its own (`stack_rows` in `pipeline/src/engine/got/plan/stacked_rows`). A token so holds some
four letters of one line, where a page in one view would put twenty letters of three lines into it: what the real GOT
reads with a hundred times our parameters.
"""

import numpy as np
from PIL import Image

from .faces import Faces, Type, sized
from .page import LETTERS, Canvas, Page, Style, Texts, drawable, page
from .scan import worn

# Pixels of a row, those of one image token.
PITCH = 64
# Left margin of a piece, what cutting may be off by included.
MARGIN = (3.0, 16.0)
# Largest type that a row has room for.
LARGEST = 46.0


class Rows:
    """One sheet."""

    def __init__(self, faces: Faces, texts: Texts, style: Style, rng: np.random.Generator):
        self.faces, self.texts, self.style, self.rng = faces, texts, style, rng
        self.canvas = Canvas(style.width, style.height, style.drawn)
        self.lines: list[tuple[str, bool]] = []  # text, whether it is a heading; empty for an empty row
        self.set_face()

    def set_face(self) -> None:
        """What the next lines are set in: sheets of one page have one face, but many faces are learnt sooner."""
        rng, style = self.rng, self.style
        typewritten = rng.random() < 0.12 and not style.few
        pool = self.faces.typewriter
        self.face = pool[rng.integers(len(pool))] if typewritten else self.faces.pick(rng, style.common, style.few)
        self.em = round(float(rng.uniform(*style.em)) * 2) / 2
        self.ink = int(rng.integers(0, 60)) if rng.random() < 0.85 else int(rng.integers(60, 130))
        self.ligatures = not typewritten and rng.random() < 0.35
        self.justified = rng.random() < 0.5 and not typewritten
        # Pieces of one column's lines are about equally wide.
        self.measure = style.width - 16 - (0.0 if rng.random() < 0.5 else float(rng.uniform(0, 0.4)) * style.width)

    def compose(self) -> None:
        """Paragraphs and headings until the sheet is full."""
        rng, rows = self.rng, self.style.height // PITCH
        most = int(rng.integers(1, rows + 1)) if rng.random() < self.style.short else rows
        has_markup = rng.random() < self.style.markup
        while len(self.lines) < most:
            if self.lines and rng.random() < 0.4:
                self.set_face()
            if has_markup and rng.random() < 0.25:
                self.heading(most)
            elif rng.random() < 0.06:
                self.entry()
            else:
                self.paragraph(most)
            if rng.random() < (1.0 if has_markup else 0.4) and 0 < len(self.lines) < most - 1:
                self.lines.append(("", False))

    def words(self) -> list[str]:
        """What the next block says."""
        if self.rng.random() < self.style.prose:
            return self.texts.prose(self.rng)
        return self.texts.mixed(self.rng, int(self.rng.integers(3, 60)))

    def paragraph(self, most: int) -> None:
        """Running text; now and then words in bold or italics, a list's mark, or one short line."""
        rng, face = self.rng, sized(self.face, self.em)
        if rng.random() < 0.05:
            face = sized(self.faces.italic.get(self.face.family, self.face), self.em)
        marked = self.faces.italic if rng.random() < 0.5 else self.faces.bold
        other = sized(marked.get(self.face.family, self.face), self.em)
        words = self.words()
        if rng.random() < 0.12:
            words.insert(0, (f"{rng.integers(1, 20)}.", f"({chr(97 + rng.integers(26))})", "•", "-")[rng.integers(4)])
        if rng.random() < 0.15:
            words = words[: rng.integers(1, 6)]
        words = [w for w in (drawable(word, face, self.ligatures) for word in words) if w]
        types = [other if rng.random() < 0.03 else face for _ in words]
        while words and len(self.lines) < most:
            words, types = self.row(words, types, self.measure, False)

    def heading(self, most: int) -> None:
        """A few words in bold or larger type."""
        rng = self.rng
        bold = self.faces.bold.get(self.face.family)
        scale = float(rng.choice([1.0, 1.15, 1.3])) if bold else 1.3
        face = sized(bold or self.face, min(LARGEST, round(self.em * scale * 2) / 2))
        words = self.words()[: rng.integers(1, 7)]
        if rng.random() < 0.3:
            words = [f"{rng.integers(1, 12)}" + (f".{rng.integers(1, 9)}" if rng.random() < 0.5 else ".")] + words
        if rng.random() < 0.2:
            words = [word.upper() for word in words]
        words = [w for w in (drawable(word, face, self.ligatures) for word in words) if w]
        if words:
            self.row(words, [face] * len(words), self.style.width - 16.0, True)

    def entry(self) -> None:
        """A line of a table of contents: dots lead to a number."""
        rng, face = self.rng, sized(self.face, self.em)
        number, dot = str(rng.integers(1, 400)), face.font.getlength(".")
        words = [w for w in (drawable(word, face, self.ligatures) for word in self.words()[: rng.integers(1, 7)]) if w]
        taken = sum(face.font.getlength(word) + face.space for word in [*words, number])
        room = max(0.0, self.measure - taken - face.space)
        dots = ["."] * int(room / (dot + face.space)) if rng.random() < 0.6 else ["." * max(1, int(room / dot))]
        self.row([*words, *dots, number], [face] * (len(words) + len(dots) + 1), self.style.width - 16.0, False)

    def row(self, words: list[str], types: list[Type], measure: float, heading: bool) -> tuple[list[str], list[Type]]:
        """Draws as many words as fit on the next row; gives the rest."""
        rng, space = self.rng, types[0].space
        taken, width = [], 0.0
        for word, kind in zip(words, types):
            add = kind.font.getlength(word)
            if taken and width + space + add > measure:
                break
            if not taken and add > measure:
                word = word[: max(1, int(len(word) * measure / add) - 1)]
                add = kind.font.getlength(word)
            width += add + (space if taken else 0.0)
            taken.append((word, kind))
        rest = words[len(taken) :], types[len(taken) :]
        gap = space
        if self.justified and rest[0] and len(taken) > 1 and measure - width < 0.3 * measure:
            gap += float(rng.uniform(0, 1)) * (measure - width) / (len(taken) - 1)
        # A row is centered by its ink, as that is what is seen before anything is read.
        tops = [kind.font.getbbox(word, anchor="ls")[1::2] for word, kind in taken]
        middle = (min(top for top, _ in tops) + max(bottom for _, bottom in tops)) / 2
        baseline = len(self.lines) * PITCH + PITCH / 2 - middle + float(rng.uniform(-3, 3))
        x = float(rng.uniform(*MARGIN))
        for word, kind in taken:
            x += self.canvas.word(x, baseline, word, kind, self.ink) + gap
        text = "".join(LETTERS.get(char, char) for char in " ".join(word for word, _ in taken))
        self.lines.append((text, heading))
        return rest

    def plain(self) -> str:
        """The text line by line."""
        return "\n".join(text for text, _ in self.lines if text)

    def markdown(self) -> str:
        """The text as GOT's formatted output has it: headings by command, a blank line if a row is empty."""
        lines = [f"\\section*{{{text}}}" if heading else text for text, heading in self.lines]
        while lines and not lines[-1]:
            lines.pop()
        return "\n".join(lines)


def view(faces: Faces, texts: Texts, style: Style, seed: tuple[int, ...]) -> Page:
    """What a style asks for: the sheet of rows of that seed, or the page."""
    return (sheet if style.rows else page)(faces, texts, style, seed)


def sheet(faces: Faces, texts: Texts, style: Style, seed: tuple[int, ...]) -> Page:
    """The sheet of that seed."""
    rng = np.random.default_rng(seed)
    while True:
        rows = Rows(faces, texts, style, rng)
        rows.compose()
        if rows.canvas.glyphs.chars:
            break
    image, wear = np.asarray(rows.canvas.image), style.wear
    boxes = np.asarray(rows.canvas.glyphs.boxes, np.float32).reshape(-1, 4)
    if rng.random() < wear.skew:
        # Each line is cut out of a skewed page by itself: it slopes, and its middle stays.
        slope = np.tan(np.radians(rng.uniform(-wear.skew_degrees, wear.skew_degrees)))
        boxes[:, 1::2] += slope * ((boxes[:, [0]] + boxes[:, [2]]) / 2 - style.width / 2)
        image = sheared(image, slope) if style.drawn else image
    if style.drawn:
        image = worn(image, rng, wear)
    return Page(image, rows.plain(), rows.markdown(), rows.canvas.glyphs.chars, boxes)


def sheared(image: np.ndarray, slope: float) -> np.ndarray:
    """The sheet with each row sloping about its middle."""
    rows = []
    for row in np.split(image, len(image) // PITCH):
        strip = Image.fromarray(row)
        shift = (1, 0, 0, -slope, 1, slope * image.shape[1] / 2)
        rows.append(np.asarray(strip.transform(strip.size, Image.AFFINE, shift, Image.BILINEAR, fillcolor=255)))
    return np.concatenate(rows)
