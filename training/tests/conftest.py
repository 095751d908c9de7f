"""What all tests draw with: fonts that come with matplotlib, texts that come with Python. Nothing is downloaded."""

import json
import re
import signal
import sys
from pathlib import Path

import matplotlib
import pytest
import yaml
from pydoc_data.topics import topics

from recto_train import material, nano, train
from recto_train.export import save_model
from recto_train.page import Texts

# A model that learns 32 crops by heart within a minute.
SIZES = nano.Sizes(
    vision_hidden=64, vision_layers=2, vision_heads=2, vision_global=(1,), window=3, channels=32,
    hidden=96, layers=2, heads=3, kv_heads=3, mlp=256, vocabulary=600, image=128, context=512,
)  # fmt: skip
CROPS = {"width": 128, "height": 128, "em": [18, 22], "markup": 0.0, "wear": {"clean": 1.0, "skew": 0.0}}


@pytest.fixture(scope="session")
def drawn_with(tmp_path_factory) -> Path:
    """A material folder."""
    folder = tmp_path_factory.mktemp("material")
    fonts = material.fonts(Path(matplotlib.get_data_path()) / "fonts" / "ttf")
    fonts = [path for path in fonts if re.match(r"DejaVu|STIXGeneral", path.name)]
    texts = [paragraph for topic in topics.values() for paragraph in material.split(topic, "plain")]
    (folder / "fonts.txt").write_text("".join(f"{path}\n" for path in fonts))
    (folder / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    return folder


@pytest.fixture(scope="session")
def words(drawn_with):
    """A small tokenizer."""
    texts = Texts.read(drawn_with / "texts.txt").paragraphs
    prompts = [nano.prompt(0, question) for question in nano.QUESTIONS.values()] * 20
    return nano.tokenizer([*texts, *prompts], SIZES.vocabulary)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, words) -> Path:
    """A checkpoint with random weights."""
    folder = tmp_path_factory.mktemp("tiny") / "model"
    save_model(nano.start(nano.config(SIZES, words), 1), words, folder)
    return folder


@pytest.fixture
def trains(tmp_path, monkeypatch):
    """Runs training with settings in this process, as the command does; gives its status."""

    def run(settings: dict, out: Path, *changes: str) -> int:
        file = tmp_path / f"{out.name}.yaml"
        file.write_text(yaml.safe_dump(settings))
        monkeypatch.setattr(sys, "argv", ["train", str(file), "--out", str(out), *changes])
        return train.main()

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def log(out: Path) -> list[dict]:
    """A run's figures."""
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
