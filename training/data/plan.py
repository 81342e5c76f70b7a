"""Which samples train in which step: a pure function of the selection, the seed, the epoch and the stage.

Shards are shuffled, and the samples of a few of them at a time are mixed and packed, so that few tars are read at a
time. Packs follow one another, `packs_per_step` to a step, whatever the number of ranks; only dealing them out
(deal.py) knows of ranks. Every sample of weight 1 stands in exactly one pack of an epoch.

    python -m pytest tests/training/data/test_plan.py
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError
from schemas.ids import digest
from training.config import StageConfig
from training.data.packing import Packs, Room, join, pack
from training.data.selection import Selection

# Shards mixed at a time: with 256 samples each some 4,000 samples, thousands of times a pack.
WINDOW_SHARDS = 16

Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class EpochPlan:
    """The packs of one epoch (their items are rows of the index) and the first pack of each step, and the end."""

    packs: Packs
    step_starts: Array
    tokens: int
    pack_length: int

    @property
    def steps(self) -> int:
        """Steps of the epoch; the last one may hold fewer packs than the others."""
        return len(self.step_starts) - 1

    @property
    def fill(self) -> float:
        """Share of the packs' length that holds tokens."""
        return self.tokens / max(1, len(self.packs) * self.pack_length)


def plan_epoch(selection: Selection, stage: StageConfig, seed: int, epoch: int) -> EpochPlan:
    """Plan one epoch. Raises `ConfigError` where `image_share` cannot be held."""
    random = _generator(seed, stage.name, epoch)
    if stage.image_share is None or stage.image_share in (0, 1):
        copies = _copies(selection.weights, seed, stage.name, epoch)
        packs = _pack_windows(selection, copies, Room(stage.pack_length), random)
        starts = np.arange(0, len(packs) + stage.packs_per_step, stage.packs_per_step)
        starts = np.minimum(starts[: -(-len(packs) // stage.packs_per_step) + 1], len(packs))
    else:
        packs, starts = _plan_share(selection, stage, stage.image_share, seed, epoch)
    tokens = int(selection.row_lengths[packs.items].sum())
    return EpochPlan(Packs(selection.rows[packs.items], packs.sizes), starts, tokens, stage.pack_length)


def _generator(seed: int, *key: object) -> np.random.Generator:
    return np.random.default_rng([seed, int(digest("plan", *key), 16)])


def _copies(weights: NDArray[np.float64], seed: int, stage: str, epoch: int) -> Array:
    """How often each sample stands in this epoch: over the epochs as near to epochs x weight as whole numbers can be.

    Weight 0.5 is every second epoch exactly; which ones, is drawn per sample, evenly over those of equal weight.
    """
    whole = np.floor(weights)
    part = weights - whole
    if part.any():
        order = np.lexsort((_generator(seed, stage, "phase").random(len(part)), part))
        counts = np.unique(part, return_counts=True)[1]
        phase = np.empty(len(part))
        phase[order] = (_place(counts) + 0.5) / np.repeat(counts, counts)
        whole += np.floor(part * (epoch + 1) + phase) - np.floor(part * epoch + phase)
    return whole.astype(np.int64)


def _place(counts: Array) -> Array:
    """0, 1, ... within each group, of groups that follow one another."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


def _windows(selection: Selection, copies: Array, random: np.random.Generator) -> list[Array]:
    """Places in the selection, repeated by `copies`, a few shards at a time, each window shuffled.

    The shards of a bucket are spread evenly over the epoch, so every window has about the mixture of the whole.
    """
    items = np.repeat(np.arange(len(selection)), copies)
    shard, bucket = selection.index.shard[selection.rows[items]], selection.index.bucket[selection.rows[items]]
    starts = np.flatnonzero(np.diff(shard, prepend=-1))
    ends = np.append(starts[1:], len(items))
    bucket = bucket[starts]
    order = np.lexsort((random.random(len(starts)), bucket))
    counts = np.bincount(bucket, minlength=1)
    when = (_place(counts) + random.random(len(starts))) / counts[bucket[order]]
    order = order[np.argsort(when, kind="stable")]
    windows = [order[first : first + WINDOW_SHARDS] for first in range(0, len(order), WINDOW_SHARDS)]
    return [
        random.permutation(np.concatenate([items[starts[one] : ends[one]] for one in window])) for window in windows
    ]


def _pack_windows(selection: Selection, copies: Array, room: Room, random: np.random.Generator) -> Packs:
    """Pack window after window; the last pack of each, which is seldom full, is opened again in the next."""
    lengths = selection.row_lengths
    found: list[Packs] = []
    rest = np.zeros(0, np.int64)
    windows = _windows(selection, copies, random)
    for number, window in enumerate(windows):
        items = np.concatenate([rest, window])
        packs = pack(items, lengths[items], room)
        kept = len(packs) - (number < len(windows) - 1)
        rest = packs.items[packs.starts[kept] :]
        found.append(packs.take(random.permutation(kept)))
    return join(found)


def _plan_share(selection: Selection, stage: StageConfig, share: float, seed: int, epoch: int) -> tuple[Packs, Array]:
    """Packs of clips that leave room for images, then images into them, so that every step has its share of them.

    Images are thinned or repeated evenly until there are as many as the clips of the epoch ask for.
    """
    random = _generator(seed, stage.name, epoch)
    images = selection.row_images
    if images.all() or not images.any():
        kind = "clip" if images.all() else "image"
        raise ConfigError(f"stage {stage.name}: image_share is {share:g}, but no {kind} is left; set it to null")
    ratio, longest = share / (1 - share), int(selection.row_lengths[images].max())
    copies = _copies(np.where(images, 0, selection.weights), seed, stage.name, epoch)
    clips = _pack_windows(selection, copies, Room(stage.pack_length, ratio, longest), random)
    wanted = _rounded(ratio * len(clips.items))
    weights = np.where(images, selection.weights, 0)
    thinned = _copies(weights * (wanted / weights.sum()), seed, stage.name, epoch)
    queue = np.concatenate([*_windows(selection, thinned, random), np.zeros(0, np.int64)])
    queue = np.resize(queue if len(queue) else np.flatnonzero(images), wanted)
    used = np.add.reduceat(selection.row_lengths[clips.items], clips.starts[:-1])
    filled, starts = _fill_steps(clips.sizes, (stage.pack_length - used) // longest, stage, ratio, longest)
    return _merge(clips.items, queue, filled), starts


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


def _fill_steps(sizes: Array, slots: Array, stage: StageConfig, ratio: float, longest: int) -> tuple[Array, Array]:
    """Clips and images of every pack [packs, 2], and where the steps begin: greedily as many packs of clips to a step
    as leave room for their images, in their gaps (`slots`) or in packs of images alone."""
    alone = stage.pack_length // longest
    size_of, slots_of = sizes.tolist(), slots.tolist()
    packs: list[tuple[int, int]] = []
    starts = [0]
    first, done = 0, 0
    while first < len(size_of):
        count, clips, room, wanted = 0, 0, 0, 0
        while first + count < len(size_of) and count < stage.packs_per_step:
            more, gaps = clips + size_of[first + count], room + slots_of[first + count]
            asked = _rounded(ratio * (done + more)) - _rounded(ratio * done)
            if gaps + (stage.packs_per_step - count - 1) * alone < asked:
                break
            count, clips, room, wanted = count + 1, more, gaps, asked
        if not count:
            raise ConfigError(
                f"stage {stage.name}: {size_of[first]} clips ask for {_rounded(ratio * size_of[first])} images at "
                f"image_share {stage.image_share}, which {stage.packs_per_step} packs of {stage.pack_length} tokens do "
                "not hold; raise packs_per_step or pack_length, or lower image_share"
            )
        for place in range(first, first + count):
            taken = min(wanted, slots_of[place])
            packs.append((size_of[place], taken))
            wanted -= taken
        while wanted:
            packs.append((0, min(wanted, alone)))
            wanted -= packs[-1][1]
        starts.append(len(packs))
        first, done = first + count, done + clips
    return np.array(packs, np.int64).reshape(-1, 2), np.array(starts, np.int64)


def _merge(clips: Array, images: Array, counts: Array) -> Packs:
    """Clips and images in pack order: each pack's clips, then its images."""
    sizes = counts.sum(axis=1)
    merged = np.empty(int(sizes.sum()), np.int64)
    is_clip = np.repeat(np.tile([True, False], len(counts)), counts.ravel())
    merged[is_clip], merged[~is_clip] = clips, images
    return Packs(merged, sizes)
