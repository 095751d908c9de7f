"""What printers, copiers and scanners do to a page: skew, blur, noise, threshold, low ink, JPEG and more.

Every function takes and gives a gray picture, (height, width) uint8, white 255. Bounds are those under which the print
stays legible to a person; `Wear` names them, so that a configuration can change them.
"""

from dataclasses import dataclass

import cv2
import numpy as np

# One thread: pages are drawn by several processes, and a forked process hangs if its parent's threads were.
cv2.setNumThreads(1)


@dataclass(frozen=True)
class Wear:
    """How far each kind of damage goes, and how likely it is; 0 switches it off."""

    clean: float = 0.25  # share of pages left as drawn
    skew: float = 0.35  # probability of a turned page
    skew_degrees: float = 0.8
    blur: float = 0.5
    blur_sigma: float = 1.1
    ink: float = 0.25  # strokes thinned or thickened
    noise: float = 0.4
    noise_sigma: float = 18.0
    threshold: float = 0.25  # bilevel scan at twice the resolution
    speckle: float = 0.2
    paper: float = 0.35  # gray, uneven paper
    jpeg: float = 0.3
    jpeg_quality: int = 30
    bleed: float = 0.08  # the back of the sheet shows through
    border: float = 0.05  # dark edges
    gamma: float = 0.3
    resample: float = 0.35  # drawn at another resolution


def turn(page: np.ndarray, degrees: float) -> tuple[np.ndarray, np.ndarray]:
    """The page turned about its middle, and the 2x3 matrix that moves points with it."""
    height, width = page.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(page, matrix, (width, height), flags=cv2.INTER_LINEAR, borderValue=255)
    return turned, matrix


def worn(page: np.ndarray, rng: np.random.Generator, wear: Wear) -> np.ndarray:
    """The page after a walk through some machines."""
    if rng.random() < wear.clean:
        return page
    height, width = page.shape

    def happens(probability: float) -> bool:
        return rng.random() < probability

    if happens(wear.bleed):
        ghost = cv2.GaussianBlur(page[:, ::-1], (0, 0), 1.5)
        page = np.minimum(page, (255 - (255 - ghost.astype(np.float32)) * rng.uniform(0.05, 0.2)).astype(np.uint8))
    if happens(wear.resample):
        scale = rng.uniform(0.8, 2.0)
        other = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        page = cv2.resize(other, (width, height), interpolation=cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC)
    if happens(wear.ink):
        page = inked(page, rng)
    if happens(wear.threshold):
        page = bilevel(page, rng)
    elif happens(wear.blur):
        page = cv2.GaussianBlur(page, (0, 0), rng.uniform(0.3, wear.blur_sigma))
    if happens(wear.gamma):
        table = 255 * (np.arange(256) / 255) ** rng.uniform(0.6, 1.7)
        page = table.astype(np.uint8)[page]
    if happens(wear.paper):
        page = on_paper(page, rng)
    if happens(wear.speckle):
        page = speckled(page, rng)
    if happens(wear.noise):
        sigma = rng.uniform(2, wear.noise_sigma)
        noise = rng.standard_normal((height, width), dtype=np.float32) * sigma
        page = np.clip(page + noise, 0, 255).astype(np.uint8)
    if happens(wear.border):
        page = page.copy()
        page[:, : rng.integers(1, 12)] = rng.integers(0, 60)
        page[:, width - rng.integers(1, 12) :] = rng.integers(0, 60)
    if happens(wear.jpeg):
        quality = int(rng.integers(wear.jpeg_quality, 95))
        page = cv2.imdecode(cv2.imencode(".jpg", page, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)
    return page


def inked(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Thinner or thicker strokes: a mix of the page with its neighbors' darkest or lightest."""
    kernel = np.ones((2, 2) if rng.random() < 0.5 else (3, 3), np.uint8)
    other = cv2.dilate(page, kernel) if rng.random() < 0.5 else cv2.erode(page, kernel)
    share = rng.uniform(0.2, 0.7)
    return cv2.addWeighted(page, 1 - share, other, share, 0)


def bilevel(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A black and white scan at about twice the resolution, made smaller; as black as the page, or a little less or more.

    A threshold at a fixed gray would wipe out thin or pale print.
    """
    height, width = page.shape
    scale = rng.uniform(1.5, 2.2)
    large = cv2.resize(page, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
    large = cv2.GaussianBlur(large, (0, 0), rng.uniform(0.6, 1.2))
    grain = rng.uniform(0, 22)
    if grain > 4:
        large = np.clip(large + rng.standard_normal(large.shape, dtype=np.float32) * grain, 0, 255).astype(np.uint8)
    black = (255 - page).mean() / 255 * rng.uniform(0.85, 1.5)
    sharp = np.where(large <= min(250, np.quantile(large[::3, ::3], min(black, 0.9))), 0, 255).astype(np.uint8)
    return cv2.resize(sharp, (width, height), interpolation=cv2.INTER_AREA)


def on_paper(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gray paper, darker towards one side, and ink that is not quite black."""
    height, width = page.shape
    corners = rng.uniform(185, 255) + rng.uniform(-15, 15, (2, 2))
    paper = cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    black = rng.uniform(0, 90)
    return np.clip(black + page.astype(np.float32) / 255 * (paper - black), 0, 255).astype(np.uint8)


def speckled(page: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dust: dark and light dots of one to three pixels."""
    page = page.copy()
    height, width = page.shape
    for _ in range(int(height * width * rng.uniform(0.00002, 0.0004))):
        y, x, size = rng.integers(height), rng.integers(width), rng.integers(1, 4)
        page[y : y + size, x : x + size] = rng.integers(0, 120) if rng.random() < 0.7 else 255
    return page
