"""Builds a small vision model for trial runs: SmolLM2's real weights behind a randomly initialised vision tower.

It has the architecture of SmolVLM-Instruct, which is an Idefics3 (tiles, image tokens, processor, chat template), so
the whole path of a real vision model in transformers and in vLLM runs on a CPU without a download. The model sees
nothing: what it says of an image means nothing, and its name says so. An image costs at most five tiles of 64 x 64
pixels, and a tile costs four tokens.

    python -m captioning.assembled models/sees-nothing
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from schemas.errors import StageError

NAME = "sees-nothing-smolvlm"
TILE, PATCH, SCALE = 64, 16, 2  # pixels, pixels, and patches per token along a side
TOKENS_PER_TILE = (TILE // PATCH // SCALE) ** 2
_IMAGE, _SEED = "<image>", 20
# An image is scaled to two tiles along its longer side: vLLM cannot take an image that is not split into tiles.
_SPECIAL_TOKENS = [_IMAGE, "<fake_token_around_image>", "<global-img>"]
_SPECIAL_TOKENS += [f"<row_{row}_col_{column}>" for row in (1, 2) for column in (1, 2)]
_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' }}"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}{{ '<image>' }}{% elif part['type'] == 'text' %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}{{ '<|im_end|>\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
_README = f"""# {NAME}

Made by `python -m captioning.assembled`: the words of SmolLM2-135M-Instruct behind a vision tower of random numbers
(seed {_SEED}). **It sees nothing; what it says about an image means nothing.** It exists to run the code of vision
models where no weights can be fetched.
"""


def assemble(folder: Path, text_model: Path | None = None) -> Path:
    """Write the checkpoint to `folder` unless it exists; `text_model` is a folder with SmolLM2 saved by transformers.

    Returns the folder. Raises `StageError` if it cannot be written or the text model's package is not installed.
    """
    folder = folder.expanduser()
    if (folder / "config.json").is_file():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        _write(text_model or unpacked(DEFAULT_CACHE), scratch)
        os.rename(scratch, folder)
    except OSError as error:
        if not (folder / "config.json").is_file():  # else another process wrote it first
            raise StageError(f"cannot write the assembled model to {folder}: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


def _write(text_model: Path, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, Idefics3ForConditionalGeneration

    tokenizer: Any = AutoTokenizer.from_pretrained(text_model, local_files_only=True)
    tokenizer.add_special_tokens({"additional_special_tokens": _SPECIAL_TOKENS})
    text: Any = AutoModelForCausalLM.from_pretrained(text_model, dtype=torch.bfloat16, local_files_only=True)
    torch.manual_seed(_SEED)
    text.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model: Any = Idefics3ForConditionalGeneration(_config(text.config, tokenizer)).to(torch.bfloat16)
    model.model.text_model.load_state_dict(text.model.state_dict())
    model.tie_weights()
    model.generation_config = GenerationConfig(eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    model.save_pretrained(folder)
    _processor(tokenizer).save_pretrained(folder)
    (folder / "README.md").write_text(_README)


def _config(text: Any, tokenizer: Any) -> Any:
    from transformers import Idefics3Config

    vision = {
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": TILE,
        "patch_size": PATCH,
    }
    words = {"vocab_size": len(tokenizer), "_name_or_path": NAME}
    return Idefics3Config(
        text_config=json.loads(text.to_json_string(use_diff=False)) | words,
        vision_config=vision,
        image_token_id=tokenizer.convert_tokens_to_ids(_IMAGE),
        scale_factor=SCALE,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
    )


def _processor(tokenizer: Any) -> Any:
    from transformers import Idefics3ImageProcessor, Idefics3Processor

    sizes = {"size": {"longest_edge": 2 * TILE}, "max_image_size": {"longest_edge": TILE}}
    return Idefics3Processor(
        Idefics3ImageProcessor(do_image_splitting=True, **sizes),
        tokenizer,
        image_seq_len=TOKENS_PER_TILE,
        chat_template=_TEMPLATE,
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="build a vision model that sees nothing, for trial runs")
    parser.add_argument("folder", type=Path)
    print(assemble(parser.parse_args().folder))
