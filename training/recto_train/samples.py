"""Training samples by number: what step 1,000 sees follows from the configuration and that number alone.

So a run that was cut goes on exactly where it was. A batch has views of one size, token ids padded to the longest, labels
of the answers, and, where pages are rendered, the glyph under each cell.
"""

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
from .page import Style, Texts, page

# Classes of the glyph heads; 0 is no glyph.
GLYPHS = {char: i + 1 for i, char in enumerate(string.printable[:94] + TYPOGRAPHIC)}
IGNORED = -100


@dataclass
class Batch:
    """Views of one size and what is to be said about them."""

    pixels: Tensor  # (pages, height, width) uint8 grey, or (pages, 3, height, width) float, normalised
    ids: Tensor  # (pages, length) int64: prompt, answer, padding
    labels: Tensor  # (pages, length) int64: the answer, elsewhere -100
    cells: Tensor | None  # (pages, height / 8, width / 4) int64
    answers: list[str]

    def to(self, device: torch.device) -> "Batch":
        """The batch on a device."""
        cells = None if self.cells is None else self.cells.to(device)
        return Batch(self.pixels.to(device), self.ids.to(device), self.labels.to(device), cells, self.answers)


def conversation(
    words: PreTrainedTokenizerFast, question: str, answer: str, letters: float = 0.0,
    rng: np.random.Generator | None = None,
) -> tuple[list[int], list[int]]:
    """Ids of a prompt, and of the answer with its end; a share of `letters` of its words letter by letter.

    A model that reads letters first learns from a hundredth of the pages: it meets each of a hundred letters in every
    line, each of thousands of tokens seldom. Any spelling gives the same text.
    """  # fmt: skip
    asked, end = words(question).input_ids, words.convert_tokens_to_ids("<|im_end|>")
    if letters == 0.0:
        return asked, [*words(answer).input_ids, end]
    bpe, said = words.backend_tokenizer, []
    for piece, _ in bpe.pre_tokenizer.pre_tokenize_str(answer):
        if rng.random() < letters:
            said += [bpe.token_to_id(letter) for letter in piece]
        else:
            said += [token.id for token in bpe.model.tokenize(piece)]
    return asked, [*said, end]


def collated(pixels: Tensor, talks: list[tuple[list[int], list[int]]], cells: Tensor | None, answers: list[str]) -> Batch:
    """Samples put together."""
    length = max(len(asked) + len(said) for asked, said in talks)
    ids = torch.zeros(len(talks), length, dtype=torch.long)
    labels = torch.full((len(talks), length), IGNORED)
    for row, (asked, said) in enumerate(talks):
        ids[row, : len(asked) + len(said)] = torch.tensor(asked + said)
        labels[row, len(asked) : len(asked) + len(said)] = torch.tensor(said)
    return Batch(pixels, ids, labels, cells, answers)


class Rendered(Dataset):
    """Pages drawn as they are asked for. Item n is the n-th batch."""

    def __init__(
        self, material: Path, style: Style, words: PreTrainedTokenizerFast, seed: tuple[int, ...], batch: int,
        mode: str = "both", letters: float = 0.0,
    ):  # fmt: skip
        self.faces, self.texts = Faces.read(material / "fonts.txt"), Texts.read(material / "texts.txt")
        self.style, self.words, self.seed, self.batch, self.mode = style, words, seed, batch, mode
        self.letters = letters

    def __getitem__(self, number: int) -> Batch:
        images, cells, talks, answers = [], [], [], []
        tokens = (self.style.height // nano.TOKEN) * (self.style.width // nano.TOKEN)
        for row in range(number * self.batch, (number + 1) * self.batch):
            drawn = page(self.faces, self.texts, self.style, (*self.seed, row))
            mode = ("plain", "format")[row % 2] if self.mode == "both" else self.mode
            answers.append(drawn.plain if mode == "plain" else drawn.markdown)
            talks.append(conversation(
                self.words, nano.prompt(tokens, nano.QUESTIONS[mode]), answers[-1], self.letters, np.random.default_rng((*self.seed, row, 1))
            ))
            images.append(drawn.image)
            cells.append(targets(drawn.boxes, drawn.chars, GLYPHS, *drawn.image.shape))
        return collated(torch.from_numpy(np.stack(images)), talks, torch.from_numpy(np.stack(cells)), answers)


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
