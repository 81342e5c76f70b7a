"""Both sides of every benchmark of the trainer compute the same thing; how long they take is not tested.

python -m pytest tests/training/benchmarks
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.training.latents.dataset import make_dataset
from training.benchmarks import loader, plan
from training.benchmarks.cached import make_sides
from training.benchmarks.packing import Clips
from training.benchmarks.saving import Saver
from training.benchmarks.step import made_step, make_pair
from training.benchmarks.timing import at_least, at_most, interleaved
from training.checkpoints.checkpoint import find_fault
from training.config import StageConfig
from training.data.reading import Members, decode
from training.data.shapes import ClipShape
from training.diffusion.random_keys import draw_normal
from training.models.cogvideox.config import CogVideoXConfig, Positions

STAGE = StageConfig(name="test", steps=1000, pack_length=1000)


def small(positions: Positions = "rotary") -> CogVideoXConfig:
    return CogVideoXConfig(
        heads=2, head_dim=32, layers=2, text_dim=24, text_length=7, time_embed_dim=16, positions=positions
    )


def test_turns_run_every_side_once_more_than_is_counted() -> None:
    ran: list[str] = []
    cost = interleaved({"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}, 3)
    assert ran == ["a", "b"] * 4
    assert set(cost) == {"a", "b"}
    assert (at_least(1.2, 1.15), at_least(1.1, 1.15)) == (">= 1.15: reached", ">= 1.15: missed")
    assert (at_most(61, 60), at_most(3.9, 4)) == ("<= 60: missed", "<= 4: reached")


def test_packed_padded_and_single_clips_have_equal_losses_and_gradients() -> None:
    clips = Clips(small(), frames=(1, 2, 4))
    assert clips.tokens == 3 * 7 + 16 * 7
    assert clips.waste == pytest.approx(1 - clips.tokens / (3 * (7 + 16 * 4)))
    packed = clips.packed()
    gradients = [weight.grad.clone() for weight in clips.ours.parameters() if weight.grad is not None]
    assert torch.allclose(clips.padded(), packed, rtol=1e-5)
    theirs = dict(clips.theirs.named_parameters())
    for (name, _), ours in zip(clips.ours.named_parameters(), gradients, strict=True):
        assert torch.allclose(theirs[name].grad, ours, rtol=1e-3, atol=1e-6), name
    assert torch.allclose(clips.alone(), packed, rtol=1e-5)
    unmasked = clips.as_long_as_the_longest()
    assert torch.allclose(unmasked[-1], packed[-1], rtol=1e-5), "the longest clip has no padding"
    assert not torch.allclose(unmasked[0], packed[0], rtol=1e-2)


@pytest.mark.parametrize("positions", ["sincos", "rotary"])
def test_our_step_and_diffusers_loop_learn_the_same(positions: Positions) -> None:
    trainer, loop = make_pair(small(positions))
    for number in range(3):
        loaded = made_step(small(positions), 3, number, ClipShape(32, 48, 9, 8.0))
        (pack,) = loaded.packs
        assert pack is not None
        samples: Any = pack.batch.samples
        done = trainer.step(loaded, STAGE, 0, number)
        clean, text = trainer.method.encode(pack.batch, pack.keys)  # type: ignore[attr-defined]
        noise = torch.stack([draw_normal("noise", key, clean[0].shape) for key in pack.keys])
        timesteps = torch.tensor([sample.timestep for sample in done.trained])
        loss = loop.take(torch.stack(clean), torch.stack(text), noise, timesteps)
        assert loss == pytest.approx(done.report.loss, rel=1e-3)
    for name, weight in trainer.method.model.named_parameters():
        assert torch.allclose(weight, loop.model.get_parameter(name), atol=2e-5), name
    assert np.isfinite(loop.step(samples))


def levels_apart(first: NDArray[Any], other: NDArray[np.uint8]) -> float:
    """Mean difference of colours, 0 to 255."""
    assert first.shape == other.shape
    return float(np.abs(first.astype(np.float64) - other).mean())


def test_readers_give_the_same_pixels(tmp_path: Path) -> None:
    import webdataset

    dataset = make_dataset(tmp_path / "dataset")
    videos = 0
    for shard in sorted(dataset.glob("shards/*/*.tar")):
        width, height, frames = (int(part) for part in shard.parent.name.split("-")[0].split("x"))
        shape = ClipShape(width, height, frames, 0.0 if frames == 1 else 8.0)
        for sample in webdataset.WebDataset(str(shard), shardshuffle=False).decode():
            suffix = "mp4" if "mp4" in sample else "png"
            ours = decode(Members(suffix, sample[suffix], {}), shape)
            # Colours at half size are brought to full size in another way, hence a rounding apart.
            assert levels_apart(loader._plain_exact(sample, shape), ours) < (1 if suffix == "mp4" else 1e-9)
            assert levels_apart(loader._plain(sample, shape), ours) < 3
            scaled = loader._plain_float(sample, shape).permute(0, 2, 3, 1)
            assert levels_apart(scaled.add(1).mul(127.5).numpy(), ours) < 3
            videos += suffix == "mp4"
    assert videos == 5


def test_every_reader_reads_a_dataset(tmp_path: Path) -> None:
    rows = loader.run(str(make_dataset(tmp_path / "dataset")), rounds=1)
    readers = ["ours", "decoding alone, no pictures", "plain", "plain, exact colours", "plain, float32"]
    assert [row[0] for row in rows] == readers * 2


def test_cached_latents_and_pixels_train_the_same(tmp_path: Path) -> None:
    sides = make_sides(tmp_path, samples=16)
    for _ in range(3):
        pixels, cached = (side.step() for side in sides.values())
        assert cached.tokens == pixels.tokens
        assert cached.loss == pytest.approx(pixels.loss, rel=1e-4)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_saver_leaves_sound_checkpoints(tmp_path: Path, asynchronous: bool) -> None:
    saver = Saver(tmp_path, asynchronous, small())
    assert saver.save() > 0
    (folder,) = tmp_path.glob("step-*")
    assert find_fault(folder) is None


def test_a_plan_is_measured() -> None:
    assert [row[1] for row in plan.run(20_000)] == ["as it is", "0.3"]
