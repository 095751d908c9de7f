"""Datasets in GOT's form from pictures with text: checked, split by document, with worn copies, as JSON and LMDB.

    python -m recto_train.dataset PAGES --out DATA --lmdb --tokenizer CHECKPOINT --augment 2

PAGES are folders of NAME.png (.jpg, .tif, …) with beside each
  NAME.txt or NAME.md   what it says, plain or as Markdown (each makes a sample), or else
  NAME.json             [{"box": [x0, y0, x1, y1], "text": "…", "order": 1}, …] or {"document": "…", "boxes": […]};
                        without `order`, boxes are read line by line
as recto_train.render writes them. Pictures of one document, NAME-0001 and NAME-0002, NAME_p1 and NAME_p2, or of the
same `document` in their JSON, are never in two splits. Pictures stay where they are: DATA/train.json, valid.json and
test.json name them relative to DATA; DATA/train.lmdb and so on, with --lmdb, hold them.

Status 0: written; 1: with --strict, something was refused; 2: nothing could be done.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from . import boxes, nano, packed, settings
from .scan import Wear, turn, worn

PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp"}
MODES = {".txt": "plain", ".md": "format"}
SPLITS = ("train", "valid", "test")
# A page's number at the end of its name, after which only the document's name is left.
PAGE_NUMBER = re.compile(r"[-_. ]*(?:(?<![a-z])(?:page|pg|p)[-_. ]?|[-_. ])\d+$", re.IGNORECASE)
# Longest answers if nothing else is said: a context of 8,000 tokens less prompt and picture; three letters a token.
MOST_TOKENS, MOST_CHARACTERS = 7000, 20_000


@dataclass(frozen=True)
class Sample:
    """A picture and what it says."""

    image: Path
    mode: str  # plain or format
    text: str
    document: str


@dataclass(frozen=True)
class Refusal:
    """What is left out, and why."""

    file: str
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Limits:
    """What a text may be."""

    tokenizer: PreTrainedTokenizerBase | None
    characters: frozenset[str] | None
    longest: int


class Collection:
    """Samples found in folders, and what was refused."""

    def __init__(self, limits: Limits, mode: str, alone: bool):
        self.limits, self.mode, self.alone = limits, mode, alone
        self.samples: list[Sample] = []
        self.refused: list[Refusal] = []
        self.pictures: dict[bytes, Path] = {}  # by what they show
        self.known: dict[str, bool] = {}  # characters, and whether they may be

    def take(self, folder: Path, but: Path) -> None:
        """Everything in a folder and those below it, in order of names; `but` is the output's own."""
        stems: dict[Path, dict[str, Path]] = {}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and but not in path.parents and path.suffix.lower() in {*PICTURES, *MODES, ".json"}:
                kind = "picture" if path.suffix.lower() in PICTURES else path.suffix.lower()
                if kind in stems.setdefault(path.with_suffix(""), {}):
                    self.refuse(path, "two files for one name", stems[path.with_suffix("")][kind].name)
                    continue
                stems[path.with_suffix("")][kind] = path
        for files in stems.values():
            self.page(files, folder)

    def refuse(self, file: Path, reason: str, detail: str = "") -> None:
        """Leaves something out."""
        self.refused.append(Refusal(str(file), reason, detail))

    def page(self, files: dict[str, Path], folder: Path) -> None:
        """One picture with what lies beside it."""
        image = files.get("picture")
        if image is None:
            self.refuse(next(iter(files.values())), "missing picture")
            return
        size = self.size(image)
        if size is None:
            return
        try:
            document, texts = self.truth(files, image.relative_to(folder), size)
        except (ValueError, OSError) as error:
            self.refuse(image, "unreadable text", str(error))
            return
        if not texts:
            self.refuse(image, "missing text")
        for mode, text in texts.items():
            fault = self.fault(text)
            if fault:
                self.refuse(image, fault[0], fault[1])
            else:
                self.samples.append(Sample(image, mode, text, document))

    def size(self, image: Path) -> tuple[int, int] | None:
        """Width and height of a picture that can be read and was not there before; none if it is refused."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                gray = Image.open(image).convert("L")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            self.refuse(image, "unreadable picture", str(error))
            return None
        shown = hashlib.sha256(b"%d %d " % gray.size + gray.tobytes()).digest()
        if shown in self.pictures:
            self.refuse(image, "duplicate picture", str(self.pictures[shown]))
            return None
        self.pictures[shown] = image
        return gray.size

    def truth(self, files: dict[str, Path], name: Path, size: tuple[int, int]) -> tuple[str, dict[str, str]]:
        """A picture's document, and its texts by mode."""
        document = str(name.with_suffix("")) if self.alone else document_of(name)
        texts = {
            mode: files[suffix].read_text(encoding="utf-8").strip()
            for suffix, mode in MODES.items()
            if suffix in files and self.mode in (mode, "both")
        }
        if ".json" in files:
            beside = json.loads(files[".json"].read_text(encoding="utf-8"))
            places = beside
            if isinstance(beside, dict):
                named, places = beside.get("document"), beside.get("boxes")
                document = str(named) if isinstance(named, (str, int)) and not self.alone else document
            if places is not None and not any(suffix in files for suffix in MODES) and self.mode != "format":
                texts["plain"] = boxes.text_of(places, *size).strip()
        return document, texts

    def fault(self, text: str) -> tuple[str, str] | None:
        """What is wrong with a text, if anything: reason and detail."""
        if not text:
            return "empty text", ""
        length = len(self.limits.tokenizer(text).input_ids) if self.limits.tokenizer else len(text)
        if length > self.limits.longest:
            return "too long text", f"{length} {'tokens' if self.limits.tokenizer else 'characters'}"
        marks = [mark for mark in nano.SPECIAL if mark in text]
        if marks:
            return "the model's own marks in the text", " ".join(marks)
        unknown = sorted(char for char in set(text) if not self.is_known(char))
        if unknown:
            return "unknown characters", " ".join(f"U+{ord(char):04X}" for char in unknown)
        return None

    def is_known(self, char: str) -> bool:
        """Whether a text may have the character; asked once for each."""
        if char not in self.known:
            self.known[char] = self.ask(char)
        return self.known[char]

    def ask(self, char: str) -> bool:
        """Whether the character is printable, in the given set, and survives the tokenizer."""
        if char in "\n\t ":
            return True
        if unicodedata.category(char) in ("Cc", "Cs", "Co", "Cn") or char == "\ufffd":
            return False
        if self.limits.characters is not None and char not in self.limits.characters:
            return False
        words = self.limits.tokenizer
        if words is None:
            return True
        ids = words(char, add_special_tokens=False).input_ids
        return words.unk_token_id not in ids and words.decode(ids).strip() == char.strip()


