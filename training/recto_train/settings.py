"""What a run is told: a YAML file, changed by `--set a.b=c` on the command line.

Every name is checked: one that nobody knows ends the run at its start, with the nearest known name.
"""

import dataclasses
import difflib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from .nano import Sizes
from .page import Style


USUALLY = ("usually",)


@dataclass(frozen=True)
class Weights:
    """What each loss counts."""

    patch: float = 0.0  # glyphs named from patches
    token: float = 0.0  # glyphs named from image tokens
    text: float = 1.0  # the answer's tokens
    truth: float = 0.0  # the answer's tokens, read from the glyphs that were drawn instead of the picture
    point: float = 0.0  # whether the decoder looks at the image token whose glyph it writes
    match: float = 0.0  # how far image tokens are from those of the glyphs that were drawn


@dataclass(frozen=True)
class Lora:
    """Low-rank changes instead of the decoder's own weights."""

    rank: int = 0
    alpha: float = 16.0
    targets: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True)
class Stage:
    """A stretch of a run with one view size, one mix of losses and one curve of the rate."""

    name: str = "train"
    steps: int = 1000
    batch: int = 16  # views in one pass through the model
    accumulate: int = 1  # passes before a step
    lr: float = 1e-3  # highest rate, after warm-up
    lr_end: float = 0.0  # rate at the stage's end, reached along a cosine
    warmup: int = 50  # steps
    frozen: tuple[str, ...] = USUALLY  # of encoder, projector, decoder; usually the encoder of a checkpoint
    weights: Weights = field(default_factory=Weights)
    style: Style = field(default_factory=Style)
    mode: str = "both"  # plain, format or both
    apart: bool = False  # each row of a sheet is asked for by itself, with its own image tokens
    letters: float = 0.0  # share of words that are spelt letter by letter


@dataclass(frozen=True)
class Data:
    """Source of the samples."""

    material: str = ""  # folder of recto_train.material: pages are rendered
    train: str = ""  # or a dataset's JSON or LMDB
    valid: str = ""
    images: str = ""  # folder that a dataset's pictures are relative to; its own if empty


@dataclass(frozen=True)
class Settings:
    """A run."""

    checkpoint: str = ""  # folder to go on from (post-training); a fresh model if empty
    sizes: Sizes = field(default_factory=Sizes)
    decoder: str = "full"  # tiny: two layers, for the first stage
    data: Data = field(default_factory=Data)
    stages: tuple[Stage, ...] = ()
    lora: Lora = field(default_factory=Lora)
    seed: int = 1
    optimizer: str = "adamw"  # or muon
    weight_decay: float = 0.01
    clip: float = 1.0
    precision: str = "float32"  # or bfloat16: autocast
    checkpointing: bool = False  # activations are computed again instead of kept
    workers: int = 1
    threads: int = 0  # 0: as many as torch chooses
    log_every: int = 20
    save_every: int = 200
    keep: int = 2
    valid_every: int = 200
    valid_pages: int = 32
    patience: int = 0  # validations without a better loss before the run ends; 0: never
    most_bad: int = 10  # steps in a row whose loss is no number before the run ends


def read(file: Path, changes: list[str]) -> Settings:
    """The settings of a YAML file with `key=value` changes, keys with full stops between levels and list indices.

    Raises `ValueError` that names the key.
    """
    try:
        tree = yaml.safe_load(file.read_text()) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from error
    return changed(Settings, tree, changes, "--set")


def changed(kind, tree: dict, changes: list[str], flag: str):
    """`tree` as a `kind`, with the changes of a command line's `flag`. Raises `ValueError` that names the change."""
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals:
            raise ValueError(f"{flag} {change}: write key=value")
        try:
            put(tree, key.split("."), yaml.safe_load(value))
        except (IndexError, ValueError, AttributeError, TypeError, yaml.YAMLError) as error:
            raise ValueError(f"{flag} {change}: no such place in the settings, or no such value: {error}") from error
    return build(kind, tree, "")


def put(tree, path: list[str], value) -> None:
    """Sets one value of a tree of dictionaries and lists."""
    for name in path[:-1]:
        tree = tree[int(name)] if isinstance(tree, list) else tree.setdefault(name, {})
    if isinstance(tree, list):
        tree[int(path[-1])] = value
    else:
        tree[path[-1]] = value


def build(kind, value, where: str):
    """`value`, out of YAML, as a `kind`; unknown names and wrong types are errors."""
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        if not isinstance(value, dict):
            raise ValueError(f"{where or 'the file'}: expected settings by name, found {value!r}")
        hints = typing.get_type_hints(kind)
        for name in value:
            if name not in hints:
                near = difflib.get_close_matches(name, hints, 1)
                raise ValueError(f"{where}{name}: unknown setting" + (f"; did you mean {near[0]}?" if near else ""))
        return kind(**{name: build(hints[name], part, f"{where}{name}.") for name, part in value.items()})
    if origin is tuple:
        parts = typing.get_args(kind)
        if not isinstance(value, list):
            raise ValueError(f"{where[:-1]}: expected a list, found {value!r}")
        return tuple(build(parts[0], part, f"{where}{i}.") for i, part in enumerate(value))
    if kind is float and isinstance(value, (int, float, str)):
        try:
            return float(value)
        except ValueError:
            pass
    elif isinstance(value, kind if not isinstance(kind, types.UnionType) else typing.get_args(kind)):
        return value
    raise ValueError(f"{where[:-1]}: expected {getattr(kind, '__name__', kind)}, found {value!r}")
