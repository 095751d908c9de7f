"""Writes the small checkpoint in the three layouts in circulation: the same weights, three names for each."""

import json
import re
import shutil
from pathlib import Path

import tiktoken
import torch
from safetensors.torch import save_file
from transformers import GotOcr2Processor, PreTrainedTokenizerFast
from transformers.models.got_ocr2.image_processing_pil_got_ocr2 import GotOcr2ImageProcessorPil

import tiny

SEED = 4

# Canonical name (transformers 5) -> the original repository's name.
TO_ORIGINAL = [
    (r"^model\.vision_tower\.patch_embed\.projection", "model.vision_tower_high.patch_embed.proj"),
    (r"^model\.vision_tower\.layers\.(\d+)\.layer_norm", r"model.vision_tower_high.blocks.\1.norm"),
    (r"^model\.vision_tower\.layers\.", "model.vision_tower_high.blocks."),
    (r"^model\.vision_tower\.neck\.conv1", "model.vision_tower_high.neck.0"),
    (r"^model\.vision_tower\.neck\.layer_norm1", "model.vision_tower_high.neck.1"),
    (r"^model\.vision_tower\.neck\.conv2", "model.vision_tower_high.neck.2"),
    (r"^model\.vision_tower\.neck\.layer_norm2", "model.vision_tower_high.neck.3"),
    (r"^model\.vision_tower\.", "model.vision_tower_high."),
    (r"^model\.multi_modal_projector\.conv_upsampler1", "model.vision_tower_high.net_2"),
    (r"^model\.multi_modal_projector\.conv_upsampler2", "model.vision_tower_high.net_3"),
    (r"^model\.multi_modal_projector\.multimodal_projector", "model.mm_projector_vary"),
    (r"^model\.language_model\.", "model."),
]
# Canonical name -> the name that transformers 4.49 to 4.51 wrote.
TO_OLD = [
    (r"^model\.language_model\.", "language_model.model."),
    (r"^lm_head\.", "language_model.lm_head."),
    (r"^model\.", ""),
]


def renamed(name: str, rules: list[tuple[str, str]]) -> str:
    """The name after the first rule that fits."""
    for pattern, replacement in rules:
        if re.search(pattern, name):
            return re.sub(pattern, replacement, name)
    return name


def main() -> None:
    tokens = tiny.ranks()
    tokenizer = tiny.hub_tokenizer(tokens)
    check_tokenizers(tokens, tokenizer)
    settings = tiny.config(len(tokens) + len(tiny.SPECIAL))
    model = tiny.model(settings, SEED)
    shutil.rmtree(tiny.CHECKPOINTS, ignore_errors=True)
    write_new(tiny.CHECKPOINTS / "hub-new", model, tokenizer)
    write_old(tiny.CHECKPOINTS / "hub-old", model, tokenizer)
    write_original(tiny.CHECKPOINTS / "original", model, tokens)


def check_tokenizers(tokens: list[bytes], tokenizer) -> None:
    """Both tokenizers give the same ids, and every byte comes back."""
    special = {token: len(tokens) + i for i, token in enumerate(tiny.SPECIAL)}
    ranks = {token: i for i, token in enumerate(tokens)}
    other = tiktoken.Encoding("got", pat_str=tiny.QWEN_PATTERN, mergeable_ranks=ranks, special_tokens=special)
    texts = [tiny.TRAINING_TEXT, "".join(map(chr, range(1, 0x500))), "12345 \u4e00\u9fa5 \U0001f600\r\n\t x=1.5e-3"]
    texts += ["<|im_start|>user\n<img><imgpad></img>\n[1, 22, 333, 1000] OCR: <|im_end|>"]
    for text in texts:
        ids = tokenizer.encode(text).ids
        assert ids == other.encode(text, allowed_special="all"), text[:40]
        assert tokenizer.decode(ids, skip_special_tokens=False) == text
    assert all(bytes([b]) in ranks for b in range(256))


