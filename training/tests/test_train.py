"""Training learns, goes on after a kill, changes what it may, and what it writes is read by others."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import yaml
from conftest import CROPS, SIZES, log
from PIL import Image
from safetensors.torch import load_file
from transformers import GotOcr2Processor
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

from recto_train import checkpoint, dataset, export, join, nano, read, render, settings, train
from recto_train.optim import Muon
from recto_train.page import Style
from recto_train.pointing import Pointing
from recto_train.rows import view
from recto_train.samples import Rendered
from recto_train.scan import Wear
from recto_train.documents import Documents

TOLERANCE = 1e-4  # between our own forward pass, transformers' and ONNX'


@pytest.fixture(scope="session")
def crops(tmp_path_factory, drawn_with) -> Path:
    """A dataset of 32 rendered crops, all for training."""
    folder = tmp_path_factory.mktemp("crops")
    style = [f"--style={name}={json.dumps(value)}" for name, value in CROPS.items() if name not in ("width", "height", "wear")]
    style += ["--style=wear.clean=1", "--style=wear.skew=0"]
    size = ["--width", str(CROPS["width"]), "--height", str(CROPS["height"])]
    told = ["--material", str(drawn_with), "--pages", "32", "--seed", "9", "--jobs", "2"]
    assert render.main([str(folder / "pages"), *told, *size, *style]) == 0
    given = [str(folder / "pages"), "--out", str(folder / "data"), "--mode", "plain", "--split", "100/0/0", "--lmdb", "--strict"]
    assert dataset.main(given) == 0
    return folder / "data"


@pytest.fixture(scope="session")
def learnt(tmp_path_factory, crops, tiny) -> Path:
    """The run of a tiny model that learns the crops by heart."""
    out = tmp_path_factory.mktemp("learnt") / "run"
    told = settings.build(
        settings.Settings,
        {
            "checkpoint": str(tiny), "data": {"train": str(crops / "train.json"), "valid": str(crops / "train.lmdb")},
            "optimizer": "muon", "workers": 0, "valid_every": 90, "log_every": 30,
            "stages": [{"name": "fit", "steps": 180, "batch": 16, "lr": 5e-3, "warmup": 20, "frozen": []}],
        },
        "",
    )  # fmt: skip
    run = train.Run(told, out)
    out.mkdir()
    run.go()
    return out


def test_32_crops_are_learnt_by_heart(learnt, crops):
    model, words = export.load_model(learnt / "model")
    batch = Documents(crops / "train.json", crops, model, words, 32, 1)[0]
    texts = read.read(model.eval(), words, batch.pixels, nano.QUESTIONS["plain"], 100)
    assert len(set(batch.answers)) == 32
    assert read.character_errors(texts, batch.answers) < 0.02


def seen(crops: Path, count: int) -> list[Image.Image]:
    """Pictures of the dataset."""
    return [Image.open(crops / entry["image"]) for entry in json.loads((crops / "train.json").read_text())[:count]]


@pytest.mark.parametrize("which", ["learnt", "tiny"])
def test_transformers_reads_the_export_alike(which, learnt, tiny, crops):
    folder = learnt / "model" if which == "learnt" else tiny
    model, words = export.load_model(folder)
    model.eval()
    processor = GotOcr2Processor(GotOcr2ImageProcessorPil.from_pretrained(folder), words)
    for image in seen(crops, 4):
        asked = processor(images=image, num_image_tokens=4, return_tensors="pt")
        end = words.convert_tokens_to_ids("<|im_end|>")
        said = model.generate(**asked, do_sample=False, max_new_tokens=60, eos_token_id=end, pad_token_id=0)
        theirs = words.decode(said[0, asked.input_ids.shape[1] :], skip_special_tokens=True)
        ours = read.read(model, words, asked.pixel_values, nano.QUESTIONS["plain"], 60)[0]
        assert ours == theirs and len(ours) > 5


@pytest.mark.parametrize(
    ("window", "image", "pads"), [(3, 128, True), (4, 128, False), (5, 192, True), (14, 256, True), (8, 128, False)]
)
def test_our_encoder_is_transformers_encoder(words, window, image, pads):
    assert bool(image // 16 % window) == pads
    sizes = replace(SIZES, vision_layers=3, vision_global=(2,), window=window, image=image)
    model = nano.start(nano.config(sizes, words), 3).eval()
    for name, weight in model.model.vision_tower.named_parameters():
        if name.endswith("bias"):  # which padded cells show
            torch.nn.init.normal_(weight, std=0.3, generator=torch.Generator().manual_seed(len(name)))
    pixels = torch.randn(2, 3, image, image, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        features, tokens = read.image_tokens(model, pixels)
        again, _ = read.image_tokens(model, pixels, checkpointing=True)
        theirs = model.model.vision_tower(pixels).last_hidden_state
        their_tokens = model.model.multi_modal_projector(theirs)
    assert features.std() > 0.1
    assert (features - theirs).abs().max() < TOLERANCE and torch.equal(features, again)
    assert (tokens.flatten(1, 2) - their_tokens).abs().max() < TOLERANCE


def rendered(material: Path, **more) -> dict:
    """Settings of a short run in two stages over rendered crops, glyph heads and all."""
    stage = {
        "steps": 5, "batch": 4, "lr": 1e-3, "warmup": 2, "style": CROPS,
        "weights": {"patch": 1.0, "token": 1.0, "text": 1.0},
    }  # fmt: skip
    sizes = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(SIZES).items()}
    return {
        "data": {"material": str(material)}, "sizes": sizes, "threads": 1, "workers": 1, "log_every": 1, "save_every": 3,
        "valid_every": 4, "valid_pages": 4, "stages": [stage | {"name": "see"}, stage | {"name": "read"}],
    } | more  # fmt: skip


@pytest.fixture
def one_thread():
    """Threads are told for the process: as they were, afterwards."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_killed_run_goes_on_with_the_same_losses(tmp_path, drawn_with, trains, one_thread):
    told = rendered(drawn_with)
    assert trains(told, tmp_path / "whole") == 0
    file = tmp_path / "cut.yaml"
    file.write_text(yaml.safe_dump(told))
    command = [sys.executable, "-m", "recto_train.train", str(file), "--out", str(tmp_path / "cut")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as run:
        for line in run.stdout:
            if line.startswith("step 5 "):
                os.killpg(run.pid, signal.SIGKILL)
                break
    assert run.returncode == -signal.SIGKILL
    assert [path.name for path in checkpoint.checkpoints(tmp_path / "cut" / "checkpoints")] == ["step-00000003"]
    assert trains(told, tmp_path / "cut") == 0
    again = [timeless(line) for line in log(tmp_path / "cut")]
    assert again == [timeless(line) for line in log(tmp_path / "whole")]
    assert len(again) == 10 + 4  # steps, validations
    whole, cut = (weights(tmp_path / name / "model") for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], cut[name]) for name in whole)
    assert (tmp_path / "cut" / "curves.png").stat().st_size > 1000


