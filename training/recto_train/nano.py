"""A small model of GOT's architecture: its sizes, its start, its tokenizer, and a forward pass for views of any size.

The parameters are those of `transformers`' `GotOcr2ForConditionalGeneration`, so that what is trained here is saved by it
and loaded by everything that reads its checkpoints. Only the encoder's forward pass is our own (reference:
`transformers/models/got_ocr2/modeling_got_ocr2.py`): it takes views of any size, with the relative positions used from
their tables' middle, and keeps no matrix of position biases.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
import torch.utils.checkpoint
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from torch import Tensor, nn
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration, PreTrainedTokenizerFast

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<img>", "</img>", "<imgpad>"]
IMAGE = "<imgpad>"
SYSTEM = "system\nYou should follow the instructions carefully and explain your answers in detail."
# What transformers' processor asks (`GotOcr2Processor`), the space before OCR included.
QUESTIONS = {"plain": " OCR: ", "format": " OCR with format: "}
# How the hub's GOT tokenizer splits words.
PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
# Pixels of a view's side that one image token covers: 16 of a patch, halved twice by the projector.
TOKEN = 64


@dataclass(frozen=True)
class Sizes:
    """Sizes of the model."""

    vision_hidden: int = 256
    vision_layers: int = 8
    vision_heads: int = 4
    vision_global: tuple[int, ...] = (3, 7)
    window: int = 16
    channels: int = 128
    hidden: int = 320
    layers: int = 5
    heads: int = 5
    kv_heads: int = 5
    mlp: int = 896
    vocabulary: int = 2304
    image: int = 1024
    context: int = 8192


def tokenizer(texts: Iterable[str], size: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE of `size` tokens learnt from `texts`, GOT's special tokens last."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    bpe.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(SPECIAL), initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False, min_frequency=2,
    )  # fmt: skip
    bpe.train_from_iterator(texts, trainer)
    bpe.add_special_tokens(SPECIAL)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe, model_input_names=["input_ids", "attention_mask"], model_max_length=8000,
        pad_token="<|endoftext|>", bos_token="<|endoftext|>", eos_token="<|endoftext|>",
        clean_up_tokenization_spaces=False,
    )  # fmt: skip


def prompt(tokens: int, question: str) -> str:
    """What the model is asked about so many image tokens, as transformers' processor writes it."""
    images = f"<img>{IMAGE * tokens}</img>\n"
    return f"<|im_start|>{SYSTEM}<|im_end|><|im_start|>user\n{images}{question}<|im_end|><|im_start|>assistant\n"


