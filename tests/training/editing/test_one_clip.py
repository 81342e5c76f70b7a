"""Steps of one clip: the same latents, other noise, and the same numbers from whichever step they are asked."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch

from tests.films import moving, texture
from training.config import StageConfig
from training.data.batch import LatentSample
from training.data.shapes import Geometry
from training.diffusion.random_keys import draw_normal
from training.editing.one_clip import OneClip
from training.editing.source_clip import SourceClip
from training.encoders.linear_frames import open_linear_frames
from training.loop.training_step import TrainingStep
from training.recipes import load_training


class Letters:
    name, identity, hidden_size, length = "letters", "letters", 3, 4

    def encode(self, captions: Sequence[str]) -> torch.Tensor:
        return torch.stack([torch.full((4, 3), float(len(caption))) for caption in captions])

    def count(self, caption: str) -> int:
        return len(caption)


def one_clip() -> OneClip:
    pixels = np.stack(list(moving(texture(1), 6, (64, 48))))
    config = load_training(recipe="tune-a-video")
    second = StageConfig(name="more", steps=3, pack_length=1)
    config = config.model_copy(update={"stages": [*config.stages, second]})
    geometry = Geometry(temporal_stride=1, text_length=0)
    return OneClip.encode(
        config, SourceClip(name="x", pixels=pixels, fps=8), "cat", (open_linear_frames(), Letters()), geometry
    )


def steps_of(steps: list[TrainingStep]) -> list[int]:
    return [pack.keys[0].step for step in steps for pack in step.packs if pack]


def test_the_clip_is_encoded_once_and_counted() -> None:
    data = one_clip()
    (step,) = islice(data.steps(0, 0), 1)
    assert data.sample.mean.shape == (6, 16, 6, 8)
    assert data.sample.text.eq(3).all()
    assert (step.tokens, step.samples, step.fill) == (6 * 3 * 4, 1, 1.0)
    pack = step.packs[0]
    assert pack is not None
    assert pack.batch.samples == (data.sample,)
    assert isinstance(pack.batch.samples[0], LatentSample)


def test_steps_go_on_from_any_and_each_has_noise_of_its_own() -> None:
    data = one_clip()
    assert steps_of(list(islice(data.steps(0, 0), 4))) == [0, 1, 2, 3]
    assert steps_of(list(islice(data.steps(0, 2), 2))) == [2, 3]
    assert steps_of(list(islice(data.steps(1, 1), 2))) == [501, 502]
    first, second = (step.packs[0] for step in islice(data.steps(0, 0), 2))
    assert first is not None
    assert second is not None
    assert not torch.equal(*(draw_normal("noise", pack.keys[0], (4,)) for pack in (first, second)))


def test_it_is_validated_on_itself() -> None:
    data = one_clip()
    (pack,) = data.validation_packs(0)
    assert pack is not None
    assert [str(sample.shape) for sample in pack.batch.samples] == data.validation_shapes(0) == ["64x48x6@8"]
