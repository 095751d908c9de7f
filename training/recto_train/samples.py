"""Training samples by number: what step 1,000 sees follows from the configuration and that number alone.

So a run that was cut goes on exactly where it was. A batch has views of one size, token ids padded to the longest, labels
of the answers, and, if pages are rendered, the glyph under each cell.
"""

import re
import string
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from transformers import PreTrainedTokenizerFast

from . import nano
from .faces import Faces
from .glyphs import targets
from .material import TYPOGRAPHIC
from .page import Page, Style, Texts
from .rows import PITCH, view

# Classes of the glyph heads; 0 is no glyph.
GLYPHS = {char: i + 1 for i, char in enumerate(string.printable[:94] + TYPOGRAPHIC)}
IGNORED = -100
HEADING = re.compile(r"\\section\*\{(.*)\}")


@dataclass
class Batch:
    """Views of one size and what is to be said about them."""

    pixels: Tensor  # (pages, height, width) uint8 gray, or (pages, 3, height, width) float, normalized
    ids: Tensor  # (pages, length) int64: prompt, answer, padding
    labels: Tensor  # (pages, length) int64: the answer, elsewhere -100
    points: Tensor | None  # (pages, length) int64: the image token in which an answer's token begins, elsewhere -1
    cells: Tensor | None  # (pages, height / 8, width / 4) int64
    answers: list[str]

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        cells = None if self.cells is None else self.cells.to(device)
        points = None if self.points is None else self.points.to(device)
        return Batch(self.pixels.to(device), self.ids.to(device), self.labels.to(device), points, cells, self.answers)


def conversation(words: PreTrainedTokenizerFast, question: str, answer: str) -> tuple[list[int], list[int]]:
    """Ids of a prompt, and of the answer with its end."""
    return words(question).input_ids, [*words(answer).input_ids, words.convert_tokens_to_ids("<|im_end|>")]


def spelt(
    words: PreTrainedTokenizerFast, text: str, letters: float, rng: np.random.Generator | None
) -> tuple[list[int], list[int]]:
    """Ids of a text, a share of `letters` of its words letter by letter, and the character that each begins with, after a space."""
    bpe, said, begins = words.backend_tokenizer, [], []
    for piece, (start, end) in bpe.pre_tokenizer.pre_tokenize_str(text):
        chars = [at for at in range(start, end) for _ in text[at].encode()]
        if letters and rng.random() < letters:
            said += [bpe.token_to_id(letter) for letter in piece]
            begins += chars
            continue
        at = 0
        for token in bpe.model.tokenize(piece):
            said.append(token.id)
            skip = len(token.value) > 1 and text[chars[at]] == " "
            begins.append(chars[at + skip])
            at += len(token.value)
    return said, begins


