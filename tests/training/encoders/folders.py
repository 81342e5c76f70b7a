"""Tiny networks with random weights in the folders that real ones come in: a VAE and a T5 with its tokenizer."""

from pathlib import Path
from typing import Any

import torch

WORDS = ["a", "cat", "dog", "runs", "sleeps", "on", "the", "grass", "in", "rain"]


def save_vae(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """An `AutoencoderKLCogVideoX` of 77,000 weights."""
    from diffusers import AutoencoderKLCogVideoX

    torch.manual_seed(seed)
    settings: dict[str, Any] = {"block_out_channels": (8, 8, 8, 8), "norm_num_groups": 2, "layers_per_block": 1}
    AutoencoderKLCogVideoX(**{**settings, "scaling_factor": 0.7, **changes}).save_pretrained(str(folder))
    return folder


def save_t5(folder: Path, words: Path | None = None, seed: int = 0) -> Path:
    """A T5 encoder 32 wide, with a tokenizer of ten words in the same folder or in `words`."""
    from transformers import T5Config, T5EncoderModel, T5Tokenizer

    torch.manual_seed(seed)
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"▁{word}", -1.0) for word in WORDS)]
    T5Tokenizer(vocab=pieces, extra_ids=0).save_pretrained(str(words or folder))
    config = T5Config(
        vocab_size=16, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, feed_forward_proj="gated-gelu"
    )
    T5EncoderModel(config).save_pretrained(str(folder))
    return folder


def save_image_vae(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """An `AutoencoderKL` of stride 8."""
    from diffusers import AutoencoderKL

    torch.manual_seed(seed)
    down, up = (tuple(f"{direction}Block2D" for _ in range(4)) for direction in ("DownEncoder", "UpDecoder"))
    settings: dict[str, Any] = {"block_out_channels": (8, 8, 8, 8), "norm_num_groups": 2, "latent_channels": 4}
    network = AutoencoderKL(down_block_types=down, up_block_types=up, **{**settings, **changes})
    network.save_pretrained(str(folder))
    return folder


def save_tiny_vae(folder: Path, seed: int = 0, **changes: Any) -> Path:
    """An `AutoencoderTiny` of stride 4."""
    from diffusers import AutoencoderTiny

    torch.manual_seed(seed)
    settings: dict[str, Any] = {f"{side}_block_out_channels": (8, 8, 8) for side in ("encoder", "decoder")}
    settings |= {f"num_{side}_blocks": (1, 1, 1) for side in ("encoder", "decoder")}
    AutoencoderTiny(**{**settings, **changes}).save_pretrained(str(folder))
    return folder


def save_clip(folder: Path, seed: int = 0, positions: int = 32) -> Path:
    """CLIP's text encoder and tokenizer of single letters, as a pipeline holds them."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    torch.manual_seed(seed)
    marks = ["<|startoftext|>", "<|endoftext|>"]
    letters = [letter + end for letter in "abcdefghijklmnopqrstuvwxyz" for end in ("", "</w>")]
    words = {word: number for number, word in enumerate([*letters, *marks])}
    CLIPTokenizer(vocab=words, merges=[]).save_pretrained(str(folder / "tokenizer"))
    config = CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=positions, bos_token_id=len(letters), eos_token_id=len(letters) + 1,
    )  # fmt: skip
    CLIPTextModel(config).save_pretrained(str(folder / "text_encoder"))
    return folder
