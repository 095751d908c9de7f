"""Training: a fresh model through its stages, or a checkpoint on documents of your own.

    python -m recto_train.train configs/nano.yaml --out runs/nano
    torchrun --nproc-per-node 4 -m recto_train.train configs/post.yaml --out runs/post

A run that was cut goes on where it was when the same command is given again: weights, optimizer, random numbers and the
next sample are those of the last checkpoint. `OUT/log.jsonl` has every figure, `OUT/curves.png` shows them,
`OUT/model` is the checkpoint to use.
"""

import argparse
import json
import math
import os
import signal
import sys
import time
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from transformers import GotOcr2ForConditionalGeneration, PreTrainedTokenizerFast

from . import checkpoint, nano, settings
from .curves import draw
from .documents import Documents, Unusable
from .export import load_model, save_model
from .glyphs import heads
from .optim import Muon
from .pointing import Pointing
from .read import character_errors, embedded, image_tokens, write
from .samples import GLYPHS, IGNORED, Batch, Rendered, loader
from .settings import USUALLY, Settings, Stage
from .words import learnt

PARTS = {"encoder": "model.vision_tower.", "projector": "model.multi_modal_projector.", "decoder": "model.language_model."}
# AdamW's share of the rate if Muon has the matrices.
BESIDE_MUON = 0.3


class TrainError(Exception):
    """A run that cannot go on; the message says why and what to change."""


