"""Writes grids.csv: picture sizes and the reference's tile grids for them; and resized pictures beside their sources."""

import random

import numpy as np
from PIL import Image
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil, get_optimal_tiled_canvas

import pictures
import tiny

ROWS = 1000
# Source and target sizes: enlarging, shrinking, both at once, odd sizes, a single pixel, no change in one direction.
RESIZES = [
    ((37, 23), (64, 64)), ((300, 211), (64, 48)), ((20, 190), (61, 33)), ((1, 1), (5, 7)), ((97, 50), (31, 50)),
    ((50, 97), (50, 31)), ((640, 11), (16, 16)), ((64, 64), (64, 64)),
]


def grids() -> None:
    """width,height,tile,max_patches,columns,rows; the smallest number of tiles is 1."""
    chance = random.Random(7)
    asked = [(size, 1024, most) for size in notable(1024) for most in (12, 6)]
    asked += [(size, 128, 12) for size in notable(128)]
    asked = list(dict.fromkeys(asked))
    while len(asked) < ROWS:
        size = (chance.randint(1, 6000), chance.randint(1, 6000))
        asked.append((size, chance.choice([1024, 1024, 384]), chance.choice([12, 12, 6, 6, 1, 2, 3, 4, 5, 7, 9, 16, 24])))
    lines = ["width,height,tile,max_patches,columns,rows"]
    for (width, height), tile, most in asked[:ROWS]:
        columns, rows = get_optimal_tiled_canvas((height, width), (tile, tile), 1, most)
        lines.append(f"{width},{height},{tile},{most},{columns},{rows}")
    assert len(lines) == ROWS + 1 == len(set(lines))
    (tiny.EXPECTED / "grids.csv").write_text("\n".join(lines) + "\n")


def notable(tile: int) -> list[tuple[int, int]]:
    """Widths and heights: page formats, exact multiples, extremes, and ties at several areas."""
    found = [(1654, 2339), (2339, 1654), (2480, 3508), (1275, 1650), (1700, 2200), (595, 842), (1, 1), (2, 3)]
    found += [(c * tile, r * tile) for c in range(1, 5) for r in range(1, 5)]
    found += [(1, 30000), (30000, 1), (5, 20000), (20000, 5), (100, 1300), (1300, 100)]
    # Aspects of a grid (equal to its multiples) and aspects midway between two grids.
    aspects = [(1, 1), (1, 2), (2, 1), (3, 1), (1, 3), (3, 2), (2, 3), (5, 4), (3, 4), (7, 6), (5, 12), (7, 12), (7, 2)]
    for a, b in aspects:
        for area in (0.2, 0.49, 0.51, 1.9, 2.1, 4.4, 4.6, 9.0):  # in tiles; more tiles win above half their area
            k = max(1, round(tile * (area / (a * b)) ** 0.5))
            found.append((a * k, b * k))
    return found


def resizes() -> None:
    """resize-N.png is what Pillow's bicubic filter makes of resize-N.source.png, through the reference's processor."""
    listed = []
    for i, (source, target) in enumerate(RESIZES):
        noise = np.random.default_rng(i).integers(0, 256, (source[1], source[0], 3), dtype=np.uint8)
        # The largest ones as text: noise does not compress.
        image = pictures.page(*source, seed=i + 1) if source == (300, 211) else Image.fromarray(noise)
        processor = GotOcr2ImageProcessorPil(
            size={"width": target[0], "height": target[1]}, do_rescale=False, do_normalize=False
        )
        pixels = np.asarray(processor([image])["pixel_values"][0])
        assert pixels.dtype == np.uint8
        straight = image.resize(target, Image.Resampling.BICUBIC)
        assert np.array_equal(pixels.transpose(1, 2, 0), np.asarray(straight)), "Pillow alone gives the same"
        image.save(tiny.EXPECTED / f"resize-{i}.source.png", optimize=True)
        straight.save(tiny.EXPECTED / f"resize-{i}.png", optimize=True)
        listed.append({"source": source, "target": target})
    tiny.write_json(tiny.EXPECTED / "resizes.json", listed)


if __name__ == "__main__":
    tiny.EXPECTED.mkdir(exist_ok=True)
    grids()
    resizes()
