"""A run on made latents: a tiny transformer, a source whose steps depend on nothing but their number."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from training.checkpoints.folder import RunFolder
from training.config import CheckpointConfig, EmaConfig, OptimizerConfig, StageConfig, TrainConfig, ValidationConfig
from training.data.batch import LatentBatch, LatentSample
from training.data.shapes import ClipShape
from training.diffusion.places import Place
from training.diffusion.schedule import VelocitySchedule
from training.families.cogvideox import CogVideoXFamily
from training.loop.guard import Guard
from training.loop.optimizer import make_optimizer
from training.loop.run import Run
from training.loop.steps import LoadedPack, LoadedStep
from training.loop.trainer import Trainer
from training.methods.diffusion import DiffusionMethod
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX, initialise
from training.parallel import World, shard

SIZES = CogVideoXConfig(heads=2, head_width=16, layers=2, text_width=12, text_length=5, time_width=16)
SHAPES = (ClipShape(32, 32, 9, 8.0), ClipShape(48, 32, 1, 0.0), ClipShape(32, 48, 17, 8.0))
PACKS, PER_PACK = 2, 3


class NoCodec:
    """Stands where pixels would be encoded; latents need none."""

    name, identity, channels, spatial_stride, temporal_stride = "none", "none", 16, 8, 4

    def encode(self, pixels: NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
        raise AssertionError("latents are not encoded")

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        raise AssertionError("nothing is decoded here")


class NoText:
    """Text states come with the latents."""

    name, identity, width, length = "none", "none", 12, 5

    def encode(self, captions: Sequence[str]) -> Tensor:
        raise AssertionError("captions are encoded already")

    def count(self, caption: str) -> int:
        return len(caption.split())


def made_sample(number: int) -> LatentSample:
    shape = SHAPES[number % len(SHAPES)]
    generator = torch.Generator().manual_seed(number)
    size = (1 + (shape.frames - 1) // 4, 16, shape.height // 8, shape.width // 8)
    return LatentSample(
        sample_id=f"sample-{number}",
        clip_id=f"clip-{number}",
        shape=shape,
        mean=torch.randn(size, generator=generator) + 0.5,
        deviation=torch.full(size, 0.1),
        text=torch.randn(5, 12, generator=generator),
    )


def made_pack(numbers: Sequence[int], step: int, first: int, count: int) -> LoadedPack:
    samples = tuple(made_sample(number) for number in numbers)
    places = tuple(
        Place(seed=3, step=step, position=first + place, count=count, sample_id=one.sample_id)
        for place, one in enumerate(samples)
    )
    lengths = tuple(5 + one.mean[:, 0].numel() // 4 for one in samples)
    return LoadedPack(batch=LatentBatch(samples), places=places, lengths=lengths)


class MadeData:
    """Twelve samples, six a step, in two packs that are dealt to the processes in turn."""

    def __init__(self, world: World) -> None:
        self._world = world

    def steps(self, stage: int, first: int) -> Iterator[LoadedStep]:
        step = first + 100 * stage
        while True:
            order = np.random.default_rng(step).permutation(12)[: PACKS * PER_PACK]
            packs = [
                made_pack(order[PER_PACK * one : PER_PACK * (one + 1)].tolist(), step, PER_PACK * one, len(order))
                for one in range(PACKS)
            ]
            mine = tuple(packs[self._world.rank :: self._world.size])
            tokens = sum(sum(pack.lengths) for pack in packs)
            yield LoadedStep(epoch=step // 2, packs=mine, samples=len(order), tokens=tokens, fill=1.0, waited=0.0)
            step += 1

    def validation_packs(self, stage: int) -> list[LoadedPack | None]:
        packs = [made_pack([20 + one, 23 + one], 0, 0, 2) for one in range(3)]
        found: list[LoadedPack | None] = [*packs[self._world.rank :: self._world.size]]
        return found + [None] * (-(-3 // self._world.size) - len(found))

    def validation_shapes(self, stage: int) -> list[str]:
        return [str(shape) for shape in SHAPES]


def made_config(steps: int = 6, every: int = 2) -> TrainConfig:
    return TrainConfig(
        seed=3,
        optimizer=OptimizerConfig(learning_rate=1e-2, warmup=2),
        stages=[
            StageConfig(name="one", steps=steps, pack_length=1000, packs_per_step=PACKS),
            StageConfig(name="two", steps=2, pack_length=1000, packs_per_step=PACKS, learning_rate=1e-3),
        ],
        ema=EmaConfig(decay=0.9),
        checkpoint=CheckpointConfig(every=every, keep=2),
        validation=ValidationConfig(every=4, quantiles=3),
        loggers=[],
    )


def made_run(folder: Path, config: TrainConfig, world: World | None = None) -> Run:
    world = world or World(0, 1, torch.device("cpu"))
    torch.set_num_threads(1)
    model = CogVideoX(SIZES)
    initialise(model, config.seed)
    method = DiffusionMethod(model, CogVideoXFamily(SIZES, VelocitySchedule(1.0)), NoCodec(), NoText())
    shard(model, method.blocks(), world, config.parallel.replicas)
    optimizer = make_optimizer(model, config.optimizer)
    run_folder = RunFolder(folder)
    run_folder.begin(config, {"dataset": "made"})
    trainer = Trainer(method, optimizer, config.optimizer, world, Guard(folder, config.optimizer.spike).watch)
    return Run(config, run_folder, trainer, MadeData(world), world, lambda stage: nullcontext())
