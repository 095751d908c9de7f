"""Datasets hold what was given, name what they refuse, and come out as the batches that training takes."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from transformers import GotOcr2Config

from recto_train import boxes, dataset, nano, packed, render
from recto_train.documents import Documents, asked
from recto_train.samples import IGNORED, loader


def picture(file: Path, seed: int) -> None:
    """A picture like no other."""
    file.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 256, (48, 64), dtype=np.uint8)
    file.write_bytes(cv2.imencode(".png", noise)[1].tobytes())


def pages(folder: Path, *names: str) -> Path:
    """Pictures with texts of those names."""
    for number, name in enumerate(names):
        picture(folder / f"{name}.png", number)
        (folder / f"{name}.txt").write_text(f"page {name}")
    return folder


def made(out: Path, folder: Path, *more: str) -> tuple[int, dict]:
    """The command's status and report."""
    status = dataset.main([str(folder), "--out", str(out), *more])
    report = out / "report.json"
    return status, json.loads(report.read_text()) if report.exists() else {}


def entries(out: Path, name: str) -> list[dict]:
    return json.loads((out / f"{name}.json").read_text())


def test_a_folder_becomes_gots_json(tmp_path):
    folder = pages(tmp_path / "pages", "a")
    (folder / "a.md").write_text("# page a\n")
    assert made(tmp_path / "data", folder)[0] == 0
    plain, formatted = entries(tmp_path / "data", "train")
    assert plain == {
        "image": "../pages/a.png",
        "conversations": [{"from": "human", "value": "<image>\nOCR: "}, {"from": "gpt", "value": "page a"}],
    }
    assert formatted["conversations"][0]["value"] == "<image>\nOCR with format: "
    assert formatted["conversations"][1]["value"] == "# page a"
    assert made(tmp_path / "format", folder, "--mode", "format")[1]["splits"]["train"]["samples"] == 1


@pytest.mark.parametrize(
    ("name", "document"),
    [
        ("letter-0001", "letter"), ("letter_p1", "letter"), ("letter-p12", "letter"), ("letter page 3", "letter"),
        ("a/letter.2", "a/letter"), ("step1", "step1"), ("2024", "2024"), ("stamp7", "stamp7"), ("letter", "letter"),
    ],
)  # fmt: skip
def test_a_pages_name_tells_its_document(name, document):
    assert dataset.document_of(Path(f"{name}.png")) == document


def test_a_document_is_in_one_split_and_shares_are_kept(tmp_path):
    names = [f"letter{chr(97 + n)}-{page:04}" for n in range(20) for page in range(1, 4)]
    status, report = made(tmp_path / "data", pages(tmp_path / "pages", *names))
    assert status == 0
    assert [report["splits"][name]["documents"] for name in dataset.SPLITS] == [14, 4, 2]
    where = [{Path(entry["image"]).name.split("-")[0] for entry in entries(tmp_path / "data", s)} for s in dataset.SPLITS]
    assert sum(map(len, where)) == len(set.union(*where)) == 20
    first = [entries(tmp_path / "data", name) for name in dataset.SPLITS]
    made(tmp_path / "data", tmp_path / "pages")
    assert [entries(tmp_path / "data", name) for name in dataset.SPLITS] == first
    made(tmp_path / "data", tmp_path / "pages", "--seed", "2")
    assert [entries(tmp_path / "data", name) for name in dataset.SPLITS] != first


def test_the_json_beside_a_picture_names_its_document(tmp_path):
    folder = pages(tmp_path / "pages", *"abcdefgh")
    for name in "abcdefgh":
        (folder / f"{name}.json").write_text(json.dumps({"document": "one" if name < "e" else "two"}))
    made(tmp_path / "data", folder, "--split", "50/50/0")
    assert {len(entries(tmp_path / "data", name)) for name in ("train", "valid")} == {4}
    assert made(tmp_path / "alone", folder, "--alone")[1]["splits"]["train"]["documents"] == 6