def places(answer: str, drawn: Page) -> list[int]:
    """The image token in which each of the answer's characters was drawn, counted by rows; -1 for white space and markup."""
    text = HEADING.sub(lambda found: " " * 10 + found[1] + " ", answer)
    columns = drawn.image.shape[1] // nano.TOKEN
    middle = (drawn.boxes[:, :2] + drawn.boxes[:, 2:]) / 2 // nano.TOKEN
    limit = (columns - 1, drawn.image.shape[0] // nano.TOKEN - 1)
    tokens = np.clip(middle, 0, limit).astype(int) @ (1, columns)
    found, next_glyph = [], 0
    for char in text:
        is_glyph = next_glyph < len(drawn.chars) and char == drawn.chars[next_glyph]
        found.append(int(tokens[next_glyph]) if is_glyph else -1)
        next_glyph += is_glyph
    return found


def collated(
    pixels: Tensor, talks: list[tuple[list[int], list[int]]], cells: Tensor | None, answers: list[str],
    pointed: list[list[int]] | None = None,
) -> Batch:
    """Samples put together."""  # fmt: skip
    length = max(len(asked) + len(said) for asked, said in talks)
    ids = torch.zeros(len(talks), length, dtype=torch.long)
    labels = torch.full((len(talks), length), IGNORED)
    for row, (asked, said) in enumerate(talks):
        ids[row, : len(asked) + len(said)] = torch.tensor(asked + said)
        labels[row, len(asked) : len(asked) + len(said)] = torch.tensor(said)
    points = None
    if pointed is not None:
        points = torch.full_like(ids, -1)
        for row, ((asked, _), places) in enumerate(zip(talks, pointed)):
            points[row, len(asked) : len(asked) + len(places)] = torch.tensor(places, dtype=torch.long)
    return Batch(pixels, ids, labels, points, cells, answers)


class Rendered(Dataset):
    """Pages drawn as they are asked for. Item n is the n-th batch."""

    def __init__(
        self, material: Path, style: Style, words: PreTrainedTokenizerFast, seed: tuple[int, ...], batch: int,
        mode: str = "both", letters: float = 0.0, apart: bool = False,
    ):  # fmt: skip
        self.faces, self.texts = Faces.read(material / "fonts.txt"), Texts.read(material / "texts.txt")
        self.style, self.words, self.seed, self.batch, self.mode = style, words, seed, batch, mode
        self.letters, self.apart = letters, apart

    def __getitem__(self, number: int) -> Batch:
        images, cells, talks, answers, pointed = [], [], [], [], []
        for row in range(number * self.batch, (number + 1) * self.batch):
            drawn = view(self.faces, self.texts, self.style, (*self.seed, row))
            mode = ("plain", "format")[row % 2] if self.mode == "both" else self.mode
            rng = np.random.default_rng((*self.seed, row, 1))
            for part in parted(drawn) if self.apart else [drawn]:
                talk, points = self.talk(part, mode, rng)
                talks.append(talk)
                pointed.append(points)
                answers.append(part.plain if mode == "plain" else part.markdown)
            images.append(drawn.image)
            cells.append(targets(drawn.boxes, drawn.chars, GLYPHS, *drawn.image.shape))
        pixels, cells = torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(cells))
        return collated(pixels, talks, cells, answers, pointed)

    def talk(self, drawn: Page, mode: str, rng: np.random.Generator) -> tuple[tuple[list[int], list[int]], list[int]]:
        """Ids of what is asked about a page and answered, and where each of the answer's tokens was drawn."""
        tokens = (drawn.image.shape[0] // nano.TOKEN) * (drawn.image.shape[1] // nano.TOKEN)
        answer = drawn.plain if mode == "plain" else drawn.markdown
        said, begins = spelt(self.words, answer, self.letters, rng)
        found, end = places(answer, drawn), self.words.convert_tokens_to_ids("<|im_end|>")
        asked = self.words(nano.prompt(tokens, nano.QUESTIONS[mode])).input_ids
        return (asked, [*said, end]), [found[at] for at in begins]


def parted(drawn: Page) -> list[Page]:
    """The rows of a sheet, each as a page of its own."""
    lines = drawn.markdown.split("\n")
    row_of = (drawn.boxes[:, 1] + drawn.boxes[:, 3]) / 2 // PITCH
    pages = []
    for row in range(len(drawn.image) // PITCH):
        markdown = lines[row] if row < len(lines) else ""
        plain = HEADING.sub(r"\1", markdown)
        own = row_of == row
        chars = [char for char, is_own in zip(drawn.chars, own) if is_own]
        image = drawn.image[row * PITCH : (row + 1) * PITCH]
        pages.append(Page(image, plain, markdown, chars, drawn.boxes[own] - np.float32([0, row * PITCH] * 2)))
    return pages


def loader(data: Dataset, numbers: list[int], workers: int) -> DataLoader:
    """Batches of those numbers, made ahead by worker processes."""
    return DataLoader(
        data, batch_size=None, sampler=numbers, num_workers=workers, prefetch_factor=4 if workers else None,
        worker_init_fn=alone if workers else None,
    )  # fmt: skip


def alone(_: int) -> None:
    """A worker computes on one core, at low priority: the model comes first. It ends when it is told to."""
    import os
    import signal

    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    os.nice(1)