def test_a_stage_that_was_changed_in_its_midst_says_so(tmp_path, drawn_with, trains, capsys, one_thread):
    told = rendered(drawn_with, workers=0, valid_every=100)
    stage = told["stages"][0]
    assert trains(told | {"stages": [stage | {"steps": 2}]}, tmp_path / "run") == 0
    assert trains(told | {"stages": [stage | {"steps": 4, "frozen": ["decoder"]}]}, tmp_path / "run") == 1
    assert "trained other parts" in capsys.readouterr().err


def test_what_learnt_to_see_and_what_learnt_to_read_are_joined(tmp_path, drawn_with, trains, one_thread):
    told = rendered(drawn_with, workers=0, valid_every=100)
    for name, seed, kind in (("see", 1, {"patch": 1.0, "text": 0.0}), ("truth", 2, {"truth": 1.0, "text": 0.0})):
        stage = told["stages"][0] | {"weights": kind}
        assert trains(told | {"seed": seed, "stages": [stage]}, tmp_path / name) == 0
    assert join.main([str(tmp_path / "see"), str(tmp_path / "truth"), "--out", str(tmp_path / "both")]) == 0
    see, truth, both = (checkpoint.load(tmp_path / name / "checkpoints") for name in ("see", "truth", "both"))
    for part in ("model", "heads"):
        for name, weight in both[part].items():
            if name.startswith((join.LAST, "glyphs.token")):
                continue
            assert torch.equal(weight, (see if name.startswith(join.SEEING) else truth)[part][name]), name
    match = told["stages"][1] | {"weights": {"match": 1.0, "text": 1.0}}
    assert trains(told | {"stages": [match]}, tmp_path / "both") == 0
    assert [line["step"] for line in log(tmp_path / "both") if "match" in line] == [1, 2, 3, 4, 5]
    assert join.main([str(tmp_path / "see"), str(tmp_path / "truth"), "--out", str(tmp_path / "both")]) == 2


