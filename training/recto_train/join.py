"""Puts a run that learnt to see and one that learnt to read together, as the start of a third.

    python -m recto_train.join runs/see runs/truth --out runs/nano

Encoder, projector and the heads that name glyphs are the first run's; decoder, tokenizer and what makes image tokens of
the truth the second's. Optimisers begin anew.
"""

import argparse
import shutil
import sys
from pathlib import Path

from . import checkpoint

SEEING = ("model.vision_tower.", "model.multi_modal_projector.", "glyphs.")


def joined(seeing: dict, reading: dict) -> dict:
    """The state of a run at its first step. Raises `ValueError` where the two are of different sizes."""
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
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    shutil.copytree(told.truth / "tokenizer", told.out / "tokenizer", dirs_exist_ok=True)
    checkpoint.save(told.out / "checkpoints", 0, state, 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
