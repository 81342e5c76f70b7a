"""Plans which samples train in which step: a pure function of the selection, the seed, the epoch and the stage.

Groups of samples that a full shard holds are shuffled, and the samples of a few groups at a time are mixed and packed,
so that few tars are read at a time. Which shards hold them is no part of the plan: it is the same before and after
`just compact`. Each step takes the next `packs_per_step` packs, whatever the number of ranks; only `distribute` depends
on ranks. Every sample of weight 1 is in exactly one pack of an epoch.

    plan = plan_epoch(selection, stage, seed=0, epoch=0)
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError
from schemas.ids import digest
from training.config import StageConfig
from training.data.packing import Capacity, Packs, join, pack
from training.data.selection import Selection

# Groups mixed at a time: about 4,000 samples, many times more than a pack holds.
WINDOW_SHARDS = 16

Array = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class EpochPlan:
    """The packs of one epoch, whose items are rows of the index.

    `step_starts` [steps + 1] is the first pack of each step, and the end of the last one.
    """

    packs: Packs
    step_starts: Array
    tokens: int
    pack_length: int

    @property
    def steps(self) -> int:
        """Number of steps of the epoch; the last one may have fewer packs."""
        return len(self.step_starts) - 1

    @property
    def fill(self) -> float:
        """Fraction of the packs' total length that holds tokens."""
        return self.tokens / max(1, len(self.packs) * self.pack_length)


