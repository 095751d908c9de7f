"""The small GOT checkpoint: its sizes, its vocabulary, its weights. Everything follows from fixed seeds."""

import base64
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from tokenizers import Regex
from transformers import GotOcr2Config, GotOcr2ForConditionalGeneration

HERE = Path(__file__).parent
CHECKPOINTS = HERE / "checkpoints"
EXPECTED = HERE / "expected"

# GOT's special tokens, in the order in which its tokenization_qwen.py numbers them after the last rank.
SPECIAL = (
    ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    + [f"<|extra_{i}|>" for i in range(205)]
    + ["<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<img>", "</img>", "<imgpad>"]
)
# What the hub's tokenizer.json splits words by; Qwen's own pattern has \p{N} in the place of \p{N}{1,3}.
HUB_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN_PATTERN = HUB_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
MERGES = 106

TRAINING_TEXT = """system user assistant OCR with format upon the patch reference across multi pages
You should follow the instructions carefully and explain your answers in detail.
\\begin{tabular}{|c|c|} \\hline a & b \\\\ \\hline \\end{tabular} \\section*{Introduction} \\title{ \\(x^{2}+y_{1}\\) \\[ \\frac{1}{2} \\]
The results of the reading are shown in the table below, and the error of the method is small.
页面文字识别 第一章 表格 公式 文字 页面 [red] [green] [blue] 1 2 3 4 5 6 7 8 9 0
""" * 3

CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]
IMAGE = 128
IMAGE_TOKENS = (IMAGE // 8 // 4) ** 2


def byte_characters() -> dict[str, int]:
    """The printable character that byte-level vocabularies write for each byte (GPT-2's table)."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}


def ranks() -> list[bytes]:
    """The mergeable tokens by rank: the 256 bytes, then merges learnt from the text above."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitter(QWEN_PATTERN)
    trainer = trainers.BpeTrainer(
        vocab_size=256 + MERGES, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator([TRAINING_TEXT], trainer)
    table = byte_characters()
    by_rank = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    tokens = [bytes(table[c] for c in token) for token, _ in by_rank]
    # Bytes first, each merge after its parts: the order that lets a rank serve as the merge's priority.
    tokens.sort(key=lambda token: len(token) > 1)
    assert len(tokens) == 256 + MERGES and len(set(tokens)) == len(tokens)
    return tokens


def splitter(pattern: str):
    """Words by the pattern, then bytes."""
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pattern), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def hub_tokenizer(tokens: list[bytes]) -> Tokenizer:
    """tokenizer.json as transformers' converter makes it of a .tiktoken file: every split of a token is a merge."""
    letters = {b: c for c, b in byte_characters().items()}
    rank = {token: i for i, token in enumerate(tokens)}
    text = {token: "".join(letters[b] for b in token) for token in tokens}
    merges = []
    for token in tokens:
        splits = [(token[:i], token[i:]) for i in range(1, len(token))]
        splits = [s for s in splits if s[0] in rank and s[1] in rank]
        merges += [(text[a], text[b]) for a, b in sorted(splits, key=lambda s: (rank[s[0]], rank[s[1]]))]
    tokenizer = Tokenizer(models.BPE(vocab={text[t]: i for t, i in rank.items()}, merges=merges))
    tokenizer.pre_tokenizer = splitter(HUB_PATTERN)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def tiktoken_file(tokens: list[bytes]) -> str:
    """qwen.tiktoken: a token in base64 and its rank on each line."""
    return "".join(f"{base64.b64encode(token).decode()} {i}\n" for i, token in enumerate(tokens))


def config(vocab: int) -> GotOcr2Config:
    """Tiny sizes with every feature on: padded windows, a global layer, grouped keys, an odd vocabulary."""
    ids = {token: vocab - len(SPECIAL) + i for i, token in enumerate(SPECIAL)}
    return GotOcr2Config(
        vision_config={
            "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 3, "mlp_dim": 128, "patch_size": 8,
            "image_size": IMAGE, "window_size": 5, "global_attn_indexes": [1], "output_channels": 16,
        },
        text_config={
            "model_type": "qwen2", "vocab_size": vocab, "hidden_size": 64, "intermediate_size": 128,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "rms_norm_eps": 1e-6,
            "max_position_embeddings": 4096, "tie_word_embeddings": True, "rope_theta": 1000000.0,
            "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|endoftext|>"],
            "use_sliding_window": False, "max_window_layers": 2,
        },
        image_token_index=ids["<imgpad>"],
        image_seq_length=IMAGE_TOKENS,
        tie_word_embeddings=True,
    )


def exact(tensor: torch.Tensor) -> torch.Tensor:
    """The nearest values that float32, bfloat16 and float16 all hold exactly, so that layouts may differ in type."""
    rounded = tensor.to(torch.bfloat16).to(torch.float32)
    rounded = torch.where(rounded.abs() < 2.0**-14, torch.zeros_like(rounded), rounded)
    assert torch.equal(rounded.to(torch.float16).to(torch.float32), rounded)
    return rounded


def spread(name: str, shape: torch.Size) -> tuple[float, float]:
    """Mean and deviation at which a tensor matters: transformers' own start (1e-10 in the encoder) would not."""
    if name.endswith("language_model.norm.weight"):
        return 8.0, 1.0  # logits far apart
    if "norm" in name:
        return (0.0 if name.endswith("bias") else 1.0), 0.2
    if name.endswith("bias"):
        return 0.0, 0.1
    if "rel_pos" in name or "pos_embed" in name:
        return 0.0, 0.4
    if "embed_tokens" in name:
        return 0.0, 0.25
    return 0.0, 1.4 / shape[1:].numel() ** 0.5


# Special tokens' rows are this much smaller, so that none is ever the likeliest.
SPECIAL_SCALE = 0.1


def weight(name: str, shape: torch.Size, generator: torch.Generator) -> torch.Tensor:
    """One random tensor."""
    mean, deviation = spread(name, shape)
    tensor = mean + deviation * torch.randn(shape, generator=generator)
    if "embed_tokens" in name:
        tensor[-len(SPECIAL):] *= SPECIAL_SCALE
    return tensor


def model(settings: GotOcr2Config, seed: int) -> GotOcr2ForConditionalGeneration:
    """The checkpoint's model in float32, with weights from the seed."""
    network = GotOcr2ForConditionalGeneration._from_config(settings, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(network.named_parameters()):
            parameter.copy_(exact(weight(name, parameter.shape, generator)))
    network.tie_weights()
    return network


def write_json(path: Path, value) -> None:
    """Readable, with a stable order."""
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