def config(sizes: Sizes, words: PreTrainedTokenizerFast) -> GotOcr2Config:
    """The checkpoint's configuration."""
    end = words.convert_tokens_to_ids("<|endoftext|>")
    return GotOcr2Config(
        vision_config={
            "hidden_size": sizes.vision_hidden, "num_attention_heads": sizes.vision_heads,
            "num_hidden_layers": sizes.vision_layers, "mlp_dim": 4 * sizes.vision_hidden, "patch_size": 16,
            "image_size": sizes.image, "window_size": sizes.window, "global_attn_indexes": list(sizes.vision_global),
            "output_channels": sizes.channels, "use_abs_pos": False,
        },
        text_config={
            "model_type": "qwen2", "vocab_size": len(words), "hidden_size": sizes.hidden,
            "intermediate_size": sizes.mlp, "num_hidden_layers": sizes.layers, "num_attention_heads": sizes.heads,
            "num_key_value_heads": sizes.kv_heads, "rms_norm_eps": 1e-6, "max_position_embeddings": sizes.context,
            "tie_word_embeddings": True, "rope_theta": 100000.0, "bos_token_id": end, "eos_token_id": end,
            "use_sliding_window": False,
        },
        image_token_index=words.convert_tokens_to_ids(IMAGE), image_seq_length=(sizes.image // TOKEN) ** 2,
        pad_token_id=end, tie_word_embeddings=True,
    )  # fmt: skip


def start(settings: GotOcr2Config, seed: int) -> GotOcr2ForConditionalGeneration:
    """A fresh model.

    transformers starts the encoder at 1e-10, which never learns. Here: products at 0.02, those that end a residual branch
    smaller with depth; and in the encoder each head begins by looking at one side of a patch (a bias of the query times
    the relative positions), as a convolution does.
    """
    torch.manual_seed(seed)
    model = GotOcr2ForConditionalGeneration(settings)
    vision, text = settings.vision_config, settings.text_config
    for name, weight in model.named_parameters():
        if "layernorm" in name or "norm" in name.split(".")[-2]:
            nn.init.constant_(weight, 0.0 if name.endswith("bias") else 1.0)
        elif name.endswith("bias"):
            nn.init.zeros_(weight)
        elif "rel_pos" in name:
            nn.init.normal_(weight, std=0.02)
        elif "conv" in name or "patch_embed" in name:
            nn.init.normal_(weight, std=weight[0].numel() ** -0.5)
        else:
            nn.init.normal_(weight, std=0.02 if "embed_tokens" in name else weight.shape[1] ** -0.5)
        if name.endswith(("attn.proj.weight", "mlp.lin2.weight")):
            weight.data /= math.sqrt(2 * vision.num_hidden_layers)
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weight.data /= math.sqrt(2 * text.num_hidden_layers)
    for layer in model.model.vision_tower.layers:
        look_around(layer.attn)
    # White paper is the same small vector everywhere, so that ink stands out; not zero, at which a norm's slope is steep.
    patch = model.model.vision_tower.patch_embed.projection
    white = (1 - torch.tensor(CLIP_MEAN)) / torch.tensor(CLIP_STD)
    patch.bias.data = 0.5 * torch.randn_like(patch.bias) - patch.weight.data.sum((2, 3)) @ white
    return model


@torch.no_grad()
def look_around(attention: nn.Module) -> None:
    """Lets each head begin at a place beside the patch: left, middle, right, or near in general."""
    heads, inner = attention.num_attention_heads, attention.rel_pos_h.shape[1]
    query = attention.qkv.bias.view(3, heads, inner)[0]
    for head in range(heads):
        query[head, head % inner] = 1.0
    for table, shifts in ((attention.rel_pos_w, (0, -1, 1, 0)), (attention.rel_pos_h, (0, 0, 0, 0))):
        middle = table.shape[0] // 2
        distance = torch.arange(table.shape[0]) - middle  # query minus key
        for head in range(heads):
            width = 1.0 if head < 3 else 4.0
            table[:, head % inner] -= ((distance + shifts[head % 4]).float() / width).square().clamp(max=16.0) * 0.5


def attend(attention: nn.Module, x: Tensor) -> Tensor:
    """Attention with relative positions over `x`, (windows, height, width, hidden).

    The positions' part is added by widening queries and keys: a query times its rows of the tables meets keys that name
    their row and column, so one product gives both.
    """
    count, height, width, hidden = x.shape
    heads = attention.num_attention_heads
    inner = hidden // heads
    query, key, value = attention.qkv(x).view(count, height * width, 3, heads, inner).permute(2, 0, 3, 1, 4)
    by_row = distances(attention.rel_pos_h, height)  # (height, height, inner): query's row, key's row
    by_column = distances(attention.rel_pos_w, width)
    grid = query.reshape(count, heads, height, width, inner)
    rows = torch.einsum("nhyxd,ykd->nhyxk", grid, by_row).reshape(count, heads, -1, height)
    columns = torch.einsum("nhyxd,xkd->nhyxk", grid, by_column).reshape(count, heads, -1, width)
    named = torch.cat(
        [
            torch.eye(height, dtype=x.dtype, device=x.device).repeat_interleave(width, 0),
            torch.eye(width, dtype=x.dtype, device=x.device).repeat(height, 1),
        ],
        1,
    )
    query = torch.cat([query * attention.scale, rows, columns], -1)
    key = torch.cat([key, named.expand(count, heads, -1, -1)], -1)
    if height * width > 1024:
        value = F.pad(value, (0, query.shape[-1] - inner))
        out = F.scaled_dot_product_attention(query, key, value, scale=1.0)[..., :inner]
    else:
        out = (query @ key.transpose(-1, -2)).softmax(-1) @ value
    return attention.proj(out.transpose(1, 2).reshape(count, height, width, hidden))


def distances(table: Tensor, size: int) -> Tensor:
    """Rows of a table of relative positions for `size` queries and keys, (size, size, inner), taken from its middle."""
    middle = table.shape[0] // 2
    at = torch.arange(size, device=table.device)
    return table[middle + at[:, None] - at[None, :]]


def windows(x: Tensor, height: int, width: int) -> Tensor:
    """(pages, rows, columns, hidden) cut into (pages * windows, height, width, hidden)."""
    pages, rows, columns, hidden = x.shape
    x = x.view(pages, rows // height, height, columns // width, width, hidden)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, hidden)


def unwindows(x: Tensor, rows: int, columns: int) -> Tensor:
    """[`windows`] undone."""
    count, height, width, hidden = x.shape
    pages = count * height * width // (rows * columns)
    x = x.view(pages, rows // height, columns // width, height, width, hidden)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(pages, rows, columns, hidden)


def encode(tower: nn.Module, pixels: Tensor, checkpointing: bool = False) -> Tensor:
    """Features of each patch after the neck: (pages, channels, rows, columns) for pixels (pages, 3, height, width).

    With `checkpointing`, what is in a layer is computed again for the gradient instead of kept. Equal to the reference
    for views that have at least a window's rows and columns; smaller ones are one window here, and filled up there.
    """
    patch = tower.patch_embed.projection
    pages, colors, height, width = pixels.shape
    side = patch.kernel_size[0]
    rows, columns = height // side, width // side
    cells = pixels.view(pages, colors, rows, side, columns, side).permute(0, 2, 4, 1, 3, 5)
    x = F.linear(cells.reshape(pages, rows, columns, -1), patch.weight.flatten(1), patch.bias)
    if tower.pos_embed is not None:
        x = x + tower.pos_embed
    for layer in tower.layers:
        x = torch.utils.checkpoint.checkpoint(through, layer, x, use_reentrant=False) if checkpointing else through(layer, x)
    return tower.neck(x)


def through(layer: nn.Module, x: Tensor) -> Tensor:
    """One layer over (pages, rows, columns, hidden): attention over all or within windows, then the MLP."""
    rows, columns = x.shape[1:3]
    normed = layer.layer_norm1(x)
    if layer.window_size == 0:
        x = x + attend(layer.attn, normed)
    else:
        high, wide = min(layer.window_size, rows), min(layer.window_size, columns)
        below, beside = -rows % high, -columns % wide
        normed = F.pad(normed, (0, 0, 0, beside, 0, below))  # as the reference fills up its windows
        seen = unwindows(attend(layer.attn, windows(normed, high, wide)), rows + below, columns + beside)
        x = x + seen[:, :rows, :columns]
    return x + layer.mlp(layer.layer_norm2(x))


def normalized(images: Tensor) -> Tensor:
    """Gray pictures (pages, height, width) uint8 as the model's pixels (pages, 3, height, width)."""
    mean = torch.tensor(CLIP_MEAN, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(CLIP_STD, device=images.device).view(1, 3, 1, 1)
    return (images[:, None].float() / 255 - mean) / std