def plan_epoch(selection: Selection, stage: StageConfig, seed: int, epoch: int) -> EpochPlan:
    """Plan one epoch. Raises `ConfigError` if `image_share` cannot be met."""
    random = _generator(seed, stage.name, epoch)
    if stage.image_share is None or stage.image_share in (0, 1):
        copies = _copies(selection.weights, seed, stage.name, epoch)
        packs = _pack_windows(selection, copies, Capacity(stage.pack_length), random)
        starts = np.arange(0, len(packs) + stage.packs_per_step, stage.packs_per_step)
        starts = np.minimum(starts[: -(-len(packs) // stage.packs_per_step) + 1], len(packs))
    else:
        packs, starts = _plan_share(selection, stage, stage.image_share, seed, epoch)
    tokens = int(selection.row_lengths[packs.items].sum())
    return EpochPlan(Packs(selection.rows[packs.items], packs.sizes), starts, tokens, stage.pack_length)


def _generator(seed: int, *key: object) -> np.random.Generator:
    return np.random.default_rng([seed, int(digest("plan", *key), 16)])


def _copies(weights: NDArray[np.float64], seed: int, stage: str, epoch: int) -> Array:
    """How often each sample occurs in this epoch, so that after n epochs it occurred n x weight times, rounded.

    Weight 0.5 is exactly every second epoch; which ones is drawn per sample, evenly among samples of equal weight.
    """
    whole = np.floor(weights)
    part = weights - whole
    if part.any():
        order = np.lexsort((_generator(seed, stage, "phase").random(len(part)), part))
        counts = np.unique(part, return_counts=True)[1]
        phase = np.empty(len(part))
        phase[order] = (_index_in_group(counts) + 0.5) / np.repeat(counts, counts)
        whole += np.floor(part * (epoch + 1) + phase) - np.floor(part * epoch + phase)
    return whole.astype(np.int64)


def _index_in_group(counts: Array) -> Array:
    """0, 1, ... within each of several consecutive groups of `counts` members."""
    return np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)


def _windows(selection: Selection, copies: Array, random: np.random.Generator) -> list[Array]:
    """Indices into the selection, repeated by `copies`, in shuffled windows of a few groups.

    The groups of a bucket are spread evenly over the epoch, so every window has about the same mixture of buckets.
    """
    items = np.repeat(np.arange(len(selection)), copies)
    rows = selection.rows[items]
    group, bucket = selection.index.group[rows], selection.index.bucket[rows]
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    ends = np.append(starts[1:], len(items))
    bucket = bucket[starts]
    order = np.lexsort((random.random(len(starts)), bucket))
    counts = np.bincount(bucket, minlength=1)
    position = (_index_in_group(counts) + random.random(len(starts))) / counts[bucket[order]]
    order = order[np.argsort(position, kind="stable")]
    windows = [order[first : first + WINDOW_SHARDS] for first in range(0, len(order), WINDOW_SHARDS)]
    return [
        random.permutation(np.concatenate([items[starts[number] : ends[number]] for number in window]))
        for window in windows
    ]


def _pack_windows(selection: Selection, copies: Array, capacity: Capacity, random: np.random.Generator) -> Packs:
    """Pack window after window; the items of each window's last pack, which is rarely full, go into the next window."""
    lengths = selection.row_lengths
    packed: list[Packs] = []
    rest = np.zeros(0, np.int64)
    windows = _windows(selection, copies, random)
    for number, window in enumerate(windows):
        items = np.concatenate([rest, window])
        packs = pack(items, lengths[items], capacity)
        kept = len(packs) - (number < len(windows) - 1)
        rest = packs.items[packs.starts[kept] :]
        packed.append(packs.take(random.permutation(kept)))
    return join(packed)


def _plan_share(selection: Selection, stage: StageConfig, share: float, seed: int, epoch: int) -> tuple[Packs, Array]:
    """Packs of clips with space for images, filled with images so that every step has its share of them.

    Images are subsampled or repeated evenly to the number that the epoch's clips require.
    """
    random = _generator(seed, stage.name, epoch)
    images = selection.row_images
    if images.all() or not images.any():
        missing = "clip" if images.all() else "image"
        raise ConfigError(f"stage {stage.name}: image_share is {share:g}, but there is no {missing}; set it to null")
    ratio, longest = share / (1 - share), int(selection.row_lengths[images].max())
    copies = _copies(np.where(images, 0, selection.weights), seed, stage.name, epoch)
    clips = _pack_windows(selection, copies, Capacity(stage.pack_length, ratio, longest), random)
    wanted_images = _rounded(ratio * len(clips.items))
    weights = np.where(images, selection.weights, 0)
    thinned = _copies(weights * (wanted_images / weights.sum()), seed, stage.name, epoch)
    queue = np.concatenate([*_windows(selection, thinned, random), np.zeros(0, np.int64)])
    queue = np.resize(queue if len(queue) else np.flatnonzero(images), wanted_images)
    used = np.add.reduceat(selection.row_lengths[clips.items], clips.starts[:-1])
    filled, starts = _fill_steps(clips.sizes, (stage.pack_length - used) // longest, stage, ratio, longest)
    return _merge(clips.items, queue, filled), starts


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


def _fill_steps(sizes: Array, slots: Array, stage: StageConfig, ratio: float, longest: int) -> tuple[Array, Array]:
    """Clips and images of every pack [packs, 2], and the first pack of every step.

    Each step greedily takes as many packs of clips as leave space for their images, in the clips' packs (`slots`) or in
    packs of images alone.
    """
    alone = stage.pack_length // longest
    size_of, slots_of = sizes.tolist(), slots.tolist()
    packs: list[tuple[int, int]] = []
    starts = [0]
    first, done = 0, 0
    while first < len(size_of):
        count, clips, room, open_images = 0, 0, 0, 0
        while first + count < len(size_of) and count < stage.packs_per_step:
            more, gaps = clips + size_of[first + count], room + slots_of[first + count]
            asked = _rounded(ratio * (done + more)) - _rounded(ratio * done)
            if gaps + (stage.packs_per_step - count - 1) * alone < asked:
                break
            count, clips, room, open_images = count + 1, more, gaps, asked
        if not count:
            raise ConfigError(
                f"stage {stage.name}: {size_of[first]} clips require {_rounded(ratio * size_of[first])} images at "
                f"image_share {stage.image_share}, which do not fit into {stage.packs_per_step} packs of "
                f"{stage.pack_length} tokens; raise packs_per_step or pack_length, or lower image_share"
            )
        for index in range(first, first + count):
            taken = min(open_images, slots_of[index])
            packs.append((size_of[index], taken))
            open_images -= taken
        while open_images:
            packs.append((0, min(open_images, alone)))
            open_images -= packs[-1][1]
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