def test_a_product_is_solved_from_what_goes_in_and_what_should_come_out():
    of = torch.Generator().manual_seed(1)
    x, weight, bias = (torch.randn(*size, generator=of) for size in ((500, 12), (7, 12), (7,)))
    found = join.solved(x, x @ weight.T + bias + 0.01 * torch.randn(500, 7, generator=of))
    assert (found[0] - weight).abs().max() < 0.01 and (found[1] - bias).abs().max() < 0.01


def updated(rank: int, world: int, file: str, out) -> None:
    """Weights after two steps of Muon in one of several processes."""
    if world > 1:
        torch.distributed.init_process_group("gloo", init_method=f"file://{file}", rank=rank, world_size=world)
    torch.set_num_threads(1)
    of = torch.Generator().manual_seed(1)
    weights = [torch.nn.Parameter(torch.randn(*size, generator=of)) for size in ((6, 4), (6, 4), (4, 6), (8, 2, 3, 3), (6, 4))]
    optimizer = Muon(weights, lr=0.01)
    for _ in range(2):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=of)
        optimizer.step()
    out.put((rank, [weight.detach().numpy() for weight in weights]))


def test_processes_share_the_work_of_muon_and_come_to_the_same_weights(tmp_path):
    context = torch.multiprocessing.get_context("spawn")
    found = []
    for world in (1, 2):
        out = context.Queue()
        some = [context.Process(target=updated, args=(rank, world, str(tmp_path / "meet"), out)) for rank in range(world)]
        for process in some:
            process.start()
        found += [out.get(timeout=100)[1] for _ in some]
        for process in some:
            process.join()
    for other in found[1:]:
        assert all(abs(a - b).max() < 1e-5 for a, b in zip(found[0], other))


def test_the_decoder_is_told_where_each_letter_was_drawn(drawn_with, words):
    style = Style(rows=True, width=512, height=128, em=(30.0, 36.0), markup=1.0, wear=Wear(clean=1.0, skew=0.0))
    data = Rendered(drawn_with, style, words, (5, 1), 6, letters=0.5)
    batch, looked = data[0], 0
    for row, answer in enumerate(batch.answers):
        drawn = view(data.faces, data.texts, style, (5, 1, row))
        middles = (drawn.boxes[:, :2] + drawn.boxes[:, 2:]) / 2 // 64
        at = {}  # image token: the letters in it
        for char, (x, y) in zip(drawn.chars, middles):
            at.setdefault(int(min(y, 1) * 8 + min(x, 7)), set()).add(char)
        for token, place in zip(batch.ids[row].tolist(), batch.points[row].tolist()):
            text = words.decode([token]).strip()
            if place >= 0 and text.isascii():
                assert text[0] in at[place], f"{text!r} at {place} of {answer!r}"
                looked += 1
    assert looked > 60


def test_rows_that_are_asked_for_apart_have_their_own_tokens_and_text(drawn_with, words):
    style = Style(rows=True, width=256, height=256, em=(30.0, 36.0), markup=0.7)
    whole, apart = (Rendered(drawn_with, style, words, (6, 1), 3, apart=apart)[0] for apart in (False, True))
    mark = words.convert_tokens_to_ids(nano.IMAGE)
    assert torch.equal(whole.pixels, apart.pixels) and len(apart.ids) == 3 * 4
    assert (apart.ids == mark).sum(1).tolist() == [4] * 12 and (whole.ids == mark).sum(1).tolist() == [16] * 3
    for sheet, answer in enumerate(whole.answers):
        rows = apart.answers[4 * sheet : 4 * sheet + 4]
        assert "\n".join(rows if sheet % 2 else filter(None, rows)).rstrip() == answer


