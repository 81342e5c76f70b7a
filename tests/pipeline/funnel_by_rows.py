"""The funnel of rules as Python says it, clip by clip: what the queries of `just what-if` are held against.

And the funnel by queries of clips that are given as rows.

    funnel_of_rows(clips, rules, config, {}).kept == funnel_by_rows(clips, rules, config, {}).kept
"""

import atexit
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache

import pyarrow as pa

from pipeline.dataset.query import Connection, querying
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.what_if.funnel import Effect, Funnel, Yield, make_funnel
from pipeline.stage import Row
from pipeline.stages.select.measured import columns_of_rules, value_of
from pipeline.storage.store import Store
from schemas.bucket import Assignment, Bucket, Shape, assign
from schemas.config import RunConfig
from schemas.media_tables import DUPLICATES
from schemas.rules import AnyRule, Rule


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFunnel:
    """The numbers of a funnel, and the ids of the clips that are kept."""

    measured: Yield
    effects: Sequence[Effect]
    fitting: Yield
    kept: Yield
    kept_ids: frozenset[str]
    samples: Mapping[Bucket, int]


def funnel_of_rows(
    clips: Sequence[Row], rules: Sequence[AnyRule], config: RunConfig, duplicate_of: Mapping[str, str]
) -> Funnel:
    """The funnel by queries; it can be read until the tests end."""
    columns = {name: pa.array([clip.get(name) for clip in clips]) for name in ["clip_id", *columns_of_rules(rules)]}
    types = {name: CLIPS.schema.field(name).type if name in CLIPS.names else pa.float64() for name in columns}
    table = pa.table(
        {name: values.cast(types[name]) if values.type == pa.null() else values for name, values in columns.items()}
    )
    copies = [
        {"id": key, "duplicate_of": original, "similarity": 1.0, "hash_distance": 0.0}
        for key, original in duplicate_of.items()
    ]
    connection = _connection()
    duplicates = connection.from_arrow(DUPLICATES.table(copies))
    return make_funnel(connection, connection.from_arrow(table), rules, config, duplicates)


def kept_ids(funnel: Funnel) -> set[str]:
    """The clips that are kept."""
    return {key for (key,) in funnel.clips.rows.filter("kept").project("clip_id").fetchall()}


@cache
def _connection() -> Connection:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(querying(Store("/nowhere")))


def funnel_by_rows(
    clips: Sequence[Row], rules: Sequence[AnyRule], config: RunConfig, duplicate_of: Mapping[str, str]
) -> RowFunnel:
    """Apply the rules to the measured clips (rows with every measure); nothing is decoded or scored."""
    buckets = config.buckets()
    fits: dict[str, Assignment] = {}
    for clip in clips:
        assignment = assign(shape_of(clip), buckets, config.pack.allow_upscale)
        if not isinstance(assignment, str):
            fits[clip["clip_id"]] = assignment
    bounds = [rule.resolve(value_of(clip, rule.column) for clip in clips) for rule in rules]
    dropped = [
        {clip["clip_id"] for clip in clips if not _passes(clip, bound)} for bound in bounds
    ]  # by rule, so that unions and differences say the rest
    times_dropped = Counter(key for clip_ids in dropped for key in clip_ids)
    dropped_before: set[str] = set()
    effects = []
    for rule, found_bounds, clip_ids in zip(rules, bounds, dropped, strict=True):
        dropped_before |= clip_ids
        effects.append(
            Effect(
                rule=rule,
                bounds=found_bounds,
                alone=_yield([clip for clip in clips if clip["clip_id"] not in clip_ids], fits),
                after=_yield([clip for clip in clips if clip["clip_id"] not in dropped_before], fits),
                only=sum(times_dropped[key] == 1 for key in clip_ids),
            )
        )
    fitting = [clip for clip in clips if clip["clip_id"] not in dropped_before and clip["clip_id"] in fits]
    kept = without_copies(fitting, duplicate_of)
    samples: Counter[Bucket] = Counter()
    for clip in kept:
        assignment = fits[clip["clip_id"]]
        samples[assignment.bucket] += min(assignment.samples, config.pack.max_samples_per_clip)
    return RowFunnel(
        measured=_yield(clips, fits),
        effects=effects,
        fitting=_yield(fitting, fits),
        kept=_yield(kept, fits),
        kept_ids=frozenset(clip["clip_id"] for clip in kept),
        samples=samples,
    )


def without_copies(clips: Sequence[Row], duplicate_of: Mapping[str, str]) -> list[Row]:
    """One clip of each group of near-duplicates: the one that the last run kept, or else the first."""
    present = {clip["clip_id"] for clip in clips}
    seen: set[str] = set()
    kept = []
    for clip in clips:
        original = duplicate_of.get(clip["clip_id"])
        if original is not None and (original in present or original in seen):
            continue
        if original is not None:
            seen.add(original)
        kept.append(clip)
    return kept


def shape_of(clip: Row) -> Shape:
    """What the bucket rule looks at, of a row of the clips table: bars do not count as picture."""
    return Shape(
        width=clip["crop_width"],
        height=clip["crop_height"],
        duration=clip["duration"],
        fps=clip["fps"],
        is_image=clip["kind"] == "image",
    )


def _passes(clip: Row, bounds: Sequence[Rule]) -> bool:
    return all(rule.passes(value_of(clip, rule.column)) for rule in bounds)


def _yield(clips: Sequence[Row], fits: Mapping[str, Assignment]) -> Yield:
    buckets = Counter(fits[clip["clip_id"]].bucket for clip in clips if clip["clip_id"] in fits)
    return Yield(clips=len(clips), seconds=sum(clip["duration"] for clip in clips), buckets=buckets)
