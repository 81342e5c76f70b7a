"""Which samples the kept clips give and what each of them shows: planned before captioning, so that words follow it.

A caption is made of the stills inside its sample's span, and no other still is paid for. The samples of every named
bucket set are long enough to hold one; where a sample is so short that none lies in it, the still of its clip that is
nearest to its middle stands for it, and the run says so. A pure function of clips, stills and buckets.

Clips and stills come as two streams in the order of their clips' ids, so that only the stills of some thousand clips
are in memory at once.

    just explain <dataset> <clip-id>              # a clip's samples with their spans and stills
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.stage import Row
from pipeline.stages.select.measured import SHAPE_COLUMNS, shapes_of
from schemas.bucket_arrays import assign_all
from schemas.config import RunConfig
from schemas.outcome_tables import SAMPLE_SPANS, STILL_SEEN

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation

CLIP_COLUMNS = ("clip_id", "start_time", "end_time", *SHAPE_COLUMNS)
STILLS_READ = ("clip_id", *STILL_SEEN.names)
SORTING_GIGABYTES = 1.0
"""What a connection may hold that gives one of the two streams in order."""
Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(slots=True)
class ShortSamples:
    """How many samples were planned, how many of them hold no still, and how long the shortest of those is, seconds."""

    samples: int = 0
    short: int = 0
    least_seconds: float = math.inf

    def note(self, still_seconds: float) -> str | None:
        """What to tell the user of samples that hold no still, with the setting that would give them one."""
        if not self.short:
            return None
        return (
            f"  {self.short} of {self.samples} samples (of {self.least_seconds:.2f} s and more) contain no still: the "
            f"nearest still is used; split.still_seconds = {still_seconds:g} is too long for their buckets"
        )


def plan_spans(
    clips: Iterable[pa.Table], stills: Iterable[pa.Table], config: RunConfig, short: ShortSamples | None = None
) -> Iterator[pa.Table]:
    """One row per sample of the kept clips, in the order of clip id and ordinal, as a stream of tables.

    `clips` are rows of the clips table (`CLIP_COLUMNS`) that some bucket holds, by id; `stills` are rows of the stills
    table (`STILLS_READ`), by clip id, time and still id. Counts what it plans in `short`.
    """
    waiting = _Waiting(stills)
    for table in clips:
        if len(table):
            yield _plan(table, waiting.until(table["clip_id"][-1].as_py()), config, short or ShortSamples())


def streams_of(clips: "Relation", stills: "Relation", selection: "Relation") -> tuple["Relation", "Relation"]:
    """The kept clips and their stills, in the order in which `plan_spans` takes them."""
    kept = clips.join(selection.filter("state = 'kept'"), "clip_id", how="semi").project(", ".join(CLIP_COLUMNS))
    wanted = stills.project(", ".join(STILLS_READ)).join(kept, "clip_id", how="semi")
    return kept.order("clip_id"), wanted.order("clip_id, time, still_id")


class _Waiting:
    """A stream of stills by clip, of which the next ones are taken clip by clip."""

    def __init__(self, stills: Iterable[pa.Table]) -> None:
        self._stills = iter(stills)
        self._held: list[pa.Table] = []

    def until(self, clip_id: str) -> pa.Table:
        """All that are left of the clips up to this one."""
        while not self._held or not len(self._held[-1]) or self._held[-1]["clip_id"][-1].as_py() <= clip_id:
            table = next(self._stills, None)
            if table is None:
                break
            self._held.append(table)
        empty = pa.schema([("clip_id", pa.string()), *STILL_SEEN]).empty_table()
        held = pa.concat_tables([table.select(STILLS_READ).cast(empty.schema) for table in self._held] or [empty])
        count = pc.sum(pc.less_equal(held["clip_id"], clip_id)).as_py() or 0
        self._held = [held.slice(count)]
        return held.slice(0, count)


def _plan(clips: pa.Table, stills: pa.Table, config: RunConfig, short: ShortSamples) -> pa.Table:
    stills = stills.filter(pc.is_in(stills["clip_id"], value_set=clips["clip_id"].combine_chunks()))
    buckets = config.buckets()
    assigned = assign_all(shapes_of(clips), buckets, config.pack.allow_upscale)
    homeless = np.flatnonzero(assigned.buckets < 0)
    assert not len(homeless), f"clip {clips['clip_id'][homeless[0]]} was kept without a bucket"
    samples = np.minimum(assigned.samples, config.pack.max_samples_per_clip)
    clip = np.repeat(np.arange(len(clips)), samples)
    ordinal = np.arange(len(clip)) - np.repeat(np.cumsum(samples) - samples, samples)
    seconds = np.array([bucket.seconds for bucket in buckets])[assigned.buckets][clip]
    begin, last = clips["start_time"].to_numpy()[clip], clips["end_time"].to_numpy()[clip]
    start, end = begin + ordinal * seconds, np.minimum(last, begin + (ordinal + 1) * seconds)
    shown = _shown(_by_clip(clips, stills), clip, start, end)
    told_from_outside = shown.nearest & (start < end)
    short.samples += len(clip)
    short.short += int(told_from_outside.sum())
    short.least_seconds = min(short.least_seconds, (end - start)[told_from_outside].min(initial=math.inf))
    ids = clips["clip_id"].combine_chunks().take(pa.array(clip))
    names, slugs = (
        pa.array(values, pa.string()).take(pa.array(assigned.buckets[clip]))
        for values in ([str(bucket) for bucket in buckets], [bucket.slug for bucket in buckets])
    )
    ordinals = pa.array(ordinal, pa.int32())
    columns = {
        "sample_id": pc.binary_join_element_wise(ids, slugs, ordinals.cast(pa.string()), "-"),
        "clip_id": ids,
        "bucket": names,
        "ordinal": ordinals,
        "start_time": start,
        "end_time": end,
        "stills": shown.lists(stills),
    }
    return pa.table(columns, schema=SAMPLE_SPANS.schema)


@dataclass(frozen=True, slots=True)
class _OfClips:
    """The stills of a batch of clips in their order: times and clips [stills]; each clip's first and number [clips]."""

    times: Floats
    clip: Places
    firsts: Places
    counts: Places


