"""Writes a small checkpoint whose answer is known: python looping.py OUT [--table [ROWS]].

Without --table it repeats one short phrase for ever, whatever the picture and the question. With --table it writes a
LaTeX table of ROWS equal rows and ends. Both are in the newest hub layout and are set by hand, not trained: each token
is one direction of the hidden state, and the head maps a token's direction to the token that follows it."""

import argparse
from pathlib import Path

import torch
from transformers import GotOcr2Processor

import tiny
from make_checkpoints import fast_tokenizer, image_processor

PHRASE = [b" and", b" so", b" it", b" goes", b" on", b","]
TABLE_START = [b"\\begin", b"{tabular", b"}{|", b"c", b"|c", b"|}", b" \\hline"]
ROW = [b" a", b" &", b" b", b" \\\\", b" \\hline"]
TABLE_END = [b"\\end", b"{tabular", b"}"]
IMAGE = 64
COUNT = 63  # the direction that holds 64 / (rules seen + 1)
NORMED = 8.0  # what an RMS norm over 64 makes of a single 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--table", type=int, nargs="?", const=40, default=None, metavar="ROWS")
    arguments = parser.parse_args()
    ranks = tiny.ranks()[:256]
    added = PHRASE + TABLE_START + ROW + TABLE_END
    ranks = list(dict.fromkeys(ranks + added))
    write(arguments.out, ranks, arguments.table)


def write(folder: Path, ranks: list[bytes], rows: int | None) -> None:
    """The whole checkpoint."""
    settings = smallest(len(ranks) + len(tiny.SPECIAL))
    network = tiny.model(settings, seed=1)
    ids = {token: i for i, token in enumerate(ranks)}
    ids |= {token.encode(): len(ranks) + i for i, token in enumerate(tiny.SPECIAL)}
    with torch.no_grad():
        silence(network)
        if rows is None:
            follow(network, ids, [*PHRASE, PHRASE[0]])
        else:
            table(network, ids, rows)
    network.to(torch.bfloat16).save_pretrained(folder)
    tokenizer = tiny.hub_tokenizer(ranks)
    GotOcr2Processor(image_processor(IMAGE), fast_tokenizer(tokenizer)).save_pretrained(folder)
    (folder / "tokenizer.json").write_text(tokenizer.to_str(pretty=False))  # a third of the size


def smallest(vocab: int):
    """The small checkpoint's settings with one layer in each half, four image tokens a view and a head of its own."""
    settings = tiny.config(vocab)
    settings.tie_word_embeddings = settings.text_config.tie_word_embeddings = False
    settings.image_seq_length = (IMAGE // 8 // 4) ** 2
    vision, text = settings.vision_config, settings.text_config
    vision.image_size, vision.num_hidden_layers, vision.mlp_dim, vision.global_attn_indexes = IMAGE, 1, 32, [0]
    vision.hidden_size, vision.num_attention_heads, vision.output_channels = 16, 1, 4
    text.num_hidden_layers, text.layer_types, text.intermediate_size = 1, ["full_attention"], 32
    return settings


def silence(network) -> None:
    """Pictures and layers add nothing: the hidden state is the last token's embedding, direction 0 unless changed."""
    for parameter in network.model.multi_modal_projector.multimodal_projector.parameters():
        parameter.zero_()
    text = network.model.language_model
    for layer in text.layers:
        layer.self_attn.o_proj.weight.zero_()
        layer.mlp.down_proj.weight.zero_()
        layer.input_layernorm.weight.fill_(1.0)
    text.norm.weight.fill_(1.0)
    text.embed_tokens.weight.zero_()[:, 0] = 1.0
    # A little noise, so that there is a second choice when the first one is forbidden; never a special token.
    noise = 0.01 * torch.rand(network.lm_head.weight.shape, generator=torch.Generator().manual_seed(2))
    noise[-len(tiny.SPECIAL):] = 0.0
    network.lm_head.weight.copy_(noise)


def follow(network, ids: dict, chain: list[bytes]) -> dict[bytes, int]:
    """Gives the chain's tokens directions and makes each follow the one before; any other token starts the chain."""
    head, embedding = network.lm_head.weight, network.model.language_model.embed_tokens.weight
    directions = {token: 1 + i for i, token in enumerate(dict.fromkeys(chain))}
    for token, direction in directions.items():
        embedding[ids[token]] = torch.eye(64)[direction]
    head[ids[chain[0]], 0] = 1.0
    for token, after in zip(chain, chain[1:]):
        head[ids[after], directions[token]] = 1.0
    return directions


def table(network, ids: dict, rows: int) -> None:
    r"""The first layer counts: one head looks at \begin and at every \hline alike, and carries over \begin's value."""
    directions = follow(network, ids, [*TABLE_START, *ROW])
    embedding, head = network.model.language_model.embed_tokens.weight, network.lm_head.weight
    for i, token in enumerate([TABLE_END[0], TABLE_END[2]]):
        directions[token] = len(directions) + 1 + i
        embedding[ids[token]] = torch.eye(64)[directions[token]]
    start, rule = directions[TABLE_START[0]], directions[ROW[-1]]
    attention = network.model.language_model.layers[0].self_attn
    for projection in (attention.q_proj, attention.k_proj, attention.v_proj):
        projection.weight.zero_()
        projection.bias.zero_()
    # Dimension 7 of a head of 16 turns by 6e-6 a position: the score does not depend on the distance.
    attention.q_proj.bias[7] = 8.0
    attention.k_proj.weight[7, [start, rule]] = 16.0 / NORMED
    attention.v_proj.weight[0, start] = 64.0 / NORMED
    attention.o_proj.weight[COUNT, 0] = 1.0
    # Few rules seen, the count is high: go on. Below the threshold the later follower wins.
    threshold, slope = 64.0 / (rows + 1.5), 10.0
    for token, after in [(ROW[-1], TABLE_END[0]), (TABLE_END[1], TABLE_END[2])]:
        head[ids[after], directions[token]] = 1.0 + slope * threshold
        head[ids[after], COUNT] = -slope
    head[ids[TABLE_END[1]], directions[TABLE_END[0]]] = 1.0
    head[ids[b"<|im_end|>"], directions[TABLE_END[2]]] = 1.0


if __name__ == "__main__":
    main()
