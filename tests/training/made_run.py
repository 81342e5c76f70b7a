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
from training.diffusion.random_keys import RandomKey
from training.diffusion.schedule import VelocitySchedule
from training.families.cogvideox import CogVideoXFamily
from training.loop.guard import Guard
from training.loop.optimizer import make_optimizer
from training.loop.run import Run
from training.loop.trainer import Trainer
from training.loop.training_step import TrainingPack, TrainingStep
from training.methods.diffusion import DiffusionMethod
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX, initialise
from training.parallel import World, shard

SIZES = CogVideoXConfig(heads=2, head_dim=16, layers=2, text_dim=12, text_length=5, time_embed_dim=16)
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

    name, identity, hidden_size, length = "none", "none", 12, 5

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
        std=torch.full(size, 0.1),
        text=torch.randn(5, 12, generator=generator),
    )


def made_pack(numbers: Sequence[int], step: int, first: int, count: int) -> TrainingPack:
    samples = tuple(made_sample(number) for number in numbers)
    keys = tuple(
        RandomKey(seed=3, step=step, position=first + position, count=count, sample_id=sample.sample_id)
        for position, sample in enumerate(samples)
    )
    lengths = tuple(5 + sample.mean[:, 0].numel() // 4 for sample in samples)
    return TrainingPack(batch=LatentBatch(samples), keys=keys, lengths=lengths)


class MadeData:
    """Twelve samples, six a step, in two packs that are dealt to the processes in turn."""

    def __init__(self, world: World) -> None:
        self._world = world

    def steps(self, stage: int, first: int) -> Iterator[TrainingStep]:
        step = first + 100 * stage
        while True:
            order = np.random.default_rng(step).permutation(12)[: PACKS * PER_PACK]
            packs = [
                made_pack(
                    order[PER_PACK * number : PER_PACK * (number + 1)].tolist(), step, PER_PACK * number, len(order)
                )
                for number in range(PACKS)
            ]
            mine = tuple(packs[self._world.rank :: self._world.size])
            tokens = sum(sum(pack.lengths) for pack in packs)
            yield TrainingStep(epoch=step // 2, packs=mine, samples=len(order), tokens=tokens, fill=1.0, waited=0.0)
            step += 1

    def validation_packs(self, stage: int) -> list[TrainingPack | None]:
        packs = [made_pack([20 + number, 23 + number], 0, 0, 2) for number in range(3)]
        own: list[TrainingPack | None] = [*packs[self._world.rank :: self._world.size]]
        return own + [None] * (-(-3 // self._world.size) - len(own))

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
