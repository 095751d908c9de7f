"""Type faces: which fonts pages are set in, and the measures of their glyphs."""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import ImageFont

# Families that most documents are set in; three pages of four are.
TEXT_FAMILIES = re.compile(
    r"^(NimbusRoman|LiberationSerif|Tinos|texgyretermes|FreeSerif|STIXGeneral|STIX-|lmroman(8|9|10|11|12)-(regular|italic|bold)|"
    r"cmunrm|cmunbx|cmunti|C059|texgyreschola|P052|texgyrepagella|URWBookman|texgyrebonum|NimbusSans-|LiberationSans-|Arimo|"
    r"texgyreheros|lmsans(8|9|10|12)-(regular|oblique)|DejaVuSans\.|DejaVuSans$|DejaVuSans-|DejaVuSerif|Carlito|Caladea|"
    r"LinLibertine_R|Gentium|EBGaramond12|OpenSans-(Regular|Bold|Italic)|Roboto-(Regular|Bold|Italic)|Lato-(Regular|Bold|Italic)|"
    r"NotoSans-(Regular|Bold|Italic)|NotoSerif-(Regular|Bold|Italic)|CharisSIL|OldStandard|GFSDidot)",
    re.IGNORECASE,
)
TYPEWRITER_FAMILIES = re.compile(
    r"^(NimbusMonoPS|LiberationMono|Cousine|Courier Prime( Bold| Italic)?$|texgyrecursor|lmmono(9|10|12)-regular|cmuntt|FreeMono|"
    r"DejaVuSansMono|NotoSansMono-Regular|OCRB$)",
    re.IGNORECASE,
)
BOLD = re.compile(r"bold|-?bd\b|demi|RB$|bx|black|heavy", re.IGNORECASE)
ITALIC = re.compile(r"italic|oblique|slanted|-?it\b|RI$|ti$|BI$", re.IGNORECASE)


@dataclass(frozen=True)
class Face:
    """A font file by what it is used for."""

    path: str
    is_bold: bool
    is_italic: bool

    @property
    def family(self) -> str:
        """The name shared by a regular face and its bold and italic ones."""
        stem = ITALIC.sub("", BOLD.sub("", Path(self.path).stem))
        return re.sub(r"(-?regular|-?roman|-?medium|-?book|[-_ ])+$", "", stem, flags=re.IGNORECASE).lower()


class Faces:
    """All fonts, sorted by use."""

    def __init__(self, paths: list[str]):
        faces = [Face(p, bool(BOLD.search(Path(p).stem)), bool(ITALIC.search(Path(p).stem))) for p in paths]
        self.upright = [face for face in faces if not face.is_bold and not face.is_italic]
        self.text = [face for face in self.upright if TEXT_FAMILIES.search(Path(face.path).stem)] or self.upright
        self.typewriter = [f for f in self.upright if TYPEWRITER_FAMILIES.search(Path(f.path).stem)] or self.upright
        self.bold = {face.family: face for face in faces if face.is_bold and not face.is_italic}
        self.italic = {face.family: face for face in faces if face.is_italic and not face.is_bold}

    @classmethod
    def read(cls, file: Path) -> "Faces":
        """The fonts that a file names, a path on each line."""
        return cls([line for line in file.read_text().splitlines() if line])

    def pick(self, rng: np.random.Generator, common: float = 0.75, few: int = 0) -> Face:
        """A face for running text; a common one with that probability, one of `few` of them if that is not 0."""
        pool = self.text if rng.random() < common else self.upright
        if few:
            pool = self.text[:: max(1, len(self.text) // few)]
        return pool[rng.integers(len(pool))]


class Type:
    """A face at a size in pixels (of the em), with measured glyphs."""

    def __init__(self, face: Face, size: float):
        self.font = ImageFont.truetype(face.path, size, layout_engine=ImageFont.Layout.BASIC)
        self.size = size
        self.ascent, self.descent = self.font.getmetrics()
        left, top, right, bottom = self.font.getbbox("x", anchor="ls")
        self.x_height = max(1.0, float(-top))
        self.space = self.font.getlength(" ")
        self._advances: dict[str, float] = {}
        self._empty = bytes(self.font.getmask("\uffff"))

    def advance(self, char: str) -> float:
        """Width of a character in pixels."""
        width = self._advances.get(char)
        if width is None:
            width = self._advances[char] = self.font.getlength(char)
        return width

    @lru_cache(maxsize=512)
    def has(self, char: str) -> bool:
        """Whether the font draws the character."""
        shape = bytes(self.font.getmask(char))
        return bool(shape) and shape != self._empty


@lru_cache(maxsize=600)
def sized(face: Face, size: float) -> Type:
    """The face at that size; opened once while it is in use."""
    return Type(face, size)
