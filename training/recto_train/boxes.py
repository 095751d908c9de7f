"""The text of a picture whose words or lines are known by boxes, in reading order."""

import math
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Box:
    """A piece of text and where it lies, in pixels."""

    left: float
    top: float
    right: float
    bottom: float
    text: str
    order: float | None

    def is_beside(self, other: "Box") -> bool:
        """Whether the two share a line: at least half of the lower one's height."""
        shared = min(self.bottom, other.bottom) - max(self.top, other.top)
        return shared >= 0.5 * min(self.bottom - self.top, other.bottom - other.top)


def text_of(entries: object, width: int, height: int) -> str:
    """The text of `[{"box": [x0, y0, x1, y1], "text": …, "order": n}, …]` in a picture of that size.

    Boxes are read by `order` where each has one, else line by line from the top, each from the left. Raises `ValueError`
    that names the box by its number.
    """
    if not isinstance(entries, list):
        raise ValueError("expected a list of boxes")
    boxes = [checked(entry, number, width, height) for number, entry in enumerate(entries)]
    numbered = [box for box in boxes if box.order is not None]
    if numbered and len(numbered) < len(boxes):
        raise ValueError(f"{len(boxes) - len(numbered)} of {len(boxes)} boxes have no order: give it to all or to none")
    if not numbered:
        return "\n".join(" ".join(box.text for box in line) for line in lines(boxes))
    boxes.sort(key=lambda box: box.order)
    text = boxes[0].text
    for before, box in pairwise(boxes):
        goes_on = before.is_beside(box) and box.left > before.left
        text += (" " if goes_on else "\n") + box.text
    return text


def checked(entry: object, number: int, width: int, height: int) -> Box:
    """One entry as a box; an error if it is none, or lies outside the picture."""
    if not isinstance(entry, dict) or not isinstance(entry.get("text"), str):
        raise ValueError(f"box {number}: no text")
    place = entry.get("box")
    if not isinstance(place, list) or len(place) != 4 or not all(is_number(value) for value in place):
        raise ValueError(f"box {number}: expected box: [x0, y0, x1, y1]")
    left, top, right, bottom = place
    if not (0 <= left < right <= width and 0 <= top < bottom <= height):
        raise ValueError(f"box {number}: {place} is empty or outside the picture of {width}x{height}")
    order = entry.get("order")
    if order is not None and not is_number(order):
        raise ValueError(f"box {number}: order {order!r} is no number")
    return Box(left, top, right, bottom, entry["text"].strip(), order)


def is_number(value: object) -> bool:
    """Whether JSON's value is a finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def lines(boxes: list[Box]) -> list[list[Box]]:
    """Boxes grouped into lines, from the top; each line from the left."""
    found: list[list[Box]] = []
    for box in sorted(boxes, key=lambda box: (box.top + box.bottom, box.left)):
        if found and found[-1][-1].is_beside(box):
            found[-1].append(box)
        else:
            found.append([box])
    return [sorted(line, key=lambda box: box.left) for line in found]