def _by_clip(clips: pa.Table, stills: pa.Table) -> _OfClips:
    clip = np.asarray(pc.index_in(stills["clip_id"], value_set=clips["clip_id"].combine_chunks()), np.int64)
    counts = np.bincount(clip, minlength=len(clips)).astype(np.int64)
    return _OfClips(stills["time"].to_numpy(), clip, np.cumsum(counts) - counts, counts)


@dataclass(frozen=True, slots=True)
class _Shown:
    """The stills of each sample [N]: `counts` of them from `firsts` on; `nearest`: one that is not inside the span."""

    firsts: Places
    counts: Places
    nearest: NDArray[np.bool_]

    def lists(self, stills: pa.Table) -> pa.Array:
        """The column of the table: a list of stills per sample."""
        offsets = np.concatenate([[0], np.cumsum(self.counts)])
        places = np.arange(offsets[-1]) + np.repeat(self.firsts - offsets[:-1], self.counts)
        seen = stills.select(STILL_SEEN.names).take(pa.array(places)).combine_chunks()
        columns = [column.combine_chunks() for column in seen.columns]
        rows = pa.StructArray.from_arrays(columns, fields=list(STILL_SEEN))
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), rows)


def _shown(stills: _OfClips, clip: Places, start: Floats, end: Floats) -> _Shown:
    """The stills with `start` <= time < `end` (seconds), or the one nearest to the middle; none only without any."""
    firsts = stills.firsts[clip] + _earlier(stills, clip, start)
    counts = stills.firsts[clip] + _earlier(stills, clip, end) - firsts
    nearest = (counts <= 0) & (stills.counts[clip] > 0)
    those = np.flatnonzero(nearest)
    firsts[those], counts[counts < 0] = _nearest(stills, clip[those], (start[those] + end[those]) / 2), 0
    counts[those] = 1
    return _Shown(firsts, counts, nearest)


def _earlier(stills: _OfClips, clip: Places, times: Floats) -> Places:
    """How many stills of each clip come before a time."""
    is_still = np.repeat([False, True], [len(clip), len(stills.clip)])  # what asks comes before stills of its time
    order = np.lexsort((is_still, np.concatenate([times, stills.times]), np.concatenate([clip, stills.clip])))
    before = np.empty(len(order), np.int64)
    before[order] = np.cumsum(is_still[order])
    earlier: Places = before[: len(clip)] - stills.firsts[clip]
    return earlier


def _nearest(stills: _OfClips, clip: Places, middles: Floats) -> Places:
    """The still of each clip that is nearest to a time; of equals the earliest."""
    counts = stills.counts[clip]
    ends = np.cumsum(counts)
    places = np.arange(counts.sum()) + np.repeat(stills.firsts[clip] - (ends - counts), counts)
    asking = np.repeat(np.arange(len(clip)), counts)
    order = np.lexsort((places, np.abs(stills.times[places] - middles[asking]), asking))
    nearest: Places = places[order][ends - counts]
    return nearest


def is_told_from_outside(span: Row) -> bool:
    """Whether a sample of a video holds no still, so that the nearest one stands for it."""
    start, end = span["start_time"], span["end_time"]
    return start < end and any(not start <= still["time"] < end for still in span["stills"])
