"""A dataset's steps as the loop wants them: planned, dealt to this process, loaded ahead, and placed in the run.

just train demo
"""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count

import numpy as np

from schemas.errors import CutroomError
from training.config import DataConfig, StageConfig, TrainConfig
from training.data.captions import CaptionChoice
from training.data.deal import Dealt, deal
from training.data.index import SampleIndex
from training.data.loader import LoadedPack as ReadPack
from training.data.loader import Loader
from training.data.planned import PlannedPack
from training.data.reading import PixelReader, read_members
from training.data.selection import Selection, require_samples, resolve_rules, select
from training.data.shapes import ClipShape, Geometry
from training.data.steps import StepPlan, planned
from training.diffusion.places import Place
from training.encoders.base import TextEncoder, VideoCodec
from training.latents.reader import LatentReader
from training.loop.steps import LoadedPack, LoadedStep
from training.parallel import World

Encoders = tuple[VideoCodec, TextEncoder]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A step that the loader was asked for: its packs over all processes, and this process's."""

    number: int
    packs: tuple[PlannedPack, ...]
    mine: tuple[Dealt, ...]


class DatasetSource:
    """Training and held-out packs of one dataset, for one process. See `training.loop.steps.TrainingData`."""

    def __init__(
        self, config: TrainConfig, dataset: str, encoders: Encoders, geometry: Geometry, width: int, world: World
    ) -> None:
        self._config, self._dataset, self._geometry = config, dataset, geometry
        self._encoders, self._width, self._world = encoders, width, world
        self.train = SampleIndex.open(dataset, "train")
        self.held_out = SampleIndex.open(dataset, "val")

    def selection(self, stage: int) -> Selection:
        """What a stage trains."""
        one = self._config.stages[stage]
        rules = resolve_rules(one.rules, self.train)
        return select(self.train, one, self._geometry, rules, self._config.data.source_weights)

    @property
    def processes(self) -> int:
        """How many processes share the work."""
        return self._world.size

    @property
    def stages(self) -> Sequence[StageConfig]:
        """The stages whose data this is."""
        return self._config.stages

    def commonest_shape(self, stage: int) -> ClipShape:
        """The shape that most samples of a stage have; films before pictures. Raises `ConfigError` if none is left."""
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

    def steps(self, stage: int, first: int) -> Iterator[LoadedStep]:
        """Steps `first` and after it. Every process gets its packs of the same steps."""
        plan, asked = self.plan(stage), deque[_Asked]()
        before = sum(one.steps for one in self._config.stages[:stage])
        last = self._config.stages[stage].steps

        def dealt() -> Iterator[Dealt]:
            for step in range(first, last):
                packs = plan.packs(step)
                mine = deal(packs, self._world.size, self._width, step)[self._world.rank]
                asked.append(_Asked(step, packs, mine))
                yield from mine  # copies too: a step without a pack of this process would not be noticed

        data = self._config.data
        captions = CaptionChoice(
            shares={str(name): share for name, share in data.captions.items()},
            dropout=data.caption_dropout,
            seed=self._config.seed,
        )
        loaded = Loader(self._reader(captions), data).load(dealt())
        for step in range(first, last):
            started = time.perf_counter()
            found: list[ReadPack] = []
            # A step's packs are asked for before its first one comes, so the queue knows what belongs to it.
            while len(found) < (len(asked[0].mine) if asked else 1):
                found.append(next(loaded))
            waited = time.perf_counter() - started
            yield self._step(asked.popleft(), found, before + step, self._config.stages[stage], waited)

    def _step(
        self, asked: _Asked, found: Sequence[ReadPack], step: int, stage: StageConfig, waited: float
    ) -> LoadedStep:
        total = sum(len(pack.samples) for pack in asked.packs)
        firsts = np.cumsum([0, *(len(pack.samples) for pack in asked.packs)]).tolist()
        packs = [self._placed(pack, firsts[pack.dealt.number], step, total) for pack in found]
        tokens = sum(pack.tokens for pack in asked.packs)
        return LoadedStep(
            epoch=asked.packs[0].samples[0].epoch,
            packs=tuple(packs),
            samples=total,
            tokens=tokens,
            fill=tokens / (len(asked.packs) * stage.pack_length),
            waited=waited,
            skipped=tuple(one.sample_id for pack in found if pack.dealt.weight for one in pack.bad),
        )

    def _placed(self, pack: ReadPack, first: int, step: int, total: int) -> LoadedPack | None:
        """A pack with the places of its samples; None for a copy, and where nothing of it could be read."""
        if pack.batch is None or not pack.weight:
            return None
        kept = [(first + place, pack.dealt.pack.samples[place]) for place in pack.kept]
        seed = self._config.seed
        return LoadedPack(
            batch=pack.batch,
            places=tuple(
                Place(seed=seed, step=step, position=position, count=total, sample_id=one.sample_id)
                for position, one in kept
            ),
            lengths=tuple(one.tokens for _, one in kept),
        )

    def validation_packs(self, stage: int) -> Iterator[LoadedPack | None]:
        """Held-out clips at the stage's shapes with their dense captions, as many entries on every process."""
        packs = self._held_out_packs(stage)
        mine = deal(packs, self._world.size, self._width)[self._world.rank] if packs else ()
        captions = CaptionChoice(shares={"dense": 1.0}, dropout=0.0, seed=0)
        for pack in Loader(self._reader(captions), self._alone()).load(mine):
            yield self._placed(pack, 0, 0, 1)

    def validation_shapes(self, stage: int) -> list[str]:
        """All shapes of held-out clips in a stage."""
        return sorted({str(one.shape) for pack in self._held_out_packs(stage) for one in pack.samples})

    def _held_out_packs(self, stage: int) -> list[PlannedPack]:
        """Held-out clips, at most so many of each bucket, in packs of the stage's length."""
        one = self._config.stages[stage].model_copy(update={"image_share": None})
        chosen = select(self.held_out, one, self._geometry, resolve_rules(one.rules, self.train))
        seen: dict[int, int] = {}
        packs: list[PlannedPack] = []
        for row in chosen.rows.tolist():
            bucket = int(self.held_out.bucket[row])
            seen[bucket] = seen.get(bucket, 0) + 1
            if seen[bucket] > self._config.validation.max_clips:
                continue
            sample = planned(chosen, row)
            if packs and packs[-1].tokens + sample.tokens <= one.pack_length:
                packs[-1] = PlannedPack((*packs[-1].samples, sample))
            else:
                packs.append(PlannedPack((sample,)))
        return packs

    def held_out_captions(self, stage: int, wanted: int) -> list[str]:
        """Dense captions of the first held-out films that can be read, one per clip."""
        films = {one.clip_id: one for pack in self._held_out_packs(stage) for one in pack.samples if one.shape.fps}
        found: list[str] = []
        for one in films.values():
            if len(found) == wanted:
                break
            with suppress(CutroomError, OSError):
                found.append(read_members(self._dataset, one).captions.get("dense", ""))
        return [caption for caption in found if caption]

    def training_packs(self, stage: int, packs: int) -> Iterator[LoadedPack]:
        """The first packs of a stage's first epoch, for what is measured on training clips."""
        plan = self.plan(stage)
        every = (pack for step in count() for pack in plan.packs(step))
        some = [Dealt(0, number, pack, 1) for number, pack in zip(range(packs), every, strict=False)]
        captions = CaptionChoice(shares={"dense": 1.0}, dropout=0.0, seed=0)
        for pack in Loader(self._reader(captions), self._alone()).load(some):
            placed = self._placed(pack, 0, 0, 1)
            if placed is not None:
                yield placed

    def _reader(self, captions: CaptionChoice) -> PixelReader | LatentReader:
        if self._config.data.latents:
            codec, text = self._encoders
            return LatentReader(self._config.data.latents, captions, codec.identity, text.identity)
        return PixelReader(self._dataset, captions)

    def _alone(self) -> DataConfig:
        return self._config.data.model_copy(update={"workers": 0})
