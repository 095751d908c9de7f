"""A run's state on disk: written whole or not at all, in shards, the newest found again after a cut."""

import io
import json
import os
import shutil
from pathlib import Path

import torch

SHARD = 16_000_000  # bytes
PREFIX = "step-"


def save(folder: Path, step: int, state: dict, keep: int) -> Path:
    """Writes `state` as the checkpoint of `step`, and removes all but the `keep` newest."""
    written = io.BytesIO()
    torch.save(state, written)
    raw = written.getbuffer()
    final = folder / f"{PREFIX}{step:08}"
    part = folder / f".{final.name}.{os.getpid()}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for number, first in enumerate(range(0, len(raw), SHARD)):
        (part / f"state-{number:04}").write_bytes(raw[first : first + SHARD])
    (part / "state.json").write_text(json.dumps({"step": step, "bytes": len(raw)}))
    shutil.rmtree(final, ignore_errors=True)
    part.rename(final)
    for old in checkpoints(folder)[:-keep]:
        shutil.rmtree(old)
    return final


def checkpoints(folder: Path) -> list[Path]:
    """All whole checkpoints, oldest first."""
    return sorted(path.parent for path in folder.glob(f"{PREFIX}*/state.json"))


def load(folder: Path, device: torch.device | str = "cpu") -> dict | None:
    """The newest state; none if there is none.

    Raises `ValueError` if shards are missing: which, and what to do.
    """
    found = checkpoints(folder)
    if not found:
        return None
    size = json.loads((found[-1] / "state.json").read_text())["bytes"]
    raw = b"".join(path.read_bytes() for path in sorted(found[-1].glob("state-*")))
    if len(raw) != size:
        raise ValueError(f"{found[-1]} has {len(raw)} of {size} bytes: copy the missing shards, or remove the folder")
    return torch.load(io.BytesIO(raw), map_location=device, weights_only=False)
