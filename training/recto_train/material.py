"""Fonts and texts to render pages from: Debian packages, unpacked into a folder, nothing installed.

`python -m recto_train.material FOLDER` downloads the packages with `apt-get download` (no root needed), unpacks them,
and writes `FOLDER/fonts.txt` (a font file on each line) and `FOLDER/texts.txt` (a paragraph on each line).
"""

import argparse
import gzip
import html
import re
import subprocess
import sys
from pathlib import Path

FONT_PACKAGES = """
fonts-adf-accanthis fonts-adf-baskervald fonts-adf-berenis fonts-adf-gillius fonts-adf-ikarius fonts-adf-irianis
fonts-adf-libris fonts-adf-oldania fonts-adf-romande fonts-adf-solothurn fonts-adf-switzera fonts-adf-tribun
fonts-adf-universalis fonts-adf-verana fonts-anonymous-pro fonts-averia-sans-gwf fonts-averia-serif-gwf fonts-b612
fonts-cabin fonts-cantarell fonts-century-catalogue fonts-cmu fonts-courier-prime fonts-croscore
fonts-crosextra-caladea fonts-crosextra-carlito fonts-dejavu-core fonts-dejavu-extra fonts-ebgaramond
fonts-fantasque-sans fonts-firacode fonts-freefont-otf fonts-gfs-artemisia fonts-gfs-didot fonts-gfs-neohellenic
fonts-goudybookletter fonts-hack fonts-inconsolata fonts-jetbrains-mono fonts-junicode fonts-jura fonts-karla
fonts-lato fonts-lexi-gulim fonts-liberation fonts-linex fonts-linuxlibertine fonts-lmodern fonts-mononoki
fonts-noto-core fonts-noto-mono fonts-ocr-b fonts-oldstandard fonts-open-sans fonts-prociono fonts-quattrocento
fonts-roboto-unhinted fonts-sil-andika fonts-sil-charis fonts-sil-doulos fonts-sil-galatia fonts-sil-gentium
fonts-sil-gentiumplus fonts-sora fonts-stix fonts-texgyre fonts-tuffy fonts-urw-base35 fonts-vollkorn
""".split()
TEXT_PACKAGES = """
debian-handbook debian-policy debian-reference-en developers-reference dict-foldoc dict-gcide dict-jargon fortunes
git-doc maint-guide miscfiles perl-doc wamerican-large
""".split()

# Files of the text packages that hold English prose, and how each is read.
TEXT_FILES = {
    "usr/share/dictd/*.dict.dz": "plain",
    "usr/share/doc/**/en-US/*.html": "html",
    "usr/share/doc/debian-policy/policy.html/*.html": "html",
    "usr/share/doc/developers-reference/*.html": "html",
    "usr/share/doc/developers-reference/*.en.html": "html",
    "usr/share/debian-reference/*.en.html": "html",
    "usr/share/doc/maint-guide/**/*.en.html": "html",
    "usr/share/games/fortunes/*.u8": "plain",
    "usr/share/games/fortunes/**/*.u8": "plain",
    "usr/share/doc/git-doc/**/*.txt": "plain",
    "usr/share/perl/**/*.pod": "plain",
}
# Faces that hold no Latin text, or that no document is set in.
UNUSABLE = re.compile(
    r"symbol|dingbat|standardsymbols|D050000L|math|icons?|emoji|music|braille|fontawesome|initial|ornament|"
    r"blankenburg|isabella|NotoSans[A-Z][a-z]+(?!-)|NotoSerif[A-Z]|NotoKufi|NotoNaskh|NotoNastaliq|NotoRashi|"
    r"NotoTraditional|NotoFangsong|Noto(Sans|Serif)(?!-)|NotoMusic|lmdunh|lmromandunh|karlatamil|smallcap|-sc\b|caps|"
    r"NoLoopK|LargeLineHeight|Keyboard|Outline|outline|Shadow|variable|LinBiolinum_K|Galatia|Hosny",
    re.IGNORECASE,
)
KEPT_NOTO = re.compile(r"Noto(Sans|Serif|SansMono|SansDisplay|SerifDisplay)-")
# Characters that texts may have; anything else ends a paragraph's use.
TYPOGRAPHIC = "“”‘’–—•§©®°±×÷½¼¾²³µ…†‡€£¥éèêàáâäöüñçßåøæôîïíóúëù"
LETTERS = set(map(chr, range(32, 127))) | set(TYPOGRAPHIC)