class Run:
    """A model under training, and everything that a checkpoint holds."""

    def __init__(self, told: Settings, out: Path):
        self.told, self.out = told, out
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        has_gpu = torch.cuda.is_available()
        self.device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if has_gpu else torch.device("cpu")
        if told.threads:
            torch.set_num_threads(told.threads)
        torch.set_flush_denormal(True)
        torch.manual_seed(told.seed)
        self.model, self.words = self.fresh() if not told.checkpoint else load_model(Path(told.checkpoint))
        if told.lora.rank:
            self.add_lora()
        self.model.to(self.device)
        channels, hidden = self.model.config.vision_config.output_channels, self.model.config.text_config.hidden_size
        self.heads = heads(channels, hidden, len(GLYPHS) + 1).to(self.device)
        if told.checkpointing:
            self.model.model.language_model.gradient_checkpointing_enable({"use_reentrant": False})
        self.step = 0  # over all stages
        self.bad = 0  # steps in a row without a finite loss
        self.best, self.waited = math.inf, 0
        self.optimizers: list[torch.optim.Optimizer] = []
        self.shares: list[float] = []  # of the rate, for each
        self.stopping = False

    def fresh(self) -> tuple[GotOcr2ForConditionalGeneration, PreTrainedTokenizerFast]:
        """A model from nothing, with a tokenizer learnt from the texts that pages are rendered from."""
        if not self.told.data.material:
            raise TrainError("a fresh model is rendered its pages: set data.material, or checkpoint to go on from one")
        material, sizes = Path(self.told.data.material), self.told.sizes
        if self.rank == 0:
            learnt(material, sizes.vocabulary, self.out / "tokenizer")
        if self.world > 1:
            dist.barrier()
        words = learnt(material, sizes.vocabulary, self.out / "tokenizer")
        return nano.start(nano.config(sizes, words), self.told.seed), words

    def add_lora(self) -> None:
        """Puts low-rank changes beside the decoder's weights; everything else is frozen."""
        from peft import LoraConfig, inject_adapter_in_model

        lora = self.told.lora
        asked = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules=list(lora.targets), lora_dropout=0.0)
        inject_adapter_in_model(asked, self.model.model.language_model)

    def parameters(self, stage: Stage) -> list[tuple[str, torch.nn.Parameter]]:
        """What a stage changes; all else is marked as standing still."""
        names = [*self.model.named_parameters(), *((f"heads.{k}", v) for k, v in self.heads.named_parameters())]
        frozen = tuple(PARTS[part] for part in self.frozen(stage))
        changed = []
        for name, weight in names:
            moves = not name.startswith(frozen) if frozen else True
            if self.told.lora.rank and not name.startswith("heads."):
                moves = "lora_" in name
            if name.startswith("heads.glyphs"):
                moves = stage.weights.patch + stage.weights.token > 0
            if name.startswith("heads.truth"):
                moves = stage.weights.truth > 0
            weight.requires_grad_(moves)
            if moves:
                changed.append((name, weight))
        return changed

    def frozen(self, stage: Stage) -> tuple[str, ...]:
        """Frozen parts: in post-training the encoder, unless the stage says otherwise."""
        if stage.frozen == USUALLY:
            return ("encoder",) if self.told.checkpoint else ()
        return stage.frozen

    def begin(self, stage: Stage) -> None:
        """Fresh optimizers for a stage."""
        matrices, rest = [], []
        for name, weight in self.parameters(stage):
            is_matrix = weight.ndim >= 2 and not any(part in name for part in ("rel_pos", "embed_tokens", "heads."))
            (matrices if is_matrix and self.told.optimizer == "muon" else rest).append(weight)
        decay = self.told.weight_decay
        self.optimizers = [torch.optim.AdamW(rest, lr=stage.lr, betas=(0.9, 0.95), weight_decay=decay)] if rest else []
        if matrices:  # what is left for AdamW beside Muon learns better slowly
            self.optimizers.append(Muon(matrices, lr=stage.lr, weight_decay=decay))
        self.shares = [BESIDE_MUON if matrices else 1.0, 1.0][-len(self.optimizers) :]

    def state(self) -> dict:
        """Everything that exact resumption needs."""
        return {
            "step": self.step, "model": self.model.state_dict(), "heads": self.heads.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state() if self.device.type == "cuda" else None, "bad": self.bad, "best": self.best, "waited": self.waited,
        }  # fmt: skip

    def resume(self) -> bool:
        """Goes back to the newest checkpoint; false if there is none."""
        state = checkpoint.load(self.out / "checkpoints", self.device)
        if state is None:
            return False
        self.step, self.bad, self.best, self.waited = (state[k] for k in ("step", "bad", "best", "waited"))
        self.model.load_state_dict(state["model"])
        self.heads.load_state_dict(state["heads"])
        stage, first = self.where()
        if stage is not None:
            self.begin(stage)
            if self.step > first:
                try:
                    for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
                        optimizer.load_state_dict(saved)
                except ValueError as error:
                    raise TrainError(
                        f"step {self.step} lies in stage {stage.name}, which trained other parts when it was saved: let a "
                        "changed stage begin at a checkpoint's step, or start again with another --out"
                    ) from error
        torch.set_rng_state(state["random"].cpu())
        if state.get("random_gpu") is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["random_gpu"].cpu())
        self.cut_log()
        return True

    def cut_log(self) -> None:
        """Takes out of the log what is about to be done again."""
        log = self.out / "log.jsonl"
        if self.rank == 0 and log.exists():
            lines = [line for line in log.read_text().splitlines() if json.loads(line)["step"] <= self.step]
            log.write_text("".join(f"{line}\n" for line in lines))

    def where(self) -> tuple[Stage | None, int]:
        """The stage of the next step and that stage's first step; none at the end."""
        first = 0
        for stage in self.told.stages:
            if self.step < first + stage.steps:
                return stage, first
            first += stage.steps
        return None, first

    def save(self) -> None:
        """Writes a checkpoint and the curves."""
        if self.rank == 0:
            checkpoint.save(self.out / "checkpoints", self.step, self.state(), self.told.keep)
            draw(self.out / "log.jsonl", self.out / "curves.png")

    def log(self, **figures) -> None:
        """A line of figures, to the log and to whoever watches."""
        if self.rank == 0:
            with open(self.out / "log.jsonl", "a") as log:
                log.write(json.dumps(figures) + "\n")
            words = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in figures.items())
            print("  ".join(words), flush=True)

    def autocast(self):
        """bfloat16 products if they are asked for."""
        if self.told.precision == "bfloat16":
            return torch.autocast(self.device.type, torch.bfloat16)
        return nullcontext()

    def losses(self, batch: Batch, stage: Stage) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of a batch, and its parts."""
        weights = stage.weights
        still = set(self.frozen(stage)) >= {"encoder", "projector"}
        total, parts = torch.zeros((), device=self.device), {}
        with self.autocast():
            if weights.truth or weights.match:
                truth = self.heads["truth"](batch.cells)
            if weights.truth:
                text, point = self.text_loss(batch, truth, weights.point > 0)
                total = total + weights.truth * text + weights.point * point
                parts |= {"truth": text.item(), "point": point.item()}
            if not any((weights.patch, weights.token, weights.text, weights.match)):
                return total, parts
            with torch.no_grad() if still else nullcontext():
                pixels = nano.normalized(batch.pixels) if batch.pixels.ndim == 3 else batch.pixels
                features, images = image_tokens(self.model, pixels, self.told.checkpointing)
            if (weights.patch or weights.token) and batch.cells is not None:
                patch, token, right = self.heads["glyphs"](features, images, batch.cells)
                total = total + weights.patch * patch + weights.token * token
                parts |= {"patch": patch.item(), "token": token.item(), "named": right[0].item(), "kept": right[1].item()}
            if weights.match:
                aim = truth.detach()
                apart = (images - aim).square().mean() / aim.var()
                total, parts["match"] = total + weights.match * apart, apart.item()
            if weights.text:
                text, point = self.text_loss(batch, images, weights.point > 0)
                total = total + weights.text * text + weights.point * point
                parts |= {"text": text.item(), "point": point.item()}
        return total, parts

    def text_loss(self, batch: Batch, images: torch.Tensor, pointed: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean surprise at the answers' tokens, given image tokens (pages, rows, columns, hidden), and at where it looks."""
        inputs = embedded(self.model, batch.ids, images)[:, :-1]
        decoder, point = self.model.model.language_model, torch.zeros(())
        pointed = pointed and batch.points is not None
        with Pointing(decoder) if pointed else nullcontext() as pointing:
            hidden = decoder(inputs_embeds=inputs).last_hidden_state
        if pointed:
            first = int((batch.ids[0] == self.model.config.image_token_index).int().argmax())
            point = pointing.loss(batch.points, first)
        wanted = batch.labels[:, 1:]
        return F.cross_entropy(self.model.lm_head(hidden[wanted != IGNORED]), wanted[wanted != IGNORED]), point

    def update(self, batches: list[Batch], stage: Stage, first: int) -> dict[str, float]:
        """One step of the optimizers over several passes; gives the figures."""
        parts: dict[str, float] = {}
        for batch in batches:
            loss, some = self.losses(batch.to(self.device), stage)
            (loss / len(batches)).backward()
            parts = {k: parts.get(k, 0.0) + v / len(batches) for k, v in some.items()}
        changed = [w for optimizer in self.optimizers for group in optimizer.param_groups for w in group["params"]]
        if self.world > 1:
            self.share(changed)
        norm = torch.nn.utils.clip_grad_norm_(changed, self.told.clip).item()
        if math.isfinite(norm) and all(math.isfinite(v) for k, v in parts.items() if k not in ("named", "kept")):
            self.bad = 0
            for optimizer, share in zip(self.optimizers, self.shares):
                for group in optimizer.param_groups:
                    group["lr"] = share * rate(stage, self.step - first)
                optimizer.step()
        else:
            self.bad += 1
            self.log(step=self.step, skipped="the loss or its gradient is no number")
            if self.bad >= self.told.most_bad:
                raise TrainError(f"{self.bad} steps in a row gave no number: lower lr, or go on from an earlier checkpoint")
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return parts | {"norm": norm}

    def share(self, weights: list[torch.nn.Parameter]) -> None:
        """Averages gradients over all processes; they also agree to stop at the same step."""
        gradients = [w.grad if w.grad is not None else torch.zeros_like(w) for w in weights]
        stops = torch.full((1,), float(self.stopping), device=self.device)
        flat = torch.cat([*(gradient.flatten() for gradient in gradients), stops])
        dist.all_reduce(flat)
        self.stopping = bool(flat[-1] > 0)
        for weight, mean in zip(weights, (flat[:-1] / self.world).split([w.numel() for w in weights])):
            weight.grad = mean.view_as(weight)

    def data(self, stage: Stage, valid: bool):
        """Batches of a stage by number: rendered, or of a dataset."""
        told = self.told.data
        if told.material:
            seed = (self.told.seed, 0 if valid else 1 + self.told.stages.index(stage))
            return Rendered(Path(told.material), stage.style, self.words, seed, stage.batch, stage.mode, stage.letters, stage.apart)
        file = Path(told.valid if valid else told.train)
        return Documents(file, Path(told.images) if told.images else file.parent, self.model, self.words, stage.batch, self.told.seed)

    @torch.no_grad()
    def validate(self, stage: Stage) -> dict[str, float]:
        """Loss and character errors on pages held out; greedy reading, as the engine reads."""
        data, sums, texts, truths = self.data(stage, True), {}, [], []
        count = max(1, self.told.valid_pages // stage.batch)
        self.model.eval()
        for number in range(count):
            batch = data[number].to(self.device)
            _, parts = self.losses(batch, stage)
            sums = {k: sums.get(k, 0.0) + v / count for k, v in parts.items()}
            if stage.weights.text or stage.weights.truth:
                texts += self.written(batch, stage)
                truths += batch.answers
        self.model.train()
        if texts:
            sums["cer"] = character_errors(texts, truths)
            (self.out / "read.txt").write_text(
                "".join(f"--- truth\n{b}\n--- read\n{a}\n" for a, b in zip(texts[:6], truths[:6]))
            )
        return {f"valid_{k}": v for k, v in sums.items()}

    def written(self, batch: Batch, stage: Stage) -> list[str]:
        """What the model writes for each sample, asked as the batch asks."""
        with self.autocast():
            if stage.weights.text:
                pixels = nano.normalized(batch.pixels) if batch.pixels.ndim == 3 else batch.pixels
                images = image_tokens(self.model, pixels)[1]
            else:
                images = self.heads["truth"](batch.cells)
            texts = [""] * len(batch.ids)
            inputs = embedded(self.model, batch.ids, images)
            asked = (batch.labels != IGNORED).int().argmax(1).tolist()  # length of each prompt
            most = int((batch.labels != IGNORED).sum(1).max()) + 16
            for length in sorted(set(asked)):
                rows = [row for row, own in enumerate(asked) if own == length]
                for row, text in zip(rows, write(self.model, self.words, inputs[rows, :length], most)):
                    texts[row] = text
        return texts

    def go(self) -> None:
        """Steps until the last stage's end, the patience's end, or a signal."""
        stage, first = self.where()
        while stage is not None and not self.stopping:
            if not self.optimizers or self.step == first:
                self.begin(stage)
                self.best, self.waited = math.inf, 0
            self.steps(stage, first)
            stage, first = self.where()
        self.save()
        if self.rank == 0:
            save_model(self.model, self.words, self.out / "model")

    def steps(self, stage: Stage, first: int) -> None:
        """The rest of a stage."""
        told, end = self.told, first + stage.steps
        numbers = [
            (step * self.world + self.rank) * stage.accumulate + i
            for step in range(self.step - first, stage.steps)
            for i in range(stage.accumulate)
        ]
        random = torch.get_rng_state()
        batches = iter(loader(self.data(stage, False), numbers, told.workers))
        torch.set_rng_state(random)  # a loader draws from it, and a run that goes on here would have drawn once more
        since, sums, seen = time.monotonic(), {}, 0
        self.model.train()
        while self.step < end and not self.stopping:
            figures = self.update([next(batches) for _ in range(stage.accumulate)], stage, first)
            sums = {k: sums.get(k, 0.0) + v for k, v in figures.items()}
            seen += 1
            if self.step % told.log_every == 0 or self.step == end:
                pages = seen * stage.batch * stage.accumulate * self.world
                took = time.monotonic() - since
                self.log(
                    step=self.step, stage=stage.name, lr=rate(stage, self.step - 1 - first), pages_per_s=pages / took,
                    **{k: v / seen for k, v in sums.items()},
                )  # fmt: skip
                since, sums, seen = time.monotonic(), {}, 0
            if self.step % told.valid_every == 0 or self.step == end:
                figures = self.validate(stage)
                self.log(step=self.step, **figures)
                since = time.monotonic()
                if self.is_waiting(figures):
                    self.log(step=self.step, stopped=f"no better loss in {told.patience} validations")
                    self.stopping = True
            if self.step % told.save_every == 0:
                self.save()

    def is_waiting(self, figures: dict[str, float]) -> bool:
        """Whether validation has not become better for too long."""
        loss = next((figures[k] for k in ("valid_text", "valid_truth", "valid_patch") if k in figures), math.inf)
        self.waited = 0 if loss < self.best else self.waited + 1
        self.best = min(self.best, loss)
        return bool(self.told.patience) and self.waited >= self.told.patience


def rate(stage: Stage, step: int) -> float:
    """Warm-up, then a cosine from `lr` to `lr_end`."""
    if step < stage.warmup:
        return stage.lr * (step + 1) / stage.warmup
    share = (step - stage.warmup) / max(1, stage.steps - stage.warmup)
    return stage.lr_end + (stage.lr - stage.lr_end) * 0.5 * (1 + math.cos(math.pi * min(1.0, share)))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error is a GPU's or the allocator's want of memory."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path, help="YAML file with the run's settings")
    parser.add_argument("--out", type=Path, required=True, help="folder of the run; a run found there goes on")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="change a setting: stages.0.lr=1e-4")
    arguments = parser.parse_args()
    try:
        told = settings.read(arguments.config, arguments.set)
    except (OSError, ValueError) as error:
        print(f"{arguments.config}: {error}", file=sys.stderr)
        return 2
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "settings.json").write_text(json.dumps(asdict(told), indent=1))
    try:
        run = Run(told, arguments.out)
    except TrainError as error:
        print(f"{arguments.config}: {error}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: setattr(run, "stopping", True))
    signal.signal(signal.SIGINT, lambda *_: setattr(run, "stopping", True))
    try:
        if run.resume():
            print(f"going on from step {run.step}", flush=True)
        run.go()
    except (TrainError, Unusable) as error:
        # A loader's worker puts its traceback before what is wrong.
        print(f"stopped at step {run.step}: {str(error).splitlines()[-1]}", file=sys.stderr)
        return 1
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        stage = run.where()[0] or told.stages[-1]
        print(
            f"out of memory at step {run.step} with batch {stage.batch} in stage {stage.name}: "
            "halve the stage's batch and double its accumulate (much the same to learn from), or set checkpointing: true",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
