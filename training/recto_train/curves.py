"""A run's log as a picture."""

import json
from pathlib import Path

# Panels: title, the log's figures in it, whether its axis is logarithmic.
PANELS = [
    ("loss", ["text", "patch", "token", "valid_text"], True),
    ("glyphs named", ["named", "kept", "valid_named"], False),
    ("character error", ["valid_cer"], True),
    ("rate", ["lr"], False),
]


def draw(log: Path, picture: Path) -> None:
    """Writes the curves of `log` (a JSON object on each line) to `picture`, a PNG; nothing if there is no log."""
    if not log.exists():
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 7), constrained_layout=True)
    for axis, (title, names, is_log) in zip(axes.flat, PANELS):
        for name in names:
            points = [(line["step"], line[name]) for line in lines if name in line]
            if points:
                axis.plot(*zip(*points), label=name, linewidth=1, marker="." if name.startswith("valid") else None)
        axis.set_title(title)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        if is_log and axis.lines:
            axis.set_yscale("log")
        if axis.lines:
            axis.legend(fontsize=8)
    figure.savefig(picture, dpi=110)
    pyplot.close(figure)
