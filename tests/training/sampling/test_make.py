"""Prompts become files that tell how they were made; equal orders give equal bytes."""

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from schemas.errors import ConfigError
from training.config import SamplingConfig
from training.data.shapes import ClipShape
from training.diffusion.schedule import VelocitySchedule
from training.families.cogvideox import CogVideoXFamily
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX
from training.sampling.make import LoadedModel, SamplingRequest, make_clips, write_samples


class Blocks:
    """A codec whose latents are colours: 16 channels, of which three are red, green and blue of a block."""

    name, identity, channels, spatial_stride, temporal_stride = "linear codec", "blocks", 16, 8, 4

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        raise AssertionError("nothing is encoded here")

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        frames = torch.cat([latents[:1], latents[1:].repeat_interleave(4, 0)])[:, :3]
        blocks = (frames * 64 + 128).clamp(0, 255).byte().permute(0, 2, 3, 1)
        pixels: NDArray[np.uint8] = blocks.repeat_interleave(8, 1).repeat_interleave(8, 2).numpy()
        return pixels


class Letters:
    """A text encoder that knows how long a caption is."""

    name, identity, hidden_size, length = "letters", "letters", 24, 5

    def encode(self, captions: Sequence[str]) -> Tensor:
        return torch.tensor([float(len(caption)) for caption in captions])[:, None, None].expand(-1, 5, 24) / 10

    def count(self, caption: str) -> int:
        return len(caption)


def loaded() -> LoadedModel:
    torch.manual_seed(0)
    model = CogVideoX(CogVideoXConfig(heads=2, head_dim=32, layers=1, text_dim=24, time_embed_dim=16))
    return LoadedModel(
        model=model,
        family=CogVideoXFamily(model.config, VelocitySchedule(3.0)),
        codec=Blocks(),
        text=Letters(),
        checkpoint="run a, step 40",
    )


ORDER = SamplingRequest(
    prompts=["a red car", 'two <b>"dogs"</b> 🐕'],
    shape=ClipShape(64, 32, 9, 8.0),
    settings=SamplingConfig(steps=3),
    seed=5,
)


def test_samples_become_films_a_sheet_and_the_story_of_their_making(tmp_path: Path) -> None:
    model = loaded()
    clips = make_clips(model, ORDER)
    assert [clip.shape for clip in clips] == [(9, 32, 64, 3)] * 2
    write_samples(tmp_path / "out", model, ORDER, clips)
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "000.mp4", "001.mp4", "samples.json", "sheet.png",
    ]  # fmt: skip
    with cast(Any, av.open(io.BytesIO((tmp_path / "out/000.mp4").read_bytes()))) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(64, 32)] * 9
    assert float(frames[-1].time) == pytest.approx(1.0)
    facts = json.loads((tmp_path / "out/samples.json").read_text())
    assert facts["codec"] == "linear codec"
    assert (facts["seed"], facts["steps"], facts["checkpoint"], facts["grid"]) == (5, 3, "run a, step 40", "slice")
    assert [entry["prompt"] for entry in facts["samples"]] == ORDER.prompts
    assert facts["model"].startswith("Model: CogVideoX, ")
    assert facts["model"].endswith(" weights, as published.")
    assert "A model of this size shows that every part works" in facts["expect"]
    assert Image.open(tmp_path / "out/sheet.png").width > 6 * 192
    before = (tmp_path / "out/001.mp4").read_bytes()
    write_samples(tmp_path / "again", model, ORDER, make_clips(model, ORDER))
    assert (tmp_path / "again/001.mp4").read_bytes() == before


def test_a_picture_is_written_as_a_picture(tmp_path: Path) -> None:
    order = replace(ORDER, shape=ClipShape(32, 32, 1, 0.0), prompts=["a stone"])
    write_samples(tmp_path, loaded(), order, make_clips(loaded(), order))
    assert Image.open(tmp_path / "000.png").size == (32, 32)


def test_encoders_of_another_model_and_orders_without_prompts_are_refused() -> None:
    model = loaded()
    narrow = Letters()
    narrow.hidden_size = 12
    with pytest.raises(ConfigError, match="embeddings of letters have 12 dimensions, the model takes 24"):
        replace(model, text=narrow)
    few = Blocks()
    few.channels = 4
    with pytest.raises(ConfigError, match="linear codec has 4 channels, the model takes 16"):
        replace(model, codec=few)
    with pytest.raises(ConfigError, match="no prompts"):
        replace(ORDER, prompts=[])