def document_of(name: Path) -> str:
    """The document of a page by its name: the name less the page's number."""
    return str(name.parent / (PAGE_NUMBER.sub("", name.stem) or name.stem))


def split(documents: set[str], shares: tuple[float, ...], seed: int) -> dict[str, str]:
    """The split of each document: their order is that of a hash, so that new documents leave most where they were."""
    order = sorted(documents, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
    ends, count = [], 0
    for share in shares:
        count += max(1, round(len(order) * share)) if share else 0
        ends.append(min(count, len(order)))
    ends[max(i for i, share in enumerate(shares) if share)] = len(order)
    return {name: SPLITS[next(i for i, end in enumerate(ends) if at < end)] for at, name in enumerate(order)}


def copies(samples: list[Sample], out: Path, count: int, wear: Wear, seed: int) -> list[Sample]:
    """Worn copies of each sample's picture, written below `out`."""
    made, known = [], {}
    for sample in samples:
        if sample.image not in known:
            known[sample.image] = [worn_copy(sample.image, out, number, wear, seed) for number in range(count)]
        made += [Sample(image, sample.mode, sample.text, sample.document) for image in known[sample.image]]
    return made


def worn_copy(image: Path, out: Path, number: int, wear: Wear, seed: int) -> Path:
    """Writes one worn copy; which wear follows from the seed, what the picture shows, and the copy's number."""
    page = np.asarray(Image.open(image).convert("L"))
    shown = hashlib.sha256(page.tobytes()).hexdigest()
    rng = np.random.default_rng((seed, number, int(shown[:16], 16)))
    if rng.random() < wear.skew:
        page = turn(page, float(rng.uniform(-wear.skew_degrees, wear.skew_degrees)))[0]
    file = out / "worn" / f"{image.stem}-{shown[:8]}-worn{number + 1}.png"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(cv2.imencode(".png", worn(page, rng, wear))[1].tobytes())
    return file


def entry(sample: Sample, out: Path) -> dict:
    """A sample as GOT's training reads it."""
    return {
        "image": os.path.relpath(sample.image, out),
        "conversations": [
            {"from": "human", "value": f"<image>\n{nano.QUESTIONS[sample.mode].lstrip()}"},
            {"from": "gpt", "value": sample.text},
        ],
    }


def report(splits: dict[str, list[Sample]], refused: list[Refusal], limits: Limits) -> dict:
    """What the dataset holds."""
    samples = [sample for some in splits.values() for sample in some]
    seen = Counter(char for sample in samples for char in sample.text)

    def extreme(pick: Callable) -> dict:
        sample = pick(samples, key=lambda sample: len(sample.text))
        return {"image": str(sample.image), "mode": sample.mode, "characters": len(sample.text)}

    return {
        "splits": {
            name: {
                "samples": len(some), "pages": len({s.image for s in some}), "documents": len({s.document for s in some}),
                "characters": sum(len(s.text) for s in some),
            }
            for name, some in splits.items()
        },
        "longest": extreme(max), "shortest": extreme(min), "limit": limits.longest,
        "limit_unit": "tokens" if limits.tokenizer else "characters",
        "characters": dict(sorted(seen.items(), key=lambda pair: (-pair[1], pair[0]))),
        "refused": [vars(refusal) for refusal in refused],
    }  # fmt: skip


def told_of(figures: dict) -> str:
    """The report for people."""
    lines = [f"{'split':8}{'samples':>9}{'pages':>9}{'documents':>11}{'characters':>12}"]
    for name, row in figures["splits"].items():
        lines.append(f"{name:8}" + "".join(f"{row[k]:>{w}}" for k, w in zip(row, (9, 9, 11, 12))))
        if row["samples"] == 0 and figures["shares"][name]:
            lines.append(f"         no documents were left for {name}: more documents, or --alone if each picture is one")
    for which in ("longest", "shortest"):
        lines.append(f"{which} text: {figures[which]['characters']} characters, {figures[which]['image']}")
    seen = figures["characters"]
    lines.append(f"{len(seen)} different characters; seldom seen: " + " ".join(f"{c!r} {n}" for c, n in [*seen.items()][-12:]))
    reasons = Counter(refusal["reason"] for refusal in figures["refused"])
    for reason, count in sorted(reasons.items()):
        lines.append(f"refused, {reason}: {count}")
        some = [refusal for refusal in figures["refused"] if refusal["reason"] == reason]
        lines += [f"  {refusal['file']}" + (f": {refusal['detail']}" if refusal["detail"] else "") for refusal in some[:10]]
        lines += [f"  and {count - 10} more, in report.json"] if count > 10 else []
    return "\n".join(lines)


def write(out: Path, splits: dict[str, list[Sample]], figures: dict, with_lmdb: bool) -> None:
    """All files of the dataset."""
    for name, samples in splits.items():
        entries = [entry(sample, out) for sample in samples]
        (out / f"{name}.json").write_text(json.dumps(entries, ensure_ascii=False, indent=1))
        if with_lmdb:
            packed.write(out / f"{name}.lmdb", entries, out)
    (out / "report.json").write_text(json.dumps(figures, ensure_ascii=False, indent=1))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("pages", type=Path, nargs="+", help="folders of pictures with their texts")
    told.add_argument("--out", type=Path, required=True, help="folder for the dataset")
    told.add_argument("--lmdb", action="store_true", help="write LMDB files as well, which hold the pictures")
    told.add_argument("--mode", choices=["plain", "format", "both"], default="both", help="which texts to take (%(default)s)")
    told.add_argument("--split", default="70/20/10", help="shares of documents for train, valid and test (%(default)s)")
    told.add_argument("--alone", action="store_true", help="each picture is a document of its own, whatever its name")
    told.add_argument("--seed", type=int, default=1, help="another seed, another split and other wear (%(default)s)")
    told.add_argument("--tokenizer", type=Path, help="checkpoint whose tokenizer measures texts and knows characters")
    told.add_argument("--characters", type=Path, help="file with all characters that texts may have, besides white space")
    told.add_argument(
        "--longest", type=int, help=f"longest text: in tokens with --tokenizer ({MOST_TOKENS}), else letters ({MOST_CHARACTERS})"
    )
    told.add_argument("--augment", type=int, default=0, metavar="N", help="N worn copies of each picture for training (0)")
    told.add_argument(
        "--wear", action="append", default=[], metavar="KEY=VALUE", help="bounds of wear: blur_sigma=0.8, bleed=0; see scan.py"
    )
    told.add_argument("--strict", action="store_true", help="end with status 1 if anything is refused")
    return told


def shares(text: str) -> tuple[float, ...]:
    """`70/20/10` as shares of 1. Raises `ValueError`."""
    parts = text.split("/")
    if len(parts) != len(SPLITS) or not all(part.isdecimal() for part in parts) or sum(map(int, parts)) != 100:
        raise ValueError(f"--split {text}: write three whole numbers that make 100: 70/20/10")
    return tuple(int(part) / 100 for part in parts)


def wear_of(changes: list[str]) -> Wear:
    """Bounds of wear with `key=value` changes; a copy is never clean unless that is asked for. Raises `ValueError`."""
    return settings.changed(Wear, {"clean": 0.0}, changes, "--wear")


def limits_of(told: argparse.Namespace) -> Limits:
    """Texts that are allowed. Raises `OSError` or `ValueError` if a file cannot be read."""
    words = AutoTokenizer.from_pretrained(told.tokenizer) if told.tokenizer else None
    known = frozenset(told.characters.read_text(encoding="utf-8")) if told.characters else None
    return Limits(words, known, told.longest or (MOST_TOKENS if words else MOST_CHARACTERS))


def make(told: argparse.Namespace) -> dict:
    """Makes the dataset; gives the report. Raises `OSError` or `ValueError` that says what to do."""
    parts, wear, limits = shares(told.split), wear_of(told.wear), limits_of(told)
    if told.augment < 0 or told.seed < 0 or (told.longest or 1) < 1:
        raise ValueError("--augment and --seed must be at least 0, --longest at least 1")
    found = Collection(limits, told.mode, told.alone)
    for folder in told.pages:
        if not folder.is_dir():
            raise ValueError(f"{folder}: no such folder")
        found.take(folder.resolve(), told.out.resolve())
    if not found.samples:
        refused = "; ".join(f"{r.file}: {r.reason}" for r in found.refused[:3])
        raise ValueError(f"no usable sample in {', '.join(map(str, told.pages))}" + (f": {refused}" if refused else ""))
    where = split({sample.document for sample in found.samples}, parts, told.seed)
    splits = {name: [sample for sample in found.samples if where[sample.document] == name] for name in SPLITS}
    told.out.mkdir(parents=True, exist_ok=True)
    splits["train"] += copies(splits["train"], told.out.resolve(), told.augment, wear, told.seed)
    figures = report(splits, found.refused, limits) | {
        "shares": dict(zip(SPLITS, parts)), "seed": told.seed, "augment": told.augment,
    }  # fmt: skip
    write(told.out.resolve(), splits, figures, told.lmdb)
    return figures


def main(argv: list[str] | None = None) -> int:
    told = parser().parse_args(argv)
    try:
        figures = make(told)
    except (OSError, ValueError) as error:
        print(f"dataset: {error}", file=sys.stderr)
        return 2
    print(told_of(figures))
    return 1 if told.strict and figures["refused"] else 0


if __name__ == "__main__":
    sys.exit(main())