def fast_tokenizer(tokenizer) -> PreTrainedTokenizerFast:
    """The tokenizer as the hub's conversion script wraps it."""
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_input_names=["input_ids", "attention_mask"], model_max_length=8000,
        pad_token="<|endoftext|>", bos_token="<|endoftext|>", eos_token="<|endoftext|>",
        clean_up_tokenization_spaces=True,
    )


def image_processor(side: int) -> GotOcr2ImageProcessorPil:
    """GOT's pixels at the given size."""
    return GotOcr2ImageProcessorPil(
        size={"height": side, "width": side}, image_mean=tiny.CLIP_MEAN, image_std=tiny.CLIP_STD
    )


def write_new(folder: Path, model, tokenizer) -> None:
    """As transformers 5 saves it, in bfloat16."""
    folder.mkdir(parents=True)
    processor = GotOcr2Processor(image_processor(tiny.IMAGE), fast_tokenizer(tokenizer))
    processor.save_pretrained(folder)
    model.to(torch.bfloat16).save_pretrained(folder)
    model.float()


def write_old(folder: Path, model, tokenizer) -> None:
    """As transformers 4.49 saved it, in two shards; the encoder in float32, the decoder in bfloat16 (to save space)."""
    folder.mkdir(parents=True)
    fast_tokenizer(tokenizer).save_pretrained(folder)
    # transformers 4 named the class so; 5 writes the name of its base class.
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"processor_class": "GotOcr2Processor", "tokenizer_class": "PreTrainedTokenizerFast"}
    settings.pop("backend")
    tiny.write_json(folder / "tokenizer_config.json", settings)
    tiny.write_json(folder / "config.json", old_config(model.config))
    tiny.write_json(folder / "generation_config.json", generation_config(model.config, "4.49.0"))
    tiny.write_json(
        folder / "preprocessor_config.json",
        {
            "crop_to_patches": False, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True,
            "do_resize": True, "image_mean": tiny.CLIP_MEAN, "image_processor_type": "GotOcr2ImageProcessor",
            "image_std": tiny.CLIP_STD, "max_patches": 12, "min_patches": 1, "processor_class": "GotOcr2Processor",
            "resample": 3, "rescale_factor": 0.00392156862745098,
            "size": {"height": tiny.IMAGE, "width": tiny.IMAGE},
        },
    )
    tiny.write_json(folder / "processor_config.json", {"processor_class": "GotOcr2Processor"})
    named = {renamed(n, TO_OLD): t.contiguous() for n, t in weights(model).items()}
    vision = {n: t for n, t in named.items() if n.startswith("vision_tower")}
    shards = [vision, {n: t.bfloat16() for n, t in named.items() if n not in vision}]
    places = {}
    for i, shard in enumerate(shards, 1):
        file = f"model-{i:05}-of-{len(shards):05}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        places |= {name: file for name in sorted(shard)}
    total = sum(t.nbytes for shard in shards for t in shard.values())
    tiny.write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": places})


def weights(model) -> dict[str, torch.Tensor]:
    """The state under its canonical names, without the tied copy of the embedding."""
    return {n: t for n, t in model.state_dict().items() if n != "lm_head.weight"}


def generation_config(config, version: str) -> dict:
    """What the hub's checkpoint has beside the model."""
    eos = config.text_config.eos_token_id
    return {"_from_model_config": True, "bos_token_id": eos, "eos_token_id": eos, "transformers_version": version}


