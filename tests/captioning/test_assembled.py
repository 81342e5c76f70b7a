"""The assembled vision model loads in transformers, takes one and three pictures, and says what it is."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from captioning.assembled import NAME, TOKENS_PER_TILE, assemble


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(tmp_path_factory.mktemp("models") / "sees-nothing")


def test_it_is_labelled_and_made_once(folder: Path) -> None:
    assert "sees nothing" in (folder / "README.md").read_text()
    assert NAME in (folder / "config.json").read_text()
    before = (folder / "model.safetensors").stat().st_mtime_ns
    assert assemble(folder) == folder
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    assert (folder / "model.safetensors").stat().st_size < 300 << 20


def test_it_answers_questions_about_one_and_about_three_pictures(folder: Path) -> None:
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
    pixels = np.random.default_rng(0).integers(0, 255, (180, 320, 3), dtype=np.uint8)
    lengths = []
    for count in (1, 3):
        chat = [{"role": "user", "content": [{"type": "image"}] * count + [{"type": "text", "text": "What is it?"}]}]
        prompt = processor.apply_chat_template(chat, tokenize=False, add_generation_prompt=True)
        inputs = processor(text=prompt, images=[Image.fromarray(pixels)] * count, return_tensors="pt")
        seen = int((inputs["input_ids"] == model.config.image_token_id).sum())
        assert seen == count * 5 * TOKENS_PER_TILE  # two by two tiles and the whole picture
        with torch.inference_mode():
            tokens = model.generate(**inputs, max_new_tokens=4, do_sample=False)
        assert tokens.shape[1] > inputs["input_ids"].shape[1]
        lengths.append(inputs["input_ids"].shape[1])
    assert lengths[1] > lengths[0]
