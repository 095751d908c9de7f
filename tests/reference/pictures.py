"""The input pictures: lines of made-up letters, drawn from a seed by integers alone."""

import numpy as np
from PIL import Image

INK = [(20, 20, 30), (200, 30, 40), (30, 150, 60), (40, 60, 200)]
PAPER = (252, 250, 244)


def numbers(seed: int):
    """An endless row of pseudo-random integers (a linear congruence, Knuth's MMIX)."""
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield state >> 33


def page(width: int, height: int, seed: int) -> Image.Image:
    """Paper with rows of 5x7 letters in words, some words in color, one ruled frame."""
    source = numbers(seed)
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = PAPER
    y = 8
    while y + 14 < height:
        scale = 2 if next(source) % 4 == 0 else 1
        x, end = 8, width - 8 - next(source) % (width // 3)
        while x + 6 * scale < end:
            ink = INK[max(0, next(source) % 7 - 3)]
            for _ in range(2 + next(source) % 6):
                letter(canvas, x, y, scale, ink, next(source))
                x += 6 * scale
            x += 4 * scale
        y += 10 * scale
    frame(canvas, source)
    return Image.fromarray(canvas)


def letter(canvas: np.ndarray, x: int, y: int, scale: int, ink: tuple, bits: int) -> None:
    """A random 4x7 pattern of dots; what leaves the canvas is cut."""
    for i in range(28):
        if bits >> i & 1:
            dot_x, dot_y = x + i % 4 * scale, y + i // 4 * scale
            canvas[dot_y:dot_y + scale, dot_x:dot_x + scale] = ink


def frame(canvas: np.ndarray, source) -> None:
    """A one-pixel rectangle in the lower right quarter."""
    height, width, _ = canvas.shape
    left, top = width // 2 + next(source) % (width // 8), height // 2 + next(source) % (height // 8)
    canvas[top, left:width - 4] = canvas[height - 4, left:width - 4] = INK[0]
    canvas[top:height - 4, left] = canvas[top:height - 4, width - 4] = INK[0]
