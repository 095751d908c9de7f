"""Throw-away parts by which the encoder learns to see, and the decoder to read, before the two meet.

The renderer knows where each glyph lies. A view is divided into cells of 4 by 8 pixels; a cell on a line's middle is to
name the glyph under it, every other cell is to say that there is none. One head does so from the features of a patch
(the neck), one from each image token, whose 64 by 64 pixels are 16 by 8 cells: what the second can name, the decoder is
given.

The other way about, `TruthTokens` makes image tokens out of the cells themselves, as an encoder without a fault would.
The decoder learns to read from those at a third of the work, and the encoder then has tokens to aim at.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

CELL_WIDTH, CELL_HEIGHT = 4, 8
NOTHING, UNKNOWN = 0, -1


def targets(
    boxes: np.ndarray, chars: list[str], classes: dict[str, int], height: int, width: int
) -> np.ndarray:
    """The class of each cell, (height / 8, width / 4) int64."""
    cells = np.zeros((height // CELL_HEIGHT, width // CELL_WIDTH), np.int64)
    if len(boxes) == 0:
        return cells
    middle = (boxes[:, 1] + boxes[:, 3]) / 2
    rows = np.clip((middle / CELL_HEIGHT).astype(int), 0, cells.shape[0] - 1)
    first = np.ceil(boxes[:, 0] / CELL_WIDTH - 0.5).astype(int)  # cells whose middle lies in the glyph
    end = np.ceil(boxes[:, 2] / CELL_WIDTH - 0.5).astype(int)
    narrow = end <= first
    at = ((boxes[:, 0] + boxes[:, 2]) / 2 / CELL_WIDTH).astype(int)
    first, end = np.where(narrow, at, first), np.where(narrow, at + 1, end)
    for row, start, stop, char in zip(rows, first, end, chars):
        cells[row, max(0, start) : max(0, stop)] = classes.get(char, UNKNOWN)
    return cells


class GlyphHeads(nn.Module):
    """Names the glyphs of patches and of image tokens."""

    def __init__(self, channels: int, hidden: int, classes: int):
        super().__init__()
        self.classes = classes
        self.patch = nn.Linear(channels, 8 * classes)  # 4 by 2 cells
        self.token = nn.Linear(hidden, 128 * 32)  # 16 by 8 cells, 32 values each, named by one shared product
        self.name = nn.Linear(32, classes)

    def forward(self, features: Tensor, tokens: Tensor, cells: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Loss of both heads, and the share of glyph cells that the first names rightly.

        `features` (pages, channels, rows, columns), `tokens` (pages, rows / 4, columns / 4, hidden), `cells` as
        [`targets`] gives them, for all pages.
        """
        pages, _, rows, columns = features.shape
        wanted = cells.reshape(-1)
        # Most cells are empty and easy to tell: one in eight of them is enough.
        kept = ((wanted > 0) | ((wanted == NOTHING) & (torch.rand(wanted.shape, device=wanted.device) < 0.125))).nonzero()[:, 0]
        wanted = wanted[kept]
        by_patch = self.patch(features.permute(0, 2, 3, 1)).view(pages, rows, columns, 2, 4, self.classes)
        by_patch = by_patch.permute(0, 1, 3, 2, 4, 5).reshape(-1, self.classes)[kept]
        small = self.token(tokens).view(pages, rows // 4, columns // 4, 8, 16, 32)
        by_token = self.name(small.permute(0, 1, 3, 2, 4, 5).reshape(-1, 32)[kept])
        inked = wanted > 0
        right = (by_patch[inked].argmax(-1) == wanted[inked]).float().mean()
        right_token = (by_token[inked].argmax(-1) == wanted[inked]).float().mean()
        losses = F.cross_entropy(by_patch, wanted), F.cross_entropy(by_token, wanted)
        return *losses, torch.stack([right, right_token]).detach()


class TruthTokens(nn.Module):
    """Image tokens of the glyphs that the renderer drew: each cell's glyph as 32 values, all cells of a token mixed."""

    def __init__(self, hidden: int, classes: int):
        super().__init__()
        self.glyph = nn.Embedding(classes, 32)
        self.mix = nn.Linear(16 * 8 * 32, hidden)

    def forward(self, cells: Tensor) -> Tensor:
        """(pages, height / 64, width / 64, hidden) for cells (pages, height / 8, width / 4)."""
        pages, rows, columns = cells.shape
        cells = cells.clamp(min=NOTHING).view(pages, rows // 8, 8, columns // 16, 16).transpose(2, 3)
        return self.mix(self.glyph(cells).flatten(3))


def heads(channels: int, hidden: int, classes: int) -> nn.ModuleDict:
    """All that is thrown away in the end, by the names under which checkpoints hold it."""
    return nn.ModuleDict({"glyphs": GlyphHeads(channels, hidden, classes), "truth": TruthTokens(hidden, classes)})
