"""Checkpoints to use: a `transformers` folder of `got_ocr2`, which our engine reads too, and the encoder as ONNX.

    python -m recto_train.export RUN/model --onnx encoder.onnx
    python -m recto_train.export RUN --out FOLDER --dtype bfloat16 --rows 36 4
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from transformers import AutoTokenizer, GotOcr2ForConditionalGeneration, PreTrainedTokenizerFast

from . import nano

# What GotOcr2Processor needs beside the tokenizer.
PIXELS = {
    "crop_to_patches": False, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
    "image_mean": list(nano.CLIP_MEAN), "image_processor_type": "GotOcr2ImageProcessor", "image_std": list(nano.CLIP_STD),
    "max_patches": 12, "min_patches": 1, "processor_class": "GotOcr2Processor", "resample": 3,
    "rescale_factor": 1 / 255,
}  # fmt: skip


def load_model(folder: Path) -> tuple[GotOcr2ForConditionalGeneration, PreTrainedTokenizerFast]:
    """A checkpoint and its tokenizer, in float32."""
    model = GotOcr2ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    return model, AutoTokenizer.from_pretrained(folder)


def save_model(
    model: GotOcr2ForConditionalGeneration, words: PreTrainedTokenizerFast, folder: Path,
    dtype: torch.dtype = torch.float32, rows: tuple[float, int] | None = None,
) -> None:
    """Writes the folder that `transformers` and our engine load.

    `rows`, size of the type in pixels and rows that the encoder saw together, tells our engine that the model reads rows,
    a line each, not whole pages.
    """  # fmt: skip
    shutil.rmtree(folder, ignore_errors=True)
    weights = {name: tensor.detach().to(dtype).contiguous() for name, tensor in merged(model).items()}
    settings = type(model.config).from_dict(model.config.to_dict())
    settings.dtype = str(dtype).removeprefix("torch.")
    settings.text_config.dtype = settings.vision_config.dtype = settings.dtype
    plain = GotOcr2ForConditionalGeneration(settings).to(dtype)
    plain.load_state_dict(weights, strict=False)
    plain.save_pretrained(folder, max_shard_size="16MB" if dtype == torch.float32 else "40MB")
    words.save_pretrained(folder)
    size = model.config.vision_config.image_size
    pixels = PIXELS | {"size": {"height": size, "width": size}}
    if rows:
        pixels["rows"] = {"em": rows[0], "per_view": rows[1]}
    (folder / "preprocessor_config.json").write_text(json.dumps(pixels, indent=2) + "\n")


def merged(model: GotOcr2ForConditionalGeneration) -> dict[str, torch.Tensor]:
    """The model's weights by their usual names, low-rank changes added to what they change."""
    state = model.state_dict()
    out = {}
    for name, tensor in state.items():
        if "lora_" in name:
            continue
        usual = name.replace(".base_layer.", ".")
        before = name.split(".base_layer.")[0]
        low, high = f"{before}.lora_A.default.weight", f"{before}.lora_B.default.weight"
        if usual != name and name.endswith("weight") and low in state:
            scale = model.get_submodule(before).scaling["default"]
            tensor = tensor + scale * (state[high] @ state[low])
        out[usual] = tensor
    return out


class Encoder(torch.nn.Module):
    """Pixels (views, 3, side, side) to image tokens (views, tokens, hidden)."""

    def __init__(self, model: GotOcr2ForConditionalGeneration):
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        from .read import image_tokens

        return image_tokens(self.model, pixels)[1].flatten(1, 2)


def save_onnx(model: GotOcr2ForConditionalGeneration, file: Path) -> None:
    """The encoder and projector as ONNX: input `pixels`, output `tokens`, any number of views."""
    side = model.config.vision_config.image_size
    views = torch.export.Dim("views", min=1, max=64)
    torch.onnx.export(
        Encoder(model).eval(), (torch.zeros(2, 3, side, side),), str(file), input_names=["pixels"],
        output_names=["tokens"], dynamic_shapes=({0: views},), dynamo=True, external_data=False,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="folder of a checkpoint: RUN/model")
    parser.add_argument("--out", type=Path, help="write the checkpoint here, in another type")
    parser.add_argument("--dtype", default="bfloat16", choices=["float32", "bfloat16", "float16"])
    parser.add_argument(
        "--rows", type=float, nargs=2, metavar=("EM", "PER_VIEW"),
        help="the model reads rows: pixels of their type, and how many the encoder sees together",
    )  # fmt: skip
    parser.add_argument("--onnx", type=Path, help="write the encoder here")
    arguments = parser.parse_args()
    model, words = load_model(arguments.model)
    if arguments.out:
        rows = (arguments.rows[0], int(arguments.rows[1])) if arguments.rows else None
        save_model(model, words, arguments.out, getattr(torch, arguments.dtype), rows)
    if arguments.onnx:
        save_onnx(model, arguments.onnx)


if __name__ == "__main__":
    main()
