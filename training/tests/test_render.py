"""Pages say what their truth says, and come out the same each time."""

import json
import re

import cv2
import numpy as np
import pytest

from recto_train import render
from recto_train.page import page
from recto_train.rows import view


def rendered(out, material, *more):
    return render.main([str(out), "--material", str(material), "--width", "512", "--height", "256", "--jobs", "2", *more])


def test_a_seed_gives_the_same_files_and_another_seed_others(tmp_path, drawn_with):
    for name, seed in (("a", "3"), ("b", "3"), ("c", "4")):
        assert rendered(tmp_path / name, drawn_with, "--pages", "5", "--seed", seed) == 0
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert files == sorted(f"page-{n:06}{end}" for n in range(5) for end in (".png", ".txt", ".md", ".json"))
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    pictures = [name for name in files if name.endswith(".png")]
    assert all((tmp_path / "a" / name).read_bytes() != (tmp_path / "c" / name).read_bytes() for name in pictures)


@pytest.mark.parametrize("markup", [0.0, 1.0])
def test_truth_is_what_is_drawn(drawn_with, markup):
    style = render.styled(["wear.clean=1", "wear.skew=0", f"markup={markup}", "em=[16,24]"], 640, 384)
    faces, texts = render.opened(drawn_with)
    kinds = set()
    for number in range(12):
        drawn = page(faces, texts, style, (11, number))
        said = render.truth(drawn, "d")["glyphs"]
        assert "".join(drawn.plain.split()) == "".join(glyph["char"] for glyph in said)
        assert letters(drawn.markdown) == letters(drawn.plain)
        kinds |= {kind for kind in ("\\section*{", "\\begin{tabular}", "\n- ") if kind in drawn.markdown}
        for glyph in said:
            assert has_ink(drawn.image, glyph), f"page {number}: {glyph}"
    assert bool(kinds) == bool(markup)


def test_a_sheet_has_a_line_on_each_row(drawn_with):
    style = render.styled(["rows=true", "wear.clean=1", "wear.skew=1", "markup=0.7", "em=[28,42]", "short=0.3"], 640, 256)
    faces, texts = render.opened(drawn_with)
    kinds = set()
    for number in range(12):
        drawn = view(faces, texts, style, (12, number))
        said = render.truth(drawn, "d")["glyphs"]
        assert "".join(drawn.plain.split()) == "".join(glyph["char"] for glyph in said)
        assert letters(drawn.markdown) == letters(drawn.plain)
        # Empty rows are empty lines, but at the end.
        lines, row_of = drawn.markdown.split("\n"), [int(sum(glyph["box"][1::2]) / 2 // 64) for glyph in said]
        assert [n for n, line in enumerate(lines) if line] == sorted(set(row_of))
        kinds |= {kind for kind in ("\\section*{", "\n\n") if kind in drawn.markdown}
        for glyph in said:
            assert has_ink(drawn.image, glyph), f"sheet {number}: {glyph}"
    assert len(kinds) == 2


def letters(text: str) -> str:
    """A text's letters and digits, without markup and white space."""
    text = re.sub(r"\\(begin|end)\{tabular\}(\{[^}]*\})?|\\[a-zA-Z]+\*?", "", text)
    return "".join(char for char in text if char.isalnum())


def has_ink(image: np.ndarray, glyph: dict) -> bool:
    """Whether something is drawn in a glyph's box; marks may lie above and below it, by its own height."""
    left, top, right, bottom = glyph["box"]
    more = 0 if glyph["char"].isascii() and glyph["char"].isalnum() else bottom - top
    rows = slice(max(0, int(top - more)), int(np.ceil(bottom + more)))
    part = image[rows, max(0, int(left)) : max(int(left) + 1, int(np.ceil(right)))]
    return part.size > 0 and int(part.min()) < 200


def test_glyphs_move_with_a_turned_page(drawn_with):
    faces, texts = render.opened(drawn_with)
    level = render.styled(["wear.clean=1", "wear.skew=0", "markup=0"], 640, 384)
    turned = render.styled(["wear.clean=1", "wear.skew=1", "wear.skew_degrees=4", "markup=0"], 640, 384)
    a, b = (page(faces, texts, style, (5, 0)) for style in (level, turned))
    assert a.chars == b.chars
    assert np.abs(a.boxes - b.boxes).max() > 2
    inked = [has_ink(b.image, {"char": c, "box": box.tolist()}) for c, box in zip(b.chars, b.boxes) if is_inside(box, b.image)]
    assert np.mean(inked) > 0.99


def is_inside(box: np.ndarray, image: np.ndarray) -> bool:
    """Whether a box lies on the picture as a whole."""
    return bool(box[0] >= 0 and box[1] >= 0 and box[2] <= image.shape[1] and box[3] <= image.shape[0])


def test_a_contact_sheet_shows_48_pages(tmp_path, drawn_with):
    assert rendered(tmp_path / "pages", drawn_with, "--pages", "49", "--sheet", str(tmp_path / "sheet.png")) == 0
    whole = cv2.imread(str(tmp_path / "sheet.png"))
    assert whole.shape == (6 * (256 + 4), 8 * (512 + 4), 3)
    last = cv2.imread(str(tmp_path / "pages" / "page-000047.png"))
    assert np.array_equal(whole[-2 - 256 : -2, -2 - 512 : -2], last)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--style", "emm=[1,2]"], "did you mean em?"),
        (["--style", "wear.blur=much"], "wear.blur: expected float"),
        (["--style", "em"], "key=value"),
        (["--pages", "0"], "at least 1"),
    ],
)
def test_what_is_told_wrongly_is_named(tmp_path, drawn_with, capsys, more, named):
    assert rendered(tmp_path / "pages", drawn_with, *more) == 2
    assert named in capsys.readouterr().err


def test_a_material_folder_that_is_none_is_named(tmp_path, capsys):
    assert rendered(tmp_path / "pages", tmp_path / "nowhere") == 2
    assert "nowhere" in capsys.readouterr().err


def test_places_are_in_the_json(tmp_path, drawn_with):
    assert rendered(tmp_path, drawn_with, "--pages", "1", "--style", "wear.skew=0") == 0
    said = json.loads((tmp_path / "page-000000.json").read_text())
    assert (said["document"], said["width"], said["height"]) == ("page-000000", 512, 256)
    assert all(0 <= glyph["box"][1] < glyph["box"][3] <= 256 for glyph in said["glyphs"])
