"""Which samples the kept clips give and what each of them shows: planned before captioning, so that words follow it.

A caption is made of the stills inside its sample's span, and no other still is paid for. The samples of every named
bucket set are long enough to hold one; where a sample is so short that none lies in it, the still of its clip that is
nearest to its middle stands for it, and the run says so. A pure function of clips, stills and buckets.

    just explain <dataset> <clip-id>              # a clip's samples with their spans and stills
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import pyarrow as pa

from pipeline.stage import Row
from pipeline.stages.select.select import shape_of
from schemas.bucket import assign
from schemas.config import RunConfig
from schemas.ids import sample_id
from schemas.outcome_tables import SAMPLE_SPANS, STILL_SEEN


def plan_spans(clips: Iterable[Row], stills: Iterable[Row], config: RunConfig) -> pa.Table:
    """One row per sample of the kept clips, in the order of their ids.

    `clips` are rows of the clips table that some bucket holds; of `stills` id, clip, time, hash and signature are read.
    """
    of_clip: dict[str, list[Row]] = defaultdict(list)
    for still in sorted(stills, key=lambda row: (row["time"], row["still_id"])):
        of_clip[still["clip_id"]].append({name: still[name] for name in STILL_SEEN.names})
    buckets = config.buckets()
    rows: list[Row] = []
    for clip in clips:
        assignment = assign(shape_of(clip), buckets, config.pack.allow_upscale)
        assert not isinstance(assignment, str), f"clip {clip['clip_id']} was kept without a bucket: {assignment}"
        for ordinal in range(min(assignment.samples, config.pack.max_samples_per_clip)):
            start = clip["start_time"] + ordinal * assignment.bucket.seconds
            end = min(clip["end_time"], clip["start_time"] + (ordinal + 1) * assignment.bucket.seconds)
            rows.append(
                {
                    "sample_id": sample_id(clip["clip_id"], assignment.bucket.slug, ordinal),
                    "clip_id": clip["clip_id"],
                    "bucket": str(assignment.bucket),
                    "ordinal": ordinal,
                    "start_time": start,
                    "end_time": end,
                    "stills": stills_within(of_clip[clip["clip_id"]], start, end),
                }
            )
    return SAMPLE_SPANS.table(sorted(rows, key=lambda row: (row["clip_id"], row["ordinal"])))


def stills_within(stills: Sequence[Row], start: float, end: float) -> list[Row]:
    """Those with `start` <= time < `end` (seconds), or the one nearest to the middle; none only if there are none."""
    inside = [still for still in stills if start <= still["time"] < end]
    middle = (start + end) / 2
    return inside or sorted(stills, key=lambda still: abs(still["time"] - middle))[:1]


def is_told_from_outside(span: Row) -> bool:
    """Whether a sample of a video holds no still, so that the nearest one stands for it."""
    start, end = span["start_time"], span["end_time"]
    return start < end and any(not start <= still["time"] < end for still in span["stills"])


def note_of_short_samples(spans: Sequence[Row], still_seconds: float) -> str | None:
    """What to tell the user of samples that hold no still, with the setting that would give them one."""
    short = [span for span in spans if is_told_from_outside(span)]
    if not short:
        return None
    least = min(span["end_time"] - span["start_time"] for span in short)
    return (
        f"  {len(short)} of {len(spans)} samples (of {least:.2f} s and more) contain no still: the nearest still "
        f"is used; split.still_seconds = {still_seconds:g} is too long for their buckets"
    )
