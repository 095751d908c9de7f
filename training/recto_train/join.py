"""Puts a run that learnt to see and one that learnt to read together, as the start of a third.

    python -m recto_train.join runs/see runs/truth --out runs/nano

Encoder, projector and the heads that name glyphs are the first run's; decoder, tokenizer and what makes image tokens of
the truth the second's. The projector's last product is solved again (ridge regression over rendered pages), so that image
tokens come out as those that the decoder learnt to read: training alone would spoil the encoder on the way there.
Optimizers start fresh.
"""

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor
from transformers import GotOcr2ForConditionalGeneration, PreTrainedTokenizerFast

from . import checkpoint, glyphs, nano, settings
from .glyphs import TruthTokens
from .page import Style
from .samples import GLYPHS, Rendered
from .scan import Wear

SEEING = ("model.vision_tower.", "model.multi_modal_projector.", "glyphs.")
LAST = "model.multi_modal_projector.multimodal_projector"
# Pages that the product is solved over, in so many at once, and what they look like: a line each.
PAGES, AT_ONCE = 768, 16
STYLE = Style(rows=True, width=512, height=64, em=(28.0, 44.0), common=1.0, markup=0.0, wear=Wear(clean=0.7, skew=0.1))
RIDGE = 1e-3


def joined(seeing: dict, reading: dict) -> dict:
    """The state of a run at its first step. Raises `ValueError` if the two are of different sizes."""
    state = reading | {"step": 0, "optimizers": [], "bad": 0, "best": float("inf"), "waited": 0}
    for part in ("model", "heads"):
        weights = {}
        for name, theirs in reading[part].items():
            ours = seeing[part].get(name)
            if ours is None or ours.shape != theirs.shape:
                raise ValueError(f"{name} is not of the same shape in both: train both with the same sizes")
            weights[name] = ours if name.startswith(SEEING) else theirs
        state[part] = weights
    return state


def solved(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias of the product that makes `y` (rows, out) of `x` (rows, in) with the least squares of errors."""
    means = x.mean(0), y.mean(0)
    a, b = (x - means[0]).double(), (y - means[1]).double()
    square = a.T @ a
    square += RIDGE * square.diagonal().mean() * torch.eye(len(square), dtype=square.dtype)
    weight = torch.linalg.solve(square, a.T @ b).T.float()
    return weight, means[1] - weight @ means[0]


@torch.no_grad()
def aligned(state: dict, told: settings.Settings, words: PreTrainedTokenizerFast) -> float:
    """Solves the projector's last product in `state`, and with it the head that names glyphs from image tokens.

    Gives what is left of the truth tokens' variance.
    """
    model = nano.start(nano.config(told.sizes, words), told.seed)
    model.load_state_dict(state["model"])
    channels, hidden = model.config.vision_config.output_channels, model.config.text_config.hidden_size
    heads = glyphs.heads(channels, hidden, len(GLYPHS) + 1)
    heads.load_state_dict(state["heads"])
    style = replace(STYLE, width=min(STYLE.width, told.sizes.image))
    data = Rendered(Path(told.data.material), style, words, (told.seed, 0), AT_ONCE)
    x, y = collected(model, heads["truth"], data)
    old = x @ state["model"][f"{LAST}.weight"].T + state["model"][f"{LAST}.bias"]
    weight, bias = solved(x, y)
    new = x @ weight.T + bias
    state["model"][f"{LAST}.weight"], state["model"][f"{LAST}.bias"] = weight, bias
    back, shift = solved(new, old)
    head = state["heads"]["glyphs.token.weight"]
    state["heads"]["glyphs.token.bias"] = state["heads"]["glyphs.token.bias"] + head @ shift
    state["heads"]["glyphs.token.weight"] = head @ back
    return ((new - y).square().mean() / (y - y.mean(0)).square().mean()).item()


def collected(model: GotOcr2ForConditionalGeneration, truth: TruthTokens, data: Rendered) -> tuple[Tensor, Tensor]:
    """What goes into the projector's last product, and the truth tokens that should come out, (tokens, values) each."""
    projector, inputs, wanted = model.model.multi_modal_projector, [], []
    for number in range(PAGES // AT_ONCE):
        batch = data[number]
        features = nano.encode(model.model.vision_tower, nano.normalized(batch.pixels))
        x = projector.conv_upsampler2(projector.conv_upsampler1(features))
        inputs.append(x.flatten(2).transpose(1, 2).flatten(0, 1))
        wanted.append(truth(batch.cells).flatten(0, 2))
    return torch.cat(inputs), torch.cat(wanted)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("see", type=Path, help="folder of the run that learnt to see")
    parser.add_argument("truth", type=Path, help="folder of the run that learnt to read")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run to come")
    told = parser.parse_args(arguments)
    states = []
    for run in (told.see, told.truth):
        state = checkpoint.load(run / "checkpoints")
        if state is None:
            print(f"{run}: no checkpoint; train it first", file=sys.stderr)
            return 2
        states.append(state)
    if checkpoint.checkpoints(told.out / "checkpoints"):
        print(f"{told.out}: has checkpoints already; give another folder", file=sys.stderr)
        return 2
    try:
        state = joined(*states)
        of_run = settings.build(settings.Settings, json.loads((told.truth / "settings.json").read_text()), "")
        words = PreTrainedTokenizerFast.from_pretrained(told.truth / "tokenizer")
        left = aligned(state, of_run, words)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    shutil.copytree(told.truth / "tokenizer", told.out / "tokenizer", dirs_exist_ok=True)
    checkpoint.save(told.out / "checkpoints", 0, state, 1)
    print(f"image tokens come out as those of the truth but for {left:.0%} of their variance")
    return 0


if __name__ == "__main__":
    sys.exit(main())
