"""The whole objective on 2,400 generated, captioned clips: a model that learnt from captions is told more by true ones.

For three seeds a small transformer is trained from scratch on 2,000 clips; the held-out loss of 400 others is measured
with their own captions and with one another's. Were the captions not used, or not the right ones, the two would agree.
"""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from training.config import OptimizerConfig, StageConfig
from training.data.batch import LatentBatch, LatentSample
from training.data.shapes import ClipShape
from training.diffusion.random_keys import RandomKey
from training.diffusion.schedule import VelocitySchedule
from training.encoders.linear import open_linear
from training.encoders.minilm import MiniLM
from training.families.cogvideox import CogVideoXFamily
from training.loop.optimizer import learning_rate, make_optimizer, set_learning_rate
from training.methods.diffusion import DiffusionMethod
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX, initialise

pytestmark = pytest.mark.slow

TRAIN, HELD_OUT, STEPS, BATCH = 2000, 400, 250, 40
SHAPE = ClipShape(32, 32, 9, 8.0)
COLOURS = {
    "red": (200, 30, 30),
    "green": (30, 170, 50),
    "blue": (40, 60, 200),
    "yellow": (220, 210, 40),
    "white": (240, 240, 240),
    "black": (15, 15, 15),
    "purple": (140, 40, 170),
    "orange": (240, 140, 20),
}
WAYS = {"left": (0, -1), "right": (0, 1), "up": (-1, 0), "down": (1, 0)}
LENGTH = 20
SIZES = CogVideoXConfig(heads=3, head_dim=32, layers=3, text_dim=384, text_length=LENGTH, time_embed_dim=64)


def draw_clip(random: np.random.Generator) -> tuple[np.ndarray, str]:
    """A square that moves over a ground: pixels [9, 32, 32, 3], and what happens."""
    pairs = [(a, b, way) for a, b, way in product(COLOURS, COLOURS, WAYS) if a != b]
    square, ground, way = pairs[random.integers(len(pairs))]
    pixels = np.empty((9, 32, 32, 3), np.uint8)
    pixels[:] = np.clip(np.array(COLOURS[ground]) + random.normal(0, 8, 3), 0, 255)
    start = 12 + random.integers(-3, 4, 2)
    for frame in range(9):
        top, left = np.clip(start + np.array(WAYS[way]) * (frame - 4), 0, 20)
        pixels[frame, top : top + 12, left : left + 12] = COLOURS[square]
    return pixels, f"a {square} square moves {way} over a {ground} ground"


@pytest.fixture(scope="module")
def clips() -> list[LatentSample]:
    codec, text, random = open_linear(), MiniLM(LENGTH), np.random.default_rng(0)
    states: dict[str, Tensor] = {}
    samples = []
    for number in range(TRAIN + HELD_OUT):
        pixels, caption = draw_clip(random)
        if caption not in states:
            states[caption] = text.encode([caption])[0]
        mean, std = codec.encode(pixels)
        name = f"clip-{number}"
        samples.append(
            LatentSample(sample_id=name, clip_id=name, shape=SHAPE, mean=mean, std=std, text=states[caption])
        )
    return samples


def keys(samples: list[LatentSample], seed: int, step: int) -> list[RandomKey]:
    return [
        RandomKey(seed=seed, step=step, position=number, count=len(samples), sample_id=sample.sample_id)
        for number, sample in enumerate(samples)
    ]


def train(clips: list[LatentSample], seed: int) -> DiffusionMethod:
    model = CogVideoX(SIZES)
    initialise(model, seed)
    method = DiffusionMethod(model, CogVideoXFamily(SIZES, VelocitySchedule(1.0)), open_linear(), MiniLM(LENGTH))
    config = OptimizerConfig(learning_rate=2e-3, warmup=20)
    stage = StageConfig(name="one", steps=STEPS, pack_length=10_000)
    optimizer, random = make_optimizer(model, config), np.random.default_rng(seed)
    for step in range(STEPS):
        chosen = [clips[number] for number in random.choice(TRAIN, BATCH, replace=False)]
        set_learning_rate(optimizer, learning_rate(config, stage, step))
        optimizer.zero_grad()
        losses = method.losses(LatentBatch(tuple(chosen)), keys(chosen, seed, step)).values
        losses.mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return method


@torch.no_grad()
def held_out_loss(method: DiffusionMethod, samples: list[LatentSample]) -> float:
    """Mean over 400 clips at four noise levels, with noise that depends on the clip alone."""
    total = 0.0
    for first in range(0, len(samples), BATCH):
        some = samples[first : first + BATCH]
        for timestep in (300, 500, 700, 900):
            losses = method.losses_at(LatentBatch(tuple(some)), keys(some, 0, -1), [timestep] * len(some))
            total += float(losses.values.sum())
    return total / (4 * len(samples))


@pytest.mark.timeout(900)
def test_true_captions_beat_shuffled_ones(clips: list[LatentSample]) -> None:
    torch.set_num_threads(2)
    held_out = clips[TRAIN:]
    # Each clip is given the caption of another one, which seldom says the same.
    strangers = [
        LatentSample(
            sample_id=sample.sample_id,
            clip_id=sample.clip_id,
            shape=SHAPE,
            mean=sample.mean,
            std=sample.std,
            text=other.text,
        )
        for sample, other in zip(held_out, held_out[1:] + held_out[:1], strict=True)
    ]
    gains = []
    for seed in range(3):
        method = train(clips, seed)
        true, shuffled = held_out_loss(method, held_out), held_out_loss(method, strangers)
        print(f"seed {seed}: held-out loss {true:.4f} with true captions, {shuffled:.4f} with shuffled ones")
        gains.append(shuffled - true)
    mean, spread = float(np.mean(gains)), float(np.std(gains, ddof=1))
    # Student's t for two degrees of freedom, 95 %: 4.303.
    assert mean - 4.303 * spread / np.sqrt(3) > 0, gains
