"""Selection and sample spans clip by clip in plain Python: what the streams of tables are held against in tests.

table, duplicates = select(clips, config, {}, find_copies)
spans = plan_spans(clips, stills, config)
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa

from pipeline.stage import Row
from schemas.bucket import Bucket, assign
from schemas.config import RunConfig
from schemas.ids import sample_id
from schemas.named_values import dict_of
from schemas.outcome_tables import SAMPLE_SPANS, SELECTION, STILL_SEEN
from schemas.rule_sets import open_rules
from schemas.rules import Rule
from tests.pipeline.funnel_by_rows import shape_of

_OF_VIDEOS = ("duration", "fps")


def resolve_rules(texts: Iterable[str], measured: Sequence[Row]) -> list[Rule]:
    """The rules that `select.rules` stands for among these clips: sets opened, percentiles as numbers."""
    opened = [rule for text in texts for rule in open_rules(text)]
    return [resolved for rule in opened for resolved in rule.resolve(value_of(clip, rule.column) for clip in measured)]


def value_of(clip: Row, column: str) -> float | str | None:
    """What a rule compares; None where the clip has nothing of the kind."""
    value: float | str | None = clip.get(column)
    return None if column in _OF_VIDEOS and clip["kind"] == "image" else value


def select(
    clips: Sequence[Row],
    config: RunConfig,
    failures: Mapping[str, str],
    find_copies: Callable[[Sequence[Row]], pa.Table],
) -> tuple[pa.Table, pa.Table]:
    """Return the selection of `clips` (rows with all measures) and the duplicates table.

    `failures` holds why a clip could not be measured, by clip id. `find_copies` is asked about the clips that passed
    everything else.
    """
    rules = resolve_rules(config.select.rules, [clip for clip in clips if clip["clip_id"] not in failures])
    buckets = config.buckets()
    rows = {clip["clip_id"]: _judge(clip, rules, buckets, config, failures.get(clip["clip_id"])) for clip in clips}
    duplicates = find_copies([clip for clip in clips if rows[clip["clip_id"]]["state"] == "kept"])
    for copy in duplicates.to_pylist():
        measures = f"similarity {copy['similarity']:.3f}, hash distance {copy['hash_distance']:.1f}"
        reason = f"near-duplicate of {copy['duplicate_of']} ({measures})"
        rows[copy["id"]] = _row(copy["id"], "duplicate", reason=reason, value=copy["similarity"])
    return SELECTION.table(rows[key] for key in sorted(rows)), duplicates


def _judge(clip: Row, rules: Sequence[Rule], buckets: Sequence[Bucket], config: RunConfig, failure: str | None) -> Row:
    key = clip["clip_id"]
    if failure:
        return _row(key, "failed", reason=failure)
    for rule in rules:
        value = value_of(clip, rule.column)
        if value is not None and not rule.passes(value):
            return _row(
                key,
                "filtered",
                rule=rule.text,
                value=value if isinstance(value, float | int) else None,
                threshold=rule.threshold if isinstance(rule.threshold, float) else None,
                reason=rule.refusal(value),
            )
    assignment = assign(shape_of(clip), buckets, config.pack.allow_upscale)
    if isinstance(assignment, str):
        return _row(key, "unbucketed", reason=assignment)
    return _row(key, "kept", bucket=str(assignment.bucket))


def _row(key: str, state: str, **known: object) -> Row:
    return {"clip_id": key, "state": state, **{name: known.get(name) for name in SELECTION.names[2:]}}


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


def with_measures(clips: pa.Table, scores: Sequence[pa.Table]) -> tuple[list[Row], dict[str, str]]:
    """Clip rows with every scorer's measures as columns, and why a clip has none where a scorer failed."""
    rows = {row["clip_id"]: row for row in clips.to_pylist()}
    failures: dict[str, str] = {}
    for table in scores:
        for score in table.to_pylist():
            if score["status"] == "ok":
                rows[score["clip_id"]].update(dict_of(score["measures"]))
            else:
                failures[score["clip_id"]] = f"{score['error']}"
    return list(rows.values()), failures
