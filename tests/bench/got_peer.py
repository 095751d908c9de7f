#!/usr/bin/env python3
"""transformers' side of `make bench-got`: the encoder, the decoder and whole pages, timed part by part.

    python got_peer.py OUT.json --model FOLDER [--dtype float32,bfloat16] [--batch 1,8] [--tokens 256] [--device cuda]

Runs in the reference's environment. What is best for transformers is taken: the faster attention of the decoder, the
encoder a view at a time (its attention of eight views takes 13 GB and is no faster), whole pages in the type and the way
that its parts are fastest in. Best of several times if one is short. The end token is not heeded."""
import argparse
import gc
import json
import resource
import sys
import time
from pathlib import Path

import torch
import transformers
from transformers import AutoTokenizer, GotOcr2ForConditionalGeneration, GotOcr2Processor, LogitsProcessor
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "reference"))
import pictures  # noqa: E402

# Seconds within which a measurement is made again.
AGAIN_S = 30
TRIES = 5
# Tokens of the runs that choose the decoder's attention.
PROBE_TOKENS = 16
# Rows, inner size and columns of the product that shows the matrix rate.
CPU_PRODUCT = (4096, 768, 3072)
GPU_PRODUCT = (8192, 8192, 8192)


class Clock(LogitsProcessor):
    """Notes when each step's scores are there."""

    def __init__(self, device):
        self.device, self.times = device, []

    def __call__(self, input_ids, scores):
        synchronize(self.device)
        self.times.append(time.perf_counter())
        return scores


class Eyes:
    """The model's own encoder a view at a time, timed; or images that were encoded before."""

    def __init__(self, model, device):
        self.encode, self.device = model.model.get_image_features, device
        self.held, self.seconds = None, 0.0
        model.model.get_image_features = self

    def __call__(self, pixel_values, **options):
        if self.held is not None:
            return self.held
        started = time.perf_counter()
        views = [self.encode(pixel_values=view[None], return_dict=True) for view in pixel_values]
        whole = views[0]
        whole.pooler_output = torch.cat([view.pooler_output for view in views])
        synchronize(self.device)
        self.seconds = time.perf_counter() - started
        return whole


class Peer:
    """The model in one type."""

    def __init__(self, folder, dtype, device, attention):
        self.device = device
        attention = {"text_config": attention, "vision_config": "eager"}
        self.model = GotOcr2ForConditionalGeneration.from_pretrained(
            folder, dtype=getattr(torch, dtype), attn_implementation=attention
        ).to(device).eval()
        self.model.generation_config.eos_token_id = None
        self.eyes = Eyes(self.model, device)
        self.processor = GotOcr2Processor(
            GotOcr2ImageProcessorPil.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
        )

    def inputs(self, pages):
        images = self.model.config.image_seq_length
        inputs = self.processor(pages, return_tensors="pt", num_image_tokens=images).to(self.device)
        inputs["pixel_values"] = inputs["pixel_values"].to(self.model.dtype)
        return inputs

    def encoder(self, page):
        """Best seconds of a view."""
        values = self.inputs([page])["pixel_values"]
        self.eyes.held = None
        return best(lambda: self.eyes(values), self.device)

    def read(self, pages, tokens):
        """Reads pages together, `tokens` for each; gives the parts in seconds and the decoder's tokens a second."""
        clock = Clock(self.device)
        self.eyes.seconds = 0.0
        started = time.perf_counter()
        inputs = self.inputs(pages)
        ready = time.perf_counter()
        self.model.generate(
            **inputs, max_new_tokens=tokens, do_sample=False, logits_processor=[clock], pad_token_id=0
        )
        synchronize(self.device)
        wall_s = time.perf_counter() - started
        assert len(clock.times) == tokens, "the model ended early"
        decode_s = clock.times[-1] - clock.times[0]
        return {
            "pages": len(pages),
            "wall_s": wall_s,
            "prefill_s": (clock.times[0] - ready - self.eyes.seconds) / len(pages),
            "step_ms": 1e3 * decode_s / max(1, tokens - 1),
            "tokens_s": len(pages) * max(1, tokens - 1) / decode_s,
            "prompt_tokens": inputs["input_ids"].shape[1],
        }

    def decoder(self, page, batch, tokens):
        """The same without the encoder: one page's image is in all places."""
        self.eyes.held = None
        image = self.eyes(self.inputs([page])["pixel_values"])
        image.pooler_output = image.pooler_output.expand(batch, -1, -1)
        self.eyes.held = image
        figures = self.read([page] * batch, tokens)
        self.eyes.held = None
        return figures


