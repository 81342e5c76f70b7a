"""The samples of one bucket for any torch loop: decoded, captioned, and in the order of the trainer's plan.

    samples = cutroom.training_samples("datasets/demo", "384x256x33@8", seed=7)
    for batch in torch.utils.data.DataLoader(samples, batch_size=4, num_workers=2):
        batch["pixels"]      # uint8 [4, 33, 256, 384, 3]

An epoch's order hangs on the seed and the epoch alone: shards are shuffled, and a few at a time are mixed.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from schemas.bucket import Bucket
from schemas.errors import BucketError, ConfigError
from schemas.nearest import did_you_mean
from training.config import StageConfig
from training.data.captions import CaptionChoice
from training.data.index import SampleIndex
from training.data.plan import plan_epoch
from training.data.reading import PixelReader
from training.data.selection import Selection, require_samples, resolve_rules, select
from training.data.shapes import Geometry
from training.data.step_plan import planned

_LONGEST = 1 << 40  # tokens of a pack that holds whatever there is


class TrainingSample(TypedDict):
    """A sample as it is trained: `pixels` are RGB, uint8 [frames, height, width, 3]; `fps` is 0 for a picture."""

    sample_id: str
    caption: str
    pixels: Tensor
    fps: float


class TrainingSamples(IterableDataset[TrainingSample]):
    """The samples of a bucket; `set_epoch` gives the next pass another order and, by their shares, other captions."""

    def __init__(
        self,
        uri: str,
        bucket: str,
        split: str = "train",
        captions: Mapping[str, float] | None = None,
        rules: Sequence[str] = (),
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if not 0 <= rank < world:
            raise ConfigError(f"rank {rank} of {world}: ranks are 0 to world - 1")
        self._stage = _stage(Bucket.parse(bucket), rules)
        self._selection = _select(uri, bucket, split, self._stage)
        self._read = PixelReader(uri, CaptionChoice(shares=dict(captions or {"dense": 1.0}), dropout=0.0, seed=seed))
        self._seed, self._rank, self._world = seed, rank, world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch, from 0, before the pass begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Samples of a pass, the same on every process: what does not divide by their number is left out."""
        return len(self._selection) // self._world

    def __iter__(self) -> Iterator[TrainingSample]:
        """This process's samples in order; its loader's workers take turns. Raises `MediaError` for unreadable ones."""
        items = plan_epoch(self._selection, self._stage, self._seed, self.epoch).packs.items
        mine = items[: len(self) * self._world][self._rank :: self._world]
        worker = get_worker_info()
        turn, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        for row in mine[turn::workers].tolist():
            sample = self._read(planned(self._selection, row, self.epoch))
            yield TrainingSample(
                sample_id=sample.sample_id,
                caption=sample.caption,
                pixels=torch.from_numpy(sample.pixels),
                fps=float(sample.shape.fps),
            )


def _stage(bucket: Bucket, rules: Sequence[str]) -> StageConfig:
    """A stage that shows the bucket's samples as they are."""
    seconds = max(bucket.seconds, 1.0)
    side = min(bucket.width, bucket.height)
    return StageConfig(
        name="samples", steps=1, short_side=side, max_seconds=seconds, pack_length=_LONGEST, rules=list(rules)
    )


def _select(uri: str, bucket: str, split: str, stage: StageConfig) -> Selection:
    index = SampleIndex.open(uri, split)
    names = [str(one) for one in index.buckets]
    name = str(Bucket.parse(bucket))
    if name not in names:
        raise BucketError(f"{uri} has no {split} samples of {name}; {did_you_mean(name, names)}")
    resolved = resolve_rules(stage.rules, SampleIndex.open(uri, "train") if stage.rules else index)
    found = select(index, stage, Geometry(), resolved)
    here = index.bucket[found.rows] == names.index(name)
    chosen = replace(found, rows=found.rows[here], weights=np.asarray(found.weights[here], np.float64))
    require_samples(chosen, stage)
    return chosen
