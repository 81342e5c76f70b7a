"""Steps per CPU second from cached latents and from pixels, which are decoded and encoded again in every step.

Both sides are the whole path: the plan, the loader, the method and the trainer of a run. The VAE is a tiny
`AutoencoderKLCogVideoX` (77,000 parameters; the real one has 215 million), so the measured saving is a lower bound.

    from training.benchmarks.cached import run
    rows = run()
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pipeline.storage.store import Store
from training.benchmarks.made_shards import make_shards
from training.benchmarks.step import our_trainer
from training.benchmarks.timing import at_least, interleaved
from training.config import DataConfig, StageConfig, TrainConfig
from training.encoders.cogvideox_vae import open_vae
from training.encoders.minilm import MiniLM
from training.families.base import geometry_of
from training.latents.settings import CacheSettings, claim
from training.latents.source import plan_parts
from training.latents.write import LatentWriter
from training.loop.report import StepReport
from training.loop.source import DatasetSource
from training.loop.training_step import TrainingStep
from training.models.cogvideox.config import PRESETS
from training.models.cogvideox.model import CogVideoX, initialise
from training.parallel import World

HEADINGS = ("steps from", "CPU ms per step", "steps per CPU second, ratio to pixels", "aim")
_SIZES = replace(PRESETS["debug"], text_length=16)
_STAGE = StageConfig(name="bench", steps=1_000_000, pack_length=200)


@dataclass(frozen=True, slots=True)
class Side:
    """One way of training on a dataset."""

    steps: Iterator[TrainingStep]
    trainer: Any

    def step(self) -> StepReport:
        """Load and train the next step."""
        loaded = next(self.steps)
        report: StepReport = self.trainer.step(loaded, _STAGE, 0, loaded.packs[0].keys[0].step).report  # type: ignore[union-attr]
        return report


def make_sides(folder: Path, samples: int = 256) -> dict[str, Side]:
    """A dataset of small clips, its cache, and a model for each side with the same weights."""
    from diffusers import AutoencoderKLCogVideoX

    torch.manual_seed(0)
    network: Any = AutoencoderKLCogVideoX(block_out_channels=(8, 8, 8, 8), norm_num_groups=2, layers_per_block=1)
    network.save_pretrained(str(folder / "vae"))
    codec, text = open_vae(str(folder / "vae")), MiniLM(_SIZES.text_length)
    dataset, cache = folder / "dataset", folder / "cache"
    make_shards(dataset, samples, 4)
    settings = CacheSettings.of(codec, text, "float32")
    claim(Store(str(cache)), settings)
    parts = plan_parts(Store(str(dataset)), [_STAGE], settings)
    LatentWriter(Store(str(dataset)), Store(str(cache)), settings, codec, text).write(parts, lambda *_: None)
    sides = {}
    for name, latents in (("pixels", ""), ("cached latents", str(cache))):
        model = CogVideoX(_SIZES)
        initialise(model, seed=0)
        config = TrainConfig(stages=[_STAGE], data=DataConfig(workers=0, latents=latents))
        geometry, world = geometry_of(_SIZES, codec, text), World(0, 1, torch.device("cpu"))
        source = DatasetSource(config, str(dataset), (codec, text), geometry, _SIZES.width, world)
        sides[name] = Side(source.steps(0, 0), our_trainer(model, codec, text))
    return sides


def run(rounds: int = 15) -> list[Sequence[object]]:
    """Time the same steps on both sides, in `rounds` rounds."""
    with tempfile.TemporaryDirectory() as folder:
        sides = make_sides(Path(folder))
        cost = interleaved({name: side.step for name, side in sides.items()}, rounds)
    rows: list[Sequence[object]] = []
    for name, seconds in cost.items():
        ratio = cost["pixels"] / seconds
        aim = at_least(ratio, 1.0) if name != "pixels" else ""
        rows.append((name, f"{1000 * seconds:.0f}", f"{ratio:.2f}", aim))
    return rows