def test_what_cannot_be_used_is_named(tmp_path, capsys, words):
    folder = pages(tmp_path / "pages", "good", "empty", "long", "control", "mark", "twin", "latin", "broken", "untold", "badbox")
    (folder / "empty.txt").write_text(" \n")
    (folder / "long.txt").write_text("x" * 40)
    (folder / "control.txt").write_text("a\x07b")
    (folder / "mark.txt").write_text("the end<|im_end|>")
    shutil.copy(folder / "good.png", folder / "twin.png")
    (folder / "latin.txt").write_bytes(b"caf\xe9")
    (folder / "broken.png").write_bytes((folder / "broken.png").read_bytes()[:60])
    (folder / "untold.txt").unlink()
    (folder / "badbox.txt").unlink()
    (folder / "badbox.json").write_text('[{"box": [0, 0, 900, 10], "text": "far"}]')
    (folder / "lost.txt").write_text("no picture")
    wanted = {
        "empty.png": "empty text", "long.png": "too long text", "control.png": "unknown characters",
        "mark.png": "the model's own marks in the text", "twin.png": "duplicate picture", "latin.png": "unreadable text",
        "broken.png": "unreadable picture", "untold.png": "missing text", "badbox.png": "unreadable text",
        "lost.txt": "missing picture",
    }  # fmt: skip
    status, report = made(tmp_path / "data", folder, "--longest", "30")
    assert status == 0
    assert {Path(refusal["file"]).name: refusal["reason"] for refusal in report["refused"]} == wanted
    said = capsys.readouterr().out
    assert all(name in said and reason in said for name, reason in wanted.items())
    assert [entry["image"] for entry in entries(tmp_path / "data", "train")] == ["../pages/good.png"]
    assert made(tmp_path / "strict", folder, "--strict")[0] == 1
    assert made(tmp_path / "clean", pages(tmp_path / "one", "good"), "--strict")[0] == 0


def test_characters_and_length_are_measured_as_told(tmp_path, words, tiny):
    folder = pages(tmp_path / "pages", "a", "b")
    (folder / "b.txt").write_text("page b é")
    (tmp_path / "letters").write_text("page abcd")
    report = made(tmp_path / "data", folder, "--characters", str(tmp_path / "letters"))[1]
    assert [(r["reason"], r["detail"]) for r in report["refused"]] == [("unknown characters", "U+00E9")]
    (folder / "a.txt").write_text("word " * 30)
    tokens = len(words("word " * 30).input_ids)
    report = made(tmp_path / "tokens", folder, "--tokenizer", str(tiny), "--longest", str(tokens - 2))[1]
    assert [r["reason"] for r in report["refused"]] == ["too long text"]
    assert report["limit_unit"] == "tokens"


def test_the_report_counts(tmp_path):
    folder = pages(tmp_path / "pages", "a", "bb")
    (folder / "a.txt").write_text("aab")
    (folder / "bb.txt").write_text("a longer text")
    _, report = made(tmp_path / "data", folder, "--split", "100/0/0")
    assert report["splits"]["train"] == {"samples": 2, "pages": 2, "documents": 2, "characters": 16}
    assert report["characters"]["a"] == 3 and report["characters"]["x"] == 1
    assert (report["longest"]["characters"], report["shortest"]["characters"]) == (13, 3)


def test_boxes_are_read_in_order():
    words = [
        {"box": [60, 12, 90, 22], "text": "line"}, {"box": [5, 10, 50, 20], "text": "first"},
        {"box": [5, 40, 50, 50], "text": "second"},
    ]  # fmt: skip
    assert boxes.text_of(words, 100, 60) == "first line\nsecond"
    for entry, order in zip(words, (3, 2, 1)):
        entry["order"] = order
    assert boxes.text_of(words, 100, 60) == "second\nfirst line"
    columns = [
        {"box": [0, 0, 40, 10], "text": "left", "order": 1}, {"box": [0, 20, 40, 30], "text": "below", "order": 2},
        {"box": [50, 0, 90, 10], "text": "right", "order": 3},
    ]  # fmt: skip
    assert boxes.text_of(columns, 100, 60) == "left\nbelow\nright"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"box": [5, 5, 5, 9]}, "box 1.*empty"), ({"box": [0, 0, 200, 9]}, "box 1.*outside"), ({"box": "x"}, "box 1"),
        ({"text": None}, "box 1: no text"), ({"order": "b"}, "box 1: order"), ({"order": 1}, "1 of 2 boxes have no order"),
        ({"box": [0, 0, float("nan"), 9]}, "box 1"),
    ],
)  # fmt: skip
def test_a_wrong_box_is_named(change, named):
    with pytest.raises(ValueError, match=named):
        boxes.text_of([{"box": [0, 0, 9, 9], "text": "a"}, {"box": [20, 0, 29, 9], "text": "b"} | change], 100, 60)


