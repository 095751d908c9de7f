"""Greedy reading with a model under training, and how far off it is."""

import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor
from transformers import GotOcr2ForConditionalGeneration, PreTrainedTokenizerFast

from . import nano


def image_tokens(
    model: GotOcr2ForConditionalGeneration, pixels: Tensor, checkpointing: bool = False
) -> tuple[Tensor, Tensor]:
    """Features of the patches, and image tokens (pages, rows, columns, hidden), of views of any size."""
    features = nano.encode(model.model.vision_tower, pixels, checkpointing)
    projector = model.model.multi_modal_projector
    x = projector.conv_upsampler2(projector.conv_upsampler1(features))
    return features, projector.multimodal_projector(x.permute(0, 2, 3, 1))


def embedded(model: GotOcr2ForConditionalGeneration, ids: Tensor, images: Tensor) -> Tensor:
    """Token embeddings with the image tokens in their places, (pages, length, hidden)."""
    embeddings = model.get_input_embeddings()(ids)
    marks = (ids == model.config.image_token_index)[..., None].expand_as(embeddings)
    return embeddings.masked_scatter(marks, images.to(embeddings.dtype).flatten(0, 2))


@torch.no_grad()
def read(
    model: GotOcr2ForConditionalGeneration, words: PreTrainedTokenizerFast, pixels: Tensor, question: str, most: int
) -> list[str]:
    """What the model writes about views (pages, 3, height, width), at most `most` tokens each."""
    _, images = image_tokens(model, pixels)
    prompt = nano.prompt(images.shape[1] * images.shape[2], question)
    ids = words(prompt, return_tensors="pt").input_ids.to(pixels.device)
    return write(model, words, embedded(model, ids.expand(len(pixels), -1), images), most)


@torch.no_grad()
def write(model: GotOcr2ForConditionalGeneration, words: PreTrainedTokenizerFast, x: Tensor, most: int) -> list[str]:
    """What the model writes after embedded prompts (pages, length, hidden), at most `most` tokens each."""
    end = words.convert_tokens_to_ids("<|im_end|>")
    cache, written, going = None, [], torch.ones(len(x), dtype=torch.bool, device=x.device)
    for _ in range(most):
        out = model.model.language_model(inputs_embeds=x, past_key_values=cache, use_cache=True)
        cache = out.past_key_values
        best = model.lm_head(out.last_hidden_state[:, -1]).argmax(-1)
        best[~going] = end
        going &= best != end
        if not going.any():
            break
        written.append(best)
        x = model.get_input_embeddings()(best[:, None])
    if not written:
        return [""] * len(going)
    return words.batch_decode(torch.stack(written, 1), skip_special_tokens=True)


def character_errors(read_texts: list[str], truths: list[str]) -> float:
    """Edits by characters of the truth, over all texts; white space counts as one space."""
    edits = total = 0
    for text, truth in zip(read_texts, truths):
        text, truth = " ".join(text.split()), " ".join(truth.split())
        edits += Levenshtein.distance(text, truth)
        total += len(truth)
    return edits / max(1, total)
