#!/usr/bin/env python3
"""GOT's speed beside transformers' on the same machine, full-size random weights, and what the model takes to hold.

    make bench-got                                  all, about a quarter of an hour; figures into README.md here
    make full-size                                  load time, every mode on a page, peak memory
    python3 got.py [--tokens 32] [--no-peer] [--device cuda --dtype bf16 --batch 1,16,64] [--no-write]

Both sides run one after the other on the cores this process may run on (`taskset -c 0,1 make bench-got`). Each side's
parts are timed by itself: the encoder, prompts, decode steps, whole pages. The checkpoint is made if it is missing.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import common

BINARY = Path(os.environ.get("RECTO_BENCH_GOT") or common.ROOT / "target/release/examples/bench-got")
# What is asked for, as multiples of transformers' speed (of its faster type, or of its float32).
GOALS = {
    "encoder": ("vision encoder", 1.5),
    "one": ("one sequence, 8-bit decoder", 3.0),
    "eight": ("eight sequences, 8-bit decoder", 2.5),
    "f32 encoder": ("vision encoder, float32 both", 1.0),
    "f32 one": ("one sequence, float32 both", 1.0),
    "f32 eight": ("eight sequences, float32 both", 1.0),
    "pages": ("end to end, 8 pages", 1.6),
}
# Our names of types that transformers has too.
SAME_TYPE = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


def main():
    args = arguments()
    if not BINARY.is_file():
        sys.exit(f"bench: {BINARY} is not built (make bench-got)")
    model = args.model or checkpoint(args.python)
    report = {"machine": common.machine(), "date": common.today()}
    if args.check:
        report["check"] = recto(["check", "--model", model, "--device", args.device])
        tables = [check_table(report["check"])]
    else:
        report["recto"] = recto(speed_options(args, model))
        if args.peer:
            report["transformers"] = transformers(args, model)
        tables = speed_tables(report)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    text = "\n\n".join([head(args, report), *tables])
    print(f"\n{text}\n\nAll figures: {args.out}")
    if args.write:
        common.replace_between(common.HERE / "README.md", "full-size" if args.check else "got", text)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="load time, every mode and memory instead of speed")
    parser.add_argument("--model", type=Path, help="checkpoint; else one of the real size in the cache folder")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--dtype", default="q8,f32,q4", help="our number formats")
    parser.add_argument("--peer-dtype", default="float32,bfloat16", help="transformers' number formats")
    parser.add_argument("--batch", default="1,8", help="sequences at once")
    parser.add_argument("--tokens", type=int, default=256, help="tokens written for each page")
    parser.add_argument("--pages", type=int, help="pages of each run of ours; as many as the batch if not given")
    parser.add_argument("--peer-pages", type=int, default=8, help="pages that transformers reads from end to end")
    parser.add_argument("--read-gb", type=int, default=2, help="gigabytes read to measure memory")
    parser.add_argument("--python", type=Path, default=common.cache().parent / "reference/bin/python")
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="leave transformers out")
    parser.add_argument("--no-write", dest="write", action="store_false", help="leave README.md as it is")
    parser.add_argument("--out", type=Path, default=common.ROOT / "out/bench-got.json", help="file for all figures")
    return parser.parse_args()


def checkpoint(python):
    """The checkpoint of the real size, made if it is missing."""
    folder = common.cache().parent / "got-full-size"
    if not folder.is_dir():
        print(f"bench: making a checkpoint of the real size in {folder}", flush=True)
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        subprocess.run([python, common.ROOT / "tests/reference/full_size.py", part], check=True)
        part.rename(folder)
    return folder


def speed_options(args, model):
    options = ["speed", "--model", model, "--device", args.device, "--dtype", args.dtype, "--batch", args.batch]
    options += ["--tokens", args.tokens, "--read-gb", args.read_gb]
    return options + (["--pages", args.pages] if args.pages else [])


def recto(options):
    """What the measuring program reports."""
    command = list(map(str, [BINARY, *options]))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"bench: {' '.join(command)} ended with {done.returncode}")
    return json.loads(done.stdout)


def transformers(args, model):
    """What the peer reports, and its seconds."""
    out = args.out.with_name("bench-got-peer.json")
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [args.python, common.HERE / "got_peer.py", out, "--model", model, "--device", args.device]
    command += ["--dtype", args.peer_dtype, "--batch", args.batch, "--tokens", args.tokens]
    command += ["--pages", args.peer_pages, "--threads", common.cores()]
    environment = {"OMP_NUM_THREADS": str(common.cores()), **os.environ}
    started = time.monotonic()
    subprocess.run(list(map(str, command)), check=True, env=environment)
    figures = json.loads(out.read_text())
    out.unlink()
    figures["seconds"] = time.monotonic() - started
    return figures


def head(args, report):
    what = "make full-size" if args.check else "make bench-got"
    given = " ".join(sys.argv[1:])
    versions = report.get("transformers", {}).get("versions", {})
    versions = "".join(f", {name} {version}" for name, version in versions.items())
    where = f"{report['machine']}" if args.device == "cpu" else f"`{args.device}`, {report['machine']}"
    tokens = "" if args.check else f", {args.tokens} new tokens a page"
    return f"{report['date']}, {where}{tokens}{versions}. Command: `{what}`" + (f" (`{given}`)." if given else ".")


def speed_tables(report):
    ours = report["recto"]
    tables = [limits_table(report), parts_table(ours)]
    if "transformers" in report:
        tables += [peer_table(report["transformers"]), goals_table(ours, report["transformers"])]
    return tables


def limits_table(report):
    """What the machine reaches in the same run: candle's products and ours of memory, torch's products."""
    limits = report["recto"]["limits"].values()
    matrix = max(limit["matrix_gflops"] for limit in limits)
    rows = [
        ["products, Recto's", f"{matrix:.0f} GFLOP/s"],
        ["reading memory", f"{max(limit['memory_gb_s'] for limit in limits):.1f} GB/s"],
    ]
    for name, figures in report.get("transformers", {}).get("types", {}).items():
        rows.append([f"products, torch, {name}", f"{figures['matrix_gflops']:.0f} GFLOP/s"])
    return markdown_table(["the machine's limits", ""], rows)


def parts_table(ours):
    head = ["recto", "batch", "s a view (share of products' limit)", "s a prompt", "tokens/s", "ms a step", "share of memory's limit", "pages/s"]
    rows = []
    for run in ours["runs"]:
        view = f"{run['view_s']:.2f} ({run['view_share_of_matrix_rate']:.0%})"
        early = "" if run["all_tokens_written"] else " (pages ended early)"
        rows.append([
            run["dtype"], str(run["batch"]), view, f"{run['prefill_s']:.2f}", f"{run['tokens_s']:.1f}{early}",
            f"{run['step_ms']:.1f}", f"{run['step_share_of_memory']:.0%}", f"{run['pages_s']:.4f}",
        ])
    return markdown_table(head, rows)


def peer_table(peer):
    head = ["transformers", "batch", "s a view", "s a prompt", "tokens/s", "ms a step", "pages/s"]
    rows = []
    for name, figures in peer["types"].items():
        for batch, run in figures["batches"].items():
            rows.append([
                f"{name}, {figures['attention']}", batch, f"{figures['view_s']:.2f}", f"{run['prefill_s']:.2f}",
                f"{run['tokens_s']:.1f}", f"{run['step_ms']:.1f}", "",
            ])
    if whole := peer.get("whole"):
        rows.append([f"{whole['dtype']}, end to end", str(whole["batch"]), "", "", "", "", f"{whole['pages_s']:.4f}"])
    return markdown_table(head, rows)


def goals_table(ours, peer):
    """Each demand beside what was reached; those that this run has no figures for are left out."""
    rows = []
    for name, (own, other) in compared(ours, peer).items():
        title, goal = GOALS[name]
        ratio = own / other
        verdict = "PASS" if ratio >= goal else "short"
        rows.append([title, f"{own:.4g}", f"{other:.4g}", f"{ratio:.2f}", f"{goal:.1f}", verdict])
    return markdown_table(["", "recto", "transformers", "ratio", "at least", ""], rows)


def compared(ours, peer):
    """Speeds (views, tokens or pages a second) of both sides by demand."""
    runs = {(run["dtype"], run["batch"]): run for run in ours["runs"]}
    types = peer["types"]
    pairs = {}
    if runs:
        pairs["encoder"] = (views_s(runs), max(1 / figures["view_s"] for figures in types.values()))
    for name, batch in (("one", 1), ("eight", 8)):
        if ("q8", batch) in runs:
            best = max(figures["batches"][str(batch)]["tokens_s"] for figures in types.values())
            pairs[name] = (runs["q8", batch]["tokens_s"], best)
    if "float32" in types:
        in_f32 = {key: run for key, run in runs.items() if key[0] == "f32"}
        if in_f32:
            pairs["f32 encoder"] = (views_s(in_f32), 1 / types["float32"]["view_s"])
        for name, batch in (("f32 one", 1), ("f32 eight", 8)):
            if ("f32", batch) in runs:
                pairs[name] = (runs["f32", batch]["tokens_s"], types["float32"]["batches"][str(batch)]["tokens_s"])
    if "whole" in peer:
        whole_runs = [run["pages_s"] for run in runs.values() if run["pages"] >= peer["whole"]["pages"]]
        if whole_runs:
            pairs["pages"] = (max(whole_runs), peer["whole"]["pages_s"])
    return pairs


def views_s(runs):
    """Views a second: of the fastest run, as transformers' is its best of several."""
    return max(1 / run["view_s"] for run in runs.values())


def check_table(check):
    mb = lambda bytes: f"{bytes / 1e6:.0f} MB"  # noqa: E731
    verdict = lambda well: "PASS" if well else "short"  # noqa: E731
    stated = f"{mb(check['weights_bytes'])} of weights, {mb(check['cache_bytes'])} of cache, 1000 MB"
    rows = [
        ["loaded from a warm file cache", f"{check['load_s']:.2f} s", "under 10 s", verdict(check["load_in_time"])],
        ["peak memory", mb(check["peak_rss_bytes"]), f"{mb(check['most_bytes'])} ({stated})", verdict(check["within_memory"])],
    ]
    modes = [
        [f"{mode['name']}, {mode['mode']}", str(mode["views"]), f"{mode['seconds']:.1f} s", mb(mode["peak_rss_bytes"])]
        for mode in check["modes"]
    ]
    return (
        markdown_table(["", "", "at most", ""], rows)
        + "\n\n"
        + markdown_table(["mode", "views", "time", "peak memory so far"], modes)
    )


def markdown_table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