def test_boxes_beside_a_picture_make_a_sample(tmp_path):
    picture(tmp_path / "pages" / "a.png", 1)
    (tmp_path / "pages" / "a.json").write_text(
        json.dumps({"document": "d", "boxes": [{"box": [30, 1, 60, 9], "text": "b"}, {"box": [1, 1, 20, 9], "text": "a"}]})
    )
    made(tmp_path / "data", tmp_path / "pages")
    assert entries(tmp_path / "data", "train")[0]["conversations"][1]["value"] == "a b"


def test_only_training_pictures_are_worn_and_always_the_same(tmp_path):
    folder = pages(tmp_path / "pages", *(f"letter{c}" for c in "abcdefghij"))
    for name in ("a", "b"):
        report = made(tmp_path / name, folder, "--augment", "2", "--wear", "noise=1")[1]
    assert [report["splits"][name]["samples"] for name in dataset.SPLITS] == [21, 2, 1]
    train = entries(tmp_path / "a", "train")
    copies = [entry for entry in train if entry["image"].startswith("worn/")]
    assert len(copies) == 14 and not any("worn" in e["image"] for name in ("valid", "test") for e in entries(tmp_path / "a", name))
    texts = {Path(entry["image"]).stem: entry["conversations"][1]["value"] for entry in train if entry not in copies}
    for entry in copies:
        stem = Path(entry["image"]).stem.split("-")[0]
        assert entry["conversations"][1]["value"] == texts[stem]
        first = (tmp_path / "a" / entry["image"]).read_bytes()
        assert first == (tmp_path / "b" / entry["image"]).read_bytes()
        assert not np.array_equal(cv2.imread(str(folder / f"{stem}.png")), cv2.imread(str(tmp_path / "a" / entry["image"])))


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--split", "70/20/20"], "make 100"), (["--wear", "blurr=1"], "did you mean blur?"), (["--wear", "blur"], "key=value"),
        (["--augment", "-1"], "at least 0"), (["--characters", "nowhere.txt"], "nowhere.txt"),
    ],
)  # fmt: skip
def test_what_is_told_wrongly_is_named(tmp_path, capsys, more, named):
    assert made(tmp_path / "data", pages(tmp_path / "pages", "a"), *more)[0] == 2
    assert named in capsys.readouterr().err