def old_config(config) -> dict:
    """config.json as 4.49 wrote it: what equals a class's default is left out, rope_theta is a field of its own."""
    text, vision = config.text_config, config.vision_config
    return {
        "architectures": ["GotOcr2ForConditionalGeneration"],
        "ignore_index": -100,
        "image_seq_length": 576,
        "image_token_index": config.image_token_index,
        "model_type": "got_ocr2",
        "pad_token_id": -1,
        "text_config": {
            "bos_token_id": text.bos_token_id, "eos_token_id": text.eos_token_id, "hidden_size": text.hidden_size,
            "intermediate_size": text.intermediate_size, "max_position_embeddings": text.max_position_embeddings,
            "max_window_layers": 21, "model_type": "qwen2", "num_attention_heads": text.num_attention_heads,
            "num_hidden_layers": text.num_hidden_layers, "num_key_value_heads": text.num_key_value_heads,
            "rope_theta": 1000000.0, "sliding_window": None, "tie_word_embeddings": True, "torch_dtype": "float32",
            "use_cache": True, "vocab_size": text.vocab_size,
        },
        "torch_dtype": "float32",
        "transformers_version": "4.49.0",
        "vision_config": {
            "global_attn_indexes": list(vision.global_attn_indexes), "hidden_size": vision.hidden_size,
            "image_size": vision.image_size, "mlp_dim": vision.mlp_dim, "model_type": "",
            "num_attention_heads": vision.num_attention_heads, "num_hidden_layers": vision.num_hidden_layers,
            "output_channels": vision.output_channels, "patch_size": vision.patch_size, "torch_dtype": "float32",
            "window_size": vision.window_size,
        },
    }


def write_original(folder: Path, model, tokens: list[bytes]) -> None:
    """As the GOT repository's checkpoint is, in float16; the head is stored although it is tied."""
    folder.mkdir(parents=True)
    named = {renamed(n, TO_ORIGINAL): t.half().contiguous() for n, t in weights(model).items()}
    named["lm_head.weight"] = named["model.embed_tokens.weight"].clone()
    save_file(named, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "qwen.tiktoken").write_text(tiny.tiktoken_file(tokens))
    text, first = model.config.text_config, len(tokens)
    special = {token: first + i for i, token in enumerate(tiny.SPECIAL)}
    tiny.write_json(
        folder / "config.json",
        {
            "_name_or_path": "GOT", "architectures": ["GOTQwenForCausalLM"], "attention_dropout": 0.0,
            "auto_map": {"AutoConfig": "modeling_GOT.GOTConfig", "AutoModel": "modeling_GOT.GOTQwenForCausalLM"},
            "bos_token_id": special["<|endoftext|>"], "eos_token_id": special["<|endoftext|>"],
            "freeze_vision_tower": False, "hidden_act": "silu", "hidden_size": text.hidden_size,
            "im_end_token": special["</img>"], "im_patch_token": special["<imgpad>"],
            "im_start_token": special["<img>"], "image_token_len": tiny.IMAGE_TOKENS, "initializer_range": 0.02,
            "intermediate_size": text.intermediate_size, "max_position_embeddings": text.max_position_embeddings,
            "max_window_layers": 21, "model_type": "GOT", "num_attention_heads": text.num_attention_heads,
            "num_hidden_layers": text.num_hidden_layers, "num_key_value_heads": text.num_key_value_heads,
            "rms_norm_eps": text.rms_norm_eps, "rope_theta": 1000000.0, "sliding_window": 32768,
            "tie_word_embeddings": True, "torch_dtype": "float16", "transformers_version": "4.37.2",
            "use_cache": True, "use_im_start_end": True, "use_sliding_window": False, "vision_select_layer": -2,
            "vision_tower": "openai/clip-vit-large-patch14", "vocab_size": text.vocab_size,
        },
    )
    tiny.write_json(
        folder / "generation_config.json",
        {**generation_config(model.config, "4.37.2"), "max_new_tokens": 2048},
    )
    tiny.write_json(
        folder / "tokenizer_config.json",
        {
            "added_tokens_decoder": {}, "auto_map": {"AutoTokenizer": ["tokenization_qwen.QWenTokenizer", None]},
            "clean_up_tokenization_spaces": True, "model_max_length": 8000, "pad_token": "<|endoftext|>",
            "padding_side": "right", "tokenizer_class": "QWenTokenizer",
        },
    )


if __name__ == "__main__":
    main()
