"""A dataset's training steps: planned, distributed to this process, and loaded ahead.

source = DatasetSource(config, "datasets/demo", (codec, text_encoder), geometry, width, world)
for step in source.steps(stage=0, first=0):
    ...
"""

import itertools
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from schemas.errors import CutroomError
from training.config import DataConfig, StageConfig, TrainConfig
from training.data.captions import CaptionChoice
from training.data.distribute import RankPack, distribute
from training.data.index import SampleIndex
from training.data.loader import Loader, ReadPack
from training.data.planned import PlannedPack
from training.data.reading import PixelReader, read_members
from training.data.selection import Selection, require_samples, resolve_rules, select
from training.data.shapes import ClipShape, Geometry
from training.data.step_plan import StepPlan, planned
from training.diffusion.random_keys import RandomKey
from training.encoders.base import TextEncoder, VideoCodec
from training.latents.reader import LatentReader
from training.loop.training_step import TrainingPack, TrainingStep
from training.parallel import World

Encoders = tuple[VideoCodec, TextEncoder]


@dataclass(frozen=True, slots=True)
class _Requested:
    """A step requested from the loader: its packs over all processes, and this process's own."""

    number: int
    packs: tuple[PlannedPack, ...]
    own: tuple[RankPack, ...]


class DatasetSource:
    """Training and held-out packs of one dataset, for one process. See `training.loop.training_step.TrainingData`."""

    def __init__(
        self, config: TrainConfig, dataset: str, encoders: Encoders, geometry: Geometry, width: int, world: World
    ) -> None:
        self._config, self._dataset, self._geometry = config, dataset, geometry
        self._encoders, self._width, self._world = encoders, width, world
        self.train = SampleIndex.open(dataset, "train")
        self.held_out = SampleIndex.open(dataset, "val")

    def selection(self, stage: int) -> Selection:
        """The samples that a stage trains."""
        stage_config = self._config.stages[stage]
        rules = resolve_rules(stage_config.rules, self.train)
        return select(self.train, stage_config, self._geometry, rules, self._config.data.source_weights)

    @property
    def processes(self) -> int:
        """Number of processes."""
        return self._world.size

    @property
    def stages(self) -> Sequence[StageConfig]:
        """The stages of the configuration."""
        return self._config.stages

    def commonest_shape(self, stage: int) -> ClipShape:
        """A stage's most frequent shape, clips before images. Raises `ConfigError` if the stage has no samples."""
        chosen = self.selection(stage)
        require_samples(chosen, self._config.stages[stage])
        counts = np.bincount(chosen.index.bucket[chosen.rows], minlength=len(chosen.shapes))
        best: int = max(
            np.flatnonzero(counts).tolist(), key=lambda code: (chosen.shapes[code].frames > 1, counts[code])
        )
        return chosen.shapes[best]

    def plan(self, stage: int) -> StepPlan:
        """The packs of a stage's steps."""
        return StepPlan(self.selection(stage), self._config.stages[stage], self._config.seed)

    def steps(self, stage: int, first: int) -> Iterator[TrainingStep]:
        """See `StepSource`. Every process gets its own packs of the same steps."""
        plan, requested = self.plan(stage), deque[_Requested]()
        before = sum(config.steps for config in self._config.stages[:stage])
        last = self._config.stages[stage].steps

        def own_packs() -> Iterator[RankPack]:
            for step in range(first, last):
                packs = plan.packs(step)
                own = distribute(packs, self._world.size, self._width, step)[self._world.rank]
                requested.append(_Requested(step, packs, own))
                yield from own  # copies too: a step without a pack of this process would be missed

        data = self._config.data
        captions = CaptionChoice(
            shares={str(name): share for name, share in data.captions.items()},
            dropout=data.caption_dropout,
            seed=self._config.seed,
        )
        loaded = Loader(self._reader(captions), data).load(own_packs())
        for step in range(first, last):
            started = time.perf_counter()
            read: list[ReadPack] = []
            # A step's packs are requested before its first one arrives, so the queue holds the step by then.
            while len(read) < (len(requested[0].own) if requested else 1):
                read.append(next(loaded))
            waited = time.perf_counter() - started
            yield self._step(requested.popleft(), read, before + step, self._config.stages[stage], waited)

    def _step(
        self, requested: _Requested, read: Sequence[ReadPack], step: int, stage: StageConfig, waited: float
    ) -> TrainingStep:
        total = sum(len(pack.samples) for pack in requested.packs)
        firsts = np.cumsum([0, *(len(pack.samples) for pack in requested.packs)]).tolist()
        packs = [self._with_keys(pack, firsts[pack.planned.number], step, total) for pack in read]
        tokens = sum(pack.tokens for pack in requested.packs)
        return TrainingStep(
            epoch=requested.packs[0].samples[0].epoch,
            packs=tuple(packs),
            samples=total,
            tokens=tokens,
            fill=tokens / (len(requested.packs) * stage.pack_length),
            waited=waited,
            skipped=tuple(sample.sample_id for pack in read if pack.planned.weight for sample in pack.bad),
        )

    def _with_keys(self, pack: ReadPack, first: int, step: int, total: int) -> TrainingPack | None:
        """A pack with its samples' random keys; None for a copy, and if none of its samples could be read."""
        if pack.batch is None or not pack.weight:
            return None
        kept = [(first + index, pack.planned.pack.samples[index]) for index in pack.kept]
        seed = self._config.seed
        return TrainingPack(
            batch=pack.batch,
            keys=tuple(
                RandomKey(seed=seed, step=step, position=position, count=total, sample_id=sample.sample_id)
                for position, sample in kept
            ),
            lengths=tuple(sample.tokens for _, sample in kept),
        )

    def validation_packs(self, stage: int) -> Iterator[TrainingPack | None]:
        """See `TrainingData`; with dense captions."""
        packs = self._held_out_packs(stage)
        own = distribute(packs, self._world.size, self._width)[self._world.rank] if packs else ()
        captions = CaptionChoice(shares={"dense": 1.0}, dropout=0.0, seed=0)
        for pack in Loader(self._reader(captions), self._without_workers()).load(own):
            yield self._with_keys(pack, 0, 0, 1)

    def validation_shapes(self, stage: int) -> list[str]:
        """See `TrainingData`."""
        return sorted({str(sample.shape) for pack in self._held_out_packs(stage) for sample in pack.samples})

    def _held_out_packs(self, stage: int) -> list[PlannedPack]:
        """Held-out clips, at most `validation.max_clips` per bucket, in packs of the stage's length."""
        config = self._config.stages[stage].model_copy(update={"image_share": None})
        chosen = select(self.held_out, config, self._geometry, resolve_rules(config.rules, self.train))
        counts: dict[int, int] = {}
        packs: list[PlannedPack] = []
        for row in chosen.rows.tolist():
            bucket = int(self.held_out.bucket[row])
            counts[bucket] = counts.get(bucket, 0) + 1
            if counts[bucket] > self._config.validation.max_clips:
                continue
            sample = planned(chosen, row)
            if packs and packs[-1].tokens + sample.tokens <= config.pack_length:
                packs[-1] = PlannedPack((*packs[-1].samples, sample))
            else:
                packs.append(PlannedPack((sample,)))
        return packs

    def held_out_captions(self, stage: int, count: int) -> list[str]:
        """Dense captions of the first `count` held-out clips that can be read, one per clip."""
        videos = {
            sample.clip_id: sample
            for pack in self._held_out_packs(stage)
            for sample in pack.samples
            if sample.shape.fps
        }
        captions: list[str] = []
        for video in videos.values():
            if len(captions) == count:
                break
            with suppress(CutroomError, OSError):
                captions.append(read_members(self._dataset, video).captions.get("dense", ""))
        return [caption for caption in captions if caption]

    def training_packs(self, stage: int, packs: int) -> Iterator[TrainingPack]:
        """The first `packs` packs of a stage, for measurements on training clips."""
        plan = self.plan(stage)
        planned_packs = (pack for step in itertools.count() for pack in plan.packs(step))
        first_packs = [RankPack(0, number, pack, 1) for number, pack in zip(range(packs), planned_packs, strict=False)]
        captions = CaptionChoice(shares={"dense": 1.0}, dropout=0.0, seed=0)
        for pack in Loader(self._reader(captions), self._without_workers()).load(first_packs):
            training_pack = self._with_keys(pack, 0, 0, 1)
            if training_pack is not None:
                yield training_pack

    def _reader(self, captions: CaptionChoice) -> PixelReader | LatentReader:
        if self._config.data.latents:
            codec, text = self._encoders
            return LatentReader(self._config.data.latents, captions, codec.identity, text.identity)
        return PixelReader(self._dataset, captions)

    def _without_workers(self) -> DataConfig:
        return self._config.data.model_copy(update={"workers": 0})