def test_folders_without_samples_are_named(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    for folder in ("nowhere", "empty"):
        assert made(tmp_path / "data", tmp_path / folder)[0] == 2
        assert folder in capsys.readouterr().err


def sized(words, context: int = 512, side: int = 128):
    """Of a model, what batches depend on."""
    settings = GotOcr2Config(vision_config={"image_size": side}, text_config={"max_position_embeddings": context})
    return type("Model", (), {"config": settings})()


def test_lmdb_and_json_give_the_same_batches(tmp_path, drawn_with, words):
    assert render.main([str(tmp_path / "pages"), "--material", str(drawn_with), "--pages", "7", "--seed", "5", "--jobs", "1",
                        "--width", "192", "--height", "128", "--style", "em=[20,24]"]) == 0  # fmt: skip
    made(tmp_path / "data", tmp_path / "pages", "--lmdb", "--split", "100/0/0")
    shutil.copytree(tmp_path / "data", tmp_path / "moved")  # LMDB needs no pictures beside it
    listed = Documents(tmp_path / "data" / "train.json", tmp_path / "data", sized(words), words, 4, 1)
    stored = Documents(tmp_path / "moved" / "train.lmdb", tmp_path / "moved", sized(words), words, 4, 1)
    assert len(listed) == len(stored) == 14
    assert list(packed.read_all(tmp_path / "moved" / "train.lmdb")) == entries(tmp_path / "data", "train")
    for number in range(5):
        a, b = listed[number], stored[number]
        assert a.pixels.shape == (4, 3, 128, 128) and a.cells is None
        assert torch.equal(a.pixels, b.pixels) and torch.equal(a.ids, b.ids) and torch.equal(a.labels, b.labels)
        assert a.answers == b.answers
    [forked] = loader(stored, [2], workers=1)  # LMDB's handle is none for a forked process
    assert torch.equal(forked.ids, stored[2].ids)
    epoch = [answer for n in range(7) for answer in listed[n].answers]
    assert sorted(epoch[:14]) == sorted(epoch[14:]) and epoch[:14] != epoch[14:]


def test_a_sample_is_asked_as_the_processor_asks(tmp_path, words):
    made(tmp_path / "data", pages(tmp_path / "pages", "a"))
    batch = Documents(tmp_path / "data" / "train.json", tmp_path / "data", sized(words), words, 1, 1)[0]
    answer = words("page a<|im_end|>").input_ids
    assert batch.ids[0].tolist() == words(nano.prompt(4, " OCR: ")).input_ids + answer
    assert batch.labels[0].tolist() == [IGNORED] * (batch.ids.shape[1] - len(answer)) + answer
    assert asked(entries(tmp_path / "data", "train")[0])[0] == nano.QUESTIONS["plain"]


def test_pictures_are_seen_as_the_processor_sees_them(tmp_path, words):
    made(tmp_path / "data", pages(tmp_path / "pages", "a"))
    batch = Documents(tmp_path / "data" / "train.json", tmp_path / "data", sized(words, side=64), words, 1, 1)[0]
    gray = cv2.imread(str(tmp_path / "pages" / "a.png"), cv2.IMREAD_GRAYSCALE)
    resized = torch.from_numpy(np.asarray(Image.fromarray(gray).resize((64, 64), Image.Resampling.BICUBIC)).copy())
    assert (batch.pixels - nano.normalized(resized[None])).abs().max() < 1e-5


def sequence(folder: Path, question: str, images: list[str], answer: str = "both") -> Path:
    """A dataset of one sample."""
    talk = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}]
    (folder / "train.json").write_text(json.dumps([{"image": images, "conversations": talk}]))
    return folder / "train.json"


def test_a_sample_of_several_pages_has_all_their_tokens(tmp_path, words):
    folder = pages(tmp_path, "a", "b")
    file = sequence(folder, "<image>\nOCR across multi pages: ", ["a.png", "b.png"])
    batch = Documents(file, folder, sized(words), words, 2, 1)[0]
    assert batch.pixels.shape == (4, 3, 128, 128) and batch.ids.shape[0] == 2
    assert (batch.ids == words.convert_tokens_to_ids(nano.IMAGE)).sum(1).tolist() == [8, 8]
    assert "</img>\n OCR across multi pages: <|im_end|>" in words.decode(batch.ids[0])


@pytest.mark.parametrize(
    ("question", "images", "answer", "named"),
    [
        ("<image>\nOCR: ", ["a.png"], "word " * 900, "tokens are more than the model's 512"),
        ("OCR: ", ["a.png"], "a", "the question must be"),
        ("<image>\nOCR: ", ["gone.png"], "a", "gone.png"),
        ("<image>\nOCR: ", ["a.txt"], "a", "sample 0.*cannot identify"),
    ],
)
def test_a_sample_that_cannot_be_learnt_is_named(tmp_path, words, question, images, answer, named):
    folder = pages(tmp_path, "a")
    with pytest.raises(ValueError, match=f"sample 0.*{named}|{named}"):
        Documents(sequence(folder, question, images, answer), folder, sized(words), words, 1, 1)[0]


def test_files_that_are_no_dataset_are_named(tmp_path, words):
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "none.json").write_text("[]")
    (tmp_path / "bad.lmdb").write_bytes(b"x" * 9000)
    for name, named in (("bad.json", "not JSON"), ("none.json", "no samples"), ("bad.lmdb", "not a dataset")):
        with pytest.raises(ValueError, match=f"{name}: {named}"):
            Documents(tmp_path / name, tmp_path, sized(words), words, 1, 1)
    value = packed.packed({"image": "a"}, [b"123"])
    assert packed.unpacked(value) == ({"image": "a"}, [b"123"])
    for cut in (value[:-1], value + b"x"):
        with pytest.raises(ValueError, match="were written"):
            packed.unpacked(cut)
