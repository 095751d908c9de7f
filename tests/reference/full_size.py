"""Writes a checkpoint of GOT's real size with random weights: python full_size.py OUT.

The tensors are written piece by piece, so the machine needs little memory. The vocabulary has the real size and GOT's
special tokens at their real ids, but its words are made up: single bytes, Chinese characters, short runs of ASCII."""

import argparse
import json
import struct
from itertools import product
from pathlib import Path

import torch
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration, GotOcr2Processor

import tiny
from make_checkpoints import fast_tokenizer, image_processor

REGULAR_TOKENS = 151643
PIECE = 1 << 22  # elements written at a time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    settings = GotOcr2Config(image_seq_length=256)
    settings.architectures = ["GotOcr2ForConditionalGeneration"]
    settings.dtype = "bfloat16"
    settings.save_pretrained(folder)
    eos = REGULAR_TOKENS + tiny.SPECIAL.index("<|endoftext|>")
    tiny.write_json(folder / "generation_config.json", {"bos_token_id": eos, "eos_token_id": eos})
    write_tokenizer(folder)
    write_weights(folder / "model.safetensors", settings)


def write_tokenizer(folder: Path) -> None:
    """tokenizer.json and the processor's files."""
    tokenizer = tiny.hub_tokenizer(words())
    assert tokenizer.get_vocab_size() == REGULAR_TOKENS + len(tiny.SPECIAL)
    assert tokenizer.token_to_id("<imgpad>") == 151859
    GotOcr2Processor(image_processor(1024), fast_tokenizer(tokenizer)).save_pretrained(folder)


def words() -> list[bytes]:
    """As many tokens as Qwen has, each the join of two earlier ones."""
    tokens = {bytes([b]): None for b in range(256)}
    chinese = [chr(c).encode() for c in range(0x4E00, 0x9FA6)]
    tokens |= dict.fromkeys(c[:2] for c in chinese) | dict.fromkeys(chinese)
    letters = [b" ", *(bytes([b]) for b in range(33, 127))]
    for length in (2, 3):
        for letter_run in product(letters, repeat=length):
            if len(tokens) == REGULAR_TOKENS:
                return list(tokens)
            tokens[b"".join(letter_run)] = None
    raise AssertionError("too few words")


def write_weights(path: Path, settings: GotOcr2Config) -> None:
    """One safetensors file in bfloat16: the header, then each tensor in pieces."""
    with torch.device("meta"):
        network = GotOcr2ForConditionalGeneration(settings)
    shapes = {n: p.shape for n, p in sorted(network.named_parameters()) if n != "lm_head.weight"}
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [end, end + 2 * shape.numel()]}
        end += 2 * shape.numel()
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = torch.Generator().manual_seed(1)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in shapes.items():
            write_tensor(file, name, shape, generator)


def write_tensor(file, name: str, shape: torch.Size, generator: torch.Generator) -> None:
    """Random numbers at the small checkpoint's scales; special tokens never the likeliest."""
    mean, deviation = tiny.spread(name, shape)
    count = shape.numel()
    first_special = REGULAR_TOKENS * shape[-1] if "embed_tokens" in name else count
    for start in range(0, count, PIECE):
        piece = mean + deviation * torch.randn(min(PIECE, count - start), generator=generator)
        piece[max(0, first_special - start):] *= tiny.SPECIAL_SCALE
        file.write(piece.to(torch.bfloat16).view(torch.uint8).numpy().tobytes())


if __name__ == "__main__":
    main()