def download(packages: list[str], folder: Path) -> None:
    """Fetches and unpacks the packages; those this release of Debian lacks are named and left out."""
    archives = folder / "packages"
    archives.mkdir(parents=True, exist_ok=True)
    for package in packages:
        if not list(archives.glob(f"{package}_*.deb")):
            got = subprocess.run(["apt-get", "download", "-qq", package], cwd=archives, capture_output=True)
            if got.returncode != 0:
                print(f"not to be had here, left out: {package}", file=sys.stderr)
                continue
        for archive in archives.glob(f"{package}_*.deb"):
            subprocess.run(["dpkg", "-x", archive, folder / "root"], check=True, stderr=subprocess.DEVNULL)


def fonts(root: Path) -> list[Path]:
    """Every usable font file below `root`, one for each name, in a fixed order."""
    found: dict[str, Path] = {}
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in (".ttf", ".otf"):
            continue
        if UNUSABLE.search(path.stem) and not KEPT_NOTO.match(path.stem):
            continue
        found.setdefault(path.stem.lower(), path)
    return [path for path in found.values() if has_letters(path)]


def has_letters(path: Path) -> bool:
    """Whether the font draws every printable ASCII character, each letter in its own way."""
    from PIL import ImageFont

    try:
        font = ImageFont.truetype(str(path), 24, layout_engine=ImageFont.Layout.BASIC)
        drawn = {c: bytes(font.getmask(c)) for c in map(chr, range(33, 127))}
    except OSError:
        return False
    missing = bytes(font.getmask("\uffff"))
    if any(not shape or (missing and shape == missing) for shape in drawn.values()):
        return False
    return len({drawn[c] for c in "abcdefghijklmnopqrstuvwxyzABDEGHQR"}) == 34


def paragraphs(root: Path) -> list[str]:
    """Every English paragraph of the text packages, in a fixed order, each once."""
    seen: dict[str, None] = {}
    files = {path: kind for pattern, kind in TEXT_FILES.items() for path in root.glob(pattern)}
    for path in sorted(files):
        raw = path.read_bytes()
        if path.suffix == ".dz":
            raw = gzip.decompress(raw)
        text = raw.decode("utf-8", errors="replace")
        for paragraph in split(text, files[path]):
            seen.setdefault(paragraph)
    return list(seen)


def split(text: str, kind: str):
    """Paragraphs of a text: whitespace collapsed, 60 to 1,500 characters, of known characters only."""
    if kind == "html":
        text = re.sub(r"(?s)<(script|style|pre|head)\b.*?</\1>", "\n\n", text)
        text = re.sub(r"(?i)</?(p|li|h\d|div|td|dd|dt|tr|table|ul|ol)\b[^>]*>", "\n\n", text)
        text = html.unescape(re.sub(r"(?s)<[^>]+>", "", text))
    for paragraph in re.split(r"\n\s*\n|\n%\n", text):
        paragraph = re.sub(r"\[(?:[A-Z][a-z]?\w*\.?|\d+ [^\]]*)\]|[A-Z]<+([^<>]*)>+", r"\1", paragraph)
        paragraph = " ".join(paragraph.replace("\u00a0", " ").split())
        if 60 <= len(paragraph) <= 1500 and set(paragraph) <= LETTERS and is_prose(paragraph):
            yield paragraph


def is_prose(text: str) -> bool:
    """Whether most of a text is words, not rules, code or tables."""
    letters = sum(c.isalpha() or c == " " for c in text)
    return letters > 0.85 * len(text) and not re.search(r"  |[{\\]|\w[*\"`^]+\w|_{3}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where packages, fonts.txt and texts.txt go")
    parser.add_argument("--unpacked", type=Path, help="take files from this folder instead of downloading packages")
    arguments = parser.parse_args()
    root = arguments.unpacked
    if root is None:
        download(FONT_PACKAGES + TEXT_PACKAGES, arguments.folder)
        root = arguments.folder / "root"
    arguments.folder.mkdir(parents=True, exist_ok=True)
    faces = fonts(root)
    (arguments.folder / "fonts.txt").write_text("".join(f"{path.resolve()}\n" for path in faces))
    texts = paragraphs(root)
    (arguments.folder / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    print(f"{len(faces)} fonts, {len(texts)} paragraphs, {sum(map(len, texts)) / 1e6:.1f} million characters")


if __name__ == "__main__":
    main()