def test_guided_attention_comes_to_look_where_it_is_told(words):
    model = nano.start(nano.config(SIZES, words), 3).model.language_model
    ids = torch.arange(24).remainder(20)[None] + 30
    points = torch.full((1, 25), -1)
    points[0, 12:24] = torch.arange(12) // 2
    optimizer, found = torch.optim.AdamW(model.parameters(), lr=3e-3), []
    for _ in range(60):
        with Pointing(model) as pointing:
            model(input_ids=ids)
        loss = pointing.loss(points, 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(loss.item())
    assert found[0] > 1.5 and found[-1] < 0.2, found


def timeless(line: dict) -> dict:
    """A log's line but for its speed."""
    return {name: value for name, value in line.items() if name != "pages_per_s"}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint."""
    return {name: tensor for file in folder.glob("*.safetensors") for name, tensor in load_file(file).items()}


def post(tiny: Path, crops: Path, **more) -> dict:
    """Settings of a short run on the dataset, from the random checkpoint."""
    stage = {"name": "post", "steps": 4, "batch": 4, "lr": 1e-3, "warmup": 1, "frozen": ["encoder"]} | more.pop("stage", {})
    return {
        "checkpoint": str(tiny), "data": {"train": str(crops / "train.lmdb"), "valid": str(crops / "train.json")},
        "workers": 0, "log_every": 1, "valid_every": 100, "valid_pages": 4, "stages": [stage],
    } | more  # fmt: skip


@pytest.mark.parametrize(
    ("more", "still"), [({}, {"vision_tower"}), ({"lora": {"rank": 4}}, {"vision_tower", "multi_modal_projector"})]
)
def test_post_training_leaves_the_encoder_alone(tmp_path, tiny, crops, trains, more, still):
    assert trains(post(tiny, crops, **more), tmp_path / "run") == 0
    before, after = weights(tiny), weights(tmp_path / "run" / "model")
    assert before.keys() == after.keys()
    changed = {name for name in before if digest(before[name]) != digest(after[name])}
    assert not [name for name in changed if any(part in name for part in still)]
    assert len([name for name in changed if "language_model" in name]) >= 14
    model, _ = export.load_model(tmp_path / "run" / "model")  # low-rank changes are in the weights
    assert not [name for name, _ in model.named_parameters() if "lora" in name]


def digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()


def test_low_rank_changes_are_exported_as_they_were_learnt(tmp_path, tiny, crops):
    told = settings.build(settings.Settings, post(tiny, crops, lora={"rank": 4}, stage={"lr": 0.05}), "")
    (tmp_path / "run").mkdir()
    run = train.Run(told, tmp_path / "run")
    run.go()
    model, _ = export.load_model(tmp_path / "run" / "model")
    ids = torch.arange(40)[None]
    with torch.no_grad():
        ours, theirs = (m.eval().model.language_model(input_ids=ids).last_hidden_state for m in (run.model, model))
        before = export.load_model(tiny)[0].eval().model.language_model(input_ids=ids).last_hidden_state
    assert (ours - theirs).abs().max() < TOLERANCE
    assert (before - theirs).abs().max() > 100 * TOLERANCE


def test_the_onnx_encoder_is_the_encoder(tmp_path, tiny):
    model, _ = export.load_model(tiny)
    export.save_onnx(model, tmp_path / "encoder.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "encoder.onnx", providers=["CPUExecutionProvider"])
    for views in (1, 3):
        pixels = torch.randn(views, 3, SIZES.image, SIZES.image, generator=torch.Generator().manual_seed(views))
        with torch.no_grad():
            ours = read.image_tokens(model.eval(), pixels)[1].flatten(1, 2).numpy()
        theirs = session.run(["tokens"], {"pixels": pixels.numpy()})[0]
        assert theirs.shape == (views, 4, SIZES.hidden)
        assert np.abs(ours - theirs).max() < TOLERANCE


def broken_at(monkeypatch, steps: set[int], fault) -> None:
    """Makes the losses of some steps wrong."""
    sound = train.Run.losses

    def losses(run, batch, stage):
        loss, parts = sound(run, batch, stage)
        return fault(loss, parts) if run.step in steps and loss.requires_grad else (loss, parts)

    monkeypatch.setattr(train.Run, "losses", losses)


def test_a_loss_that_is_no_number_is_skipped_and_named(tmp_path, tiny, crops, trains, monkeypatch, capsys):
    broken_at(monkeypatch, {1}, lambda loss, parts: (loss * float("nan"), parts))
    assert trains(post(tiny, crops), tmp_path / "run") == 0
    assert [line["step"] for line in log(tmp_path / "run") if "skipped" in line] == [1]
    assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path / "run" / "model").values())
    assert "skipped the loss or its gradient is no number" in capsys.readouterr().out


def test_too_many_of_them_end_the_run(tmp_path, tiny, crops, trains, monkeypatch, capsys):
    broken_at(monkeypatch, {1, 2, 3}, lambda loss, parts: (loss * float("nan"), parts))
    assert trains(post(tiny, crops), tmp_path / "run", "--set", "most_bad=2") == 1
    assert "2 steps in a row gave no number: lower lr" in capsys.readouterr().err


def test_want_of_memory_tells_what_to_change(tmp_path, tiny, crops, trains, monkeypatch, capsys):
    def fault(loss, parts):
        raise torch.OutOfMemoryError("CUDA out of memory")

    broken_at(monkeypatch, {2}, fault)
    told = post(tiny, crops)
    told["stages"] = [told["stages"][0] | {"steps": 1, "batch": 2}, told["stages"][0]]
    assert trains(told, tmp_path / "run") == 1
    said = capsys.readouterr().err
    assert all(part in said for part in ("step 2", "batch 4", "stage post", "accumulate", "checkpointing"))


def test_other_errors_are_not_taken_for_want_of_memory(tmp_path, tiny, crops, trains, monkeypatch):
    def fault(loss, parts):
        raise RuntimeError("shapes differ")

    broken_at(monkeypatch, {0}, fault)
    with pytest.raises(RuntimeError, match="shapes differ"):
        trains(post(tiny, crops), tmp_path / "run")


def test_a_run_ends_when_validation_gets_no_better(tmp_path, tiny, crops, trains):
    told = post(tiny, crops, patience=2, valid_every=1, stage={"steps": 20, "lr": 0.0})
    assert trains(told, tmp_path / "run") == 0
    lines = log(tmp_path / "run")
    assert lines[-1] == {"step": 3, "stopped": "no better loss in 2 validations"}


@pytest.mark.parametrize(
    ("settings_told", "changes", "named"),
    [
        ({"stages": [{"warmupp": 3}]}, [], "stages.0.warmupp: unknown setting; did you mean warmup?"),
        ({"presicion": "bfloat16"}, [], "presicion: unknown setting; did you mean precision?"),
        ({"stages": [{"style": {"wear": {"blurr": 1}}}]}, [], "stages.0.style.wear.blurr"),
        ({"clip": "much"}, [], "clip: expected float, found 'much'"),
        ({"stages": {}}, [], "stages: expected a list"),
        ({}, ["--set", "clip"], "key=value"),
        ({"stages": [{}]}, ["--set", "stages.3.lr=1"], "stages.3.lr"),
    ],
)
def test_an_unknown_setting_is_named(tmp_path, trains, capsys, settings_told, changes, named):
    assert trains(settings_told, tmp_path / "run", *changes) == 2
    assert named in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_the_runs_that_are_described_can_be_read():
    files = sorted(Path(__file__).parent.parent.glob("configs/*.yaml"))
    assert {"post.yaml", "nano.yaml", "nano-on.yaml"} <= {file.name for file in files}
    for file in files:
        assert all(stage.steps > 0 for stage in settings.read(file, []).stages), file


def test_a_file_that_is_no_yaml_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "bad.yaml").write_text("stages: [\n")
    monkeypatch.setattr(sys, "argv", ["train", str(tmp_path / "bad.yaml"), "--out", str(tmp_path / "run")])
    assert train.main() == 2
    assert "bad.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("lost", ["train.json", "train.lmdb"])
def test_a_dataset_that_is_not_there_is_named(tmp_path, tiny, trains, capsys, lost):
    told = post(tiny, tmp_path) | {"data": {"train": str(tmp_path / lost), "valid": str(tmp_path / lost)}}
    assert trains(told, tmp_path / "run") == 1
    assert lost in capsys.readouterr().err


@pytest.mark.parametrize("workers", [0, 1])
def test_a_sample_that_cannot_be_learnt_ends_the_run(tmp_path, tiny, crops, trains, capsys, workers):
    entries = json.loads((crops / "train.json").read_text())
    entries[7]["conversations"][1]["value"] = "word " * 900
    (tmp_path / "long.json").write_text(json.dumps(entries))
    told = post(tiny, crops, workers=workers, stage={"batch": 32})
    told["data"] |= {"train": str(tmp_path / "long.json"), "images": str(crops)}
    assert trains(told, tmp_path / "run") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("stopped at step 0: ") and f"sample 7 ({entries[7]['image']})" in said


def test_checkpoints_are_whole_and_in_small_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "SHARD", 4000)
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, {"step": step, "weight": torch.full((3000,), float(step))}, keep=2)
    kept = checkpoint.checkpoints(tmp_path)
    assert [path.name for path in kept] == ["step-00000002", "step-00000003"]
    shards = sorted(kept[-1].glob("state-*"))
    assert len(shards) >= 3 and all(path.stat().st_size <= 4000 for path in shards)
    state = checkpoint.load(tmp_path)
    assert state["step"] == 3 and torch.equal(state["weight"], torch.full((3000,), 3.0))
    shards[1].unlink()
    with pytest.raises(ValueError, match="step-00000003 has .* copy the missing shards"):
        checkpoint.load(tmp_path)
    assert checkpoint.load(tmp_path / "nowhere") is None