def main():
    args = arguments()
    transformers.utils.logging.disable_progress_bar()
    if args.device == "cpu":
        torch.set_num_threads(args.threads)
    side = json.loads((args.model / "processor_config.json").read_text())["image_processor"]["size"]["height"]
    pages = [pictures.page(side, side, seed) for seed in range(1, args.pages + 1)]
    versions = {"torch": torch.__version__, "transformers": transformers.__version__}
    report = {"device": args.device, "versions": versions, "threads": args.threads, "tokens": args.tokens, "types": {}}
    with torch.inference_mode():
        for dtype in args.dtype.split(","):
            report["types"][dtype] = parts(args, dtype, pages[0])
        if args.pages > 1:
            report["whole"] = whole(args, report["types"], pages)
    report["peak_rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    args.out.write_text(json.dumps(report, indent=1) + "\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32,bfloat16")
    parser.add_argument("--batch", default="1,8")
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--pages", type=int, default=8, help="pages read from end to end; 1 leaves that out")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    return parser.parse_args()


def parts(args, dtype, page):
    """All parts in one type."""
    figures = {"matrix_gflops": matrix_rate(getattr(torch, dtype), args.device) / 1e9}
    peer, figures["attention"] = fastest(args, dtype, page)
    figures["view_s"] = peer.encoder(page)
    say(f"{dtype}: view {figures['view_s']:.2f} s, {figures['matrix_gflops']:.0f} GFLOP/s in products")
    figures["batches"] = {}
    for batch in map(int, args.batch.split(",")):
        run = peer.decoder(page, batch, args.tokens)
        figures["batches"][batch] = run
        say(f"{dtype}: batch {batch}: {run['tokens_s']:.1f} tokens/s, step {run['step_ms']:.1f} ms, prompt {run['prefill_s']:.2f} s")
    return figures


def fastest(args, dtype, page):
    """The model with the decoder's attention in which a few tokens come soonest, and that attention's name."""
    times = {}
    for attention in ("eager", "sdpa"):
        peer = Peer(args.model, dtype, args.device, attention)
        times[attention] = peer.decoder(page, 1, PROBE_TOKENS)["step_ms"]
        del peer
        gc.collect()
    say(f"{dtype}: ms a step by the decoder's attention: " + ", ".join(f"{n} {t:.1f}" for n, t in times.items()))
    chosen = min(times, key=times.get)
    return Peer(args.model, dtype, args.device, chosen), chosen


def whole(args, types, pages):
    """All pages from end to end, in the type and with the batch whose parts promise most."""
    def promised(dtype, batch):
        run = types[dtype]["batches"][batch]
        return types[dtype]["view_s"] + run["prefill_s"] + args.tokens / run["tokens_s"]

    ways = [(dtype, batch) for dtype in types for batch in types[dtype]["batches"]]
    dtype, batch = min(ways, key=lambda way: promised(*way))
    peer = Peer(args.model, dtype, args.device, types[dtype]["attention"])
    started = time.perf_counter()
    for first in range(0, len(pages), batch):
        peer.read(pages[first:first + batch], args.tokens)
    wall_s = time.perf_counter() - started
    promises = {f"{d}, {b} at once": len(pages) * promised(d, b) for d, b in ways}
    say(f"{len(pages)} pages in {dtype}, {batch} at once: {wall_s:.1f} s")
    return {
        "dtype": dtype, "batch": batch, "pages": len(pages), "wall_s": wall_s, "pages_s": len(pages) / wall_s,
        "promised_wall_s": promises,
    }


def matrix_rate(dtype, device):
    """Floating-point operations a second of torch's product."""
    m, k, n = CPU_PRODUCT if device == "cpu" else GPU_PRODUCT
    x, weight = torch.randn(m, k).to(device, dtype), torch.randn(n, k).to(device, dtype)
    return 2 * m * k * n / best(lambda: torch.nn.functional.linear(x, weight), device)


def best(work, device):
    """Least seconds of several tries, or of two if one takes long."""
    times = []
    began = time.perf_counter()
    while len(times) < 2 or (len(times) < TRIES and time.perf_counter() - began < AGAIN_S):
        synchronize(device)
        started = time.perf_counter()
        work()
        synchronize(device)
        times.append(time.perf_counter() - started)
    return min(times)


def synchronize(device):
    if device != "cpu":
        torch.cuda.synchronize()


def say(text):
    print("transformers, " + text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
