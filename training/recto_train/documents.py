"""Batches of a dataset of one's own: pictures and what they say, as `recto_train.dataset` writes them.

Batch n is the same in every run: samples are shuffled again each time all were seen, by the seed and that time's number.
Pictures go through the image processor that reads them in use, and prompts are those that the processor writes.
"""

import io
import json
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset
from transformers import GotOcr2ForConditionalGeneration, PreTrainedTokenizerFast
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

from . import nano, packed
from .samples import Batch, collated, conversation

MARK = "<image>\n"


class Unusable(ValueError):
    """A dataset, or a sample of it, that cannot be learnt from; the message names it."""


class Listed:
    """A dataset's JSON, with its pictures in files."""

    def __init__(self, file: Path, images: Path):
        self.images = images
        try:
            self.entries = json.loads(file.read_text())
        except (UnicodeDecodeError, json.JSONDecodeError) as error:
            raise ValueError(f"{file}: not JSON: {error}") from error
        if not isinstance(self.entries, list):
            raise ValueError(f"{file}: expected a list of samples")

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, number: int) -> tuple[dict, list[bytes]]:
        entry = self.entries[number]
        return entry, [(self.images / view).read_bytes() for view in packed.views(entry)]


class Documents(Dataset):
    """Batches of a dataset; item n is the n-th batch.

    A sample of several pictures (a document asked for with `OCR across multi pages: `) has the tokens of all of them in
    its prompt; a batch's pixels then are the views of all samples, one after the other.
    """

    def __init__(
        self, file: Path, images: Path, model: GotOcr2ForConditionalGeneration, words: PreTrainedTokenizerFast,
        batch: int, seed: int,
    ):  # fmt: skip
        self.file, self.words, self.batch, self.seed = file, words, batch, seed
        try:
            self.entries = packed.Packed(file) if file.suffix == ".lmdb" else Listed(file, images)
            self.count = len(self.entries)
        except (OSError, ValueError) as error:
            raise Unusable(str(error)) from error
        if self.count == 0:
            raise Unusable(f"{file}: no samples")
        self.side = model.config.vision_config.image_size
        self.context = model.config.text_config.max_position_embeddings
        self.processor = GotOcr2ImageProcessorPil(size={"height": self.side, "width": self.side})

    def __len__(self) -> int:
        """Samples, not batches: batches never end."""
        return self.count

    def __getitem__(self, number: int) -> Batch:
        pixels, talks, answers = [], [], []
        for row in range(number * self.batch, (number + 1) * self.batch):
            views, talk, answer = self.sample(int(self.order(row // len(self))[row % len(self)]))
            pixels.append(views)
            talks.append(talk)
            answers.append(answer)
        return collated(torch.cat(pixels), talks, None, answers)

    def order(self, epoch: int) -> np.ndarray:
        """Numbers of all samples, shuffled for the epoch."""
        return shuffled(len(self), self.seed, epoch)

    def sample(self, number: int) -> tuple[Tensor, tuple[list[int], list[int]], str]:
        """Views (views, 3, side, side), ids of prompt and answer, and the answer.

        Raises `Unusable` that names the sample.
        """
        try:
            entry, pictures = self.entries[number]
            question, answer = asked(entry)
            views = self.pixels(pictures)
        except (ValueError, KeyError, TypeError, OSError, Image.DecompressionBombError) as error:
            raise Unusable(f"{self.file}: sample {number}: {error or type(error).__name__}") from error
        prompt = nano.prompt(len(views) * (self.side // nano.TOKEN) ** 2, question)
        talk = conversation(self.words, prompt, answer)
        length = len(talk[0]) + len(talk[1])
        if length > self.context:
            raise Unusable(
                f"{self.file}: sample {number} ({entry['image']}): {length} tokens are more than the model's {self.context}: "
                "give dataset --tokenizer and --longest, or split the page"
            )
        return views, talk, answer

    def pixels(self, pictures: list[bytes]) -> Tensor:
        """What the model sees of encoded pictures: (views, 3, side, side) float32."""
        opened = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
        return self.processor(images=opened, return_tensors="pt")["pixel_values"].float()


@lru_cache(maxsize=4)
def shuffled(count: int, seed: int, epoch: int) -> np.ndarray:
    """Numbers below `count` in an order of that seed and epoch."""
    return np.random.default_rng((seed, epoch)).permutation(count)


def asked(entry: dict) -> tuple[str, str]:
    """Question and answer of a sample, the question as transformers' processor writes it."""
    talk = {turn["from"]: turn["value"] for turn in entry["conversations"][:2]}
    if set(talk) != {"human", "gpt"} or not all(isinstance(value, str) for value in talk.values()):
        raise ValueError("conversations: expected one of human, one of gpt")
    mark, question = talk["human"][: len(MARK)], talk["human"][len(MARK) :]
    if mark != MARK or not question.strip():
        raise ValueError(f"the question must be {MARK!r} and what is asked, found {talk['human'][:40]!r}")
    # The processor writes a box or a color, if any, a space, and OCR.
    return question if question.startswith(("[", " ")) else f" {question}", talk["gpt"]
