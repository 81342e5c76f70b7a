"""Select: each clip is kept, or the rule, value and threshold that dropped it stand in the selection table.

Order: failed measures, the configured rules, the training buckets, then near-duplicates among what is left - so that a
clip is never dropped as the copy of one that does not ship, and no captioner is paid for a clip that no bucket holds.

    just what-if <dataset> "aesthetic >= 4.8"
"""

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from pipeline.stage import Row
from schemas.bucket import Bucket, Shape, assign
from schemas.config import RunConfig
from schemas.outcome_tables import SELECTION
from schemas.rules import Rule

CLIP_COLUMNS = (
    "duration", "fps", "width", "height", "motion", "camera_motion", "subject_motion", "camera", "sharpness",
    "brightness", "contrast", "clipped",
)  # fmt: skip


# The columns that hold words; all others hold numbers.
WORD_COLUMNS = ("camera",)


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
    rules = [Rule.parse(text) for text in config.select.rules]
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
        value = clip.get(rule.column)
        if not rule.passes(value):
            shown = f"{value:.4g}" if isinstance(value, float) else value
            return _row(
                key,
                "filtered",
                rule=rule.text,
                value=value if isinstance(value, float | int) else None,
                threshold=rule.threshold if isinstance(rule.threshold, float) else None,
                reason=f"{rule.column} is {shown}, the rule says {rule.text}",
            )
    found = assign(shape_of(clip), buckets, config.pack.allow_upscale)
    if isinstance(found, str):
        return _row(key, "unbucketed", reason=found)
    return _row(key, "kept", bucket=str(found.bucket))


def shape_of(clip: Row) -> Shape:
    """What the bucket rule looks at, of a row of the clips table."""
    return Shape(
        width=clip["width"],
        height=clip["height"],
        duration=clip["duration"],
        fps=clip["fps"],
        is_image=clip["kind"] == "image",
    )


def _row(key: str, state: str, **known: object) -> Row:
    return {"clip_id": key, "state": state, **{name: known.get(name) for name in SELECTION.names[2:]}}


def with_measures(clips: pa.Table, scores: Sequence[pa.Table]) -> tuple[list[Row], dict[str, str]]:
    """Clip rows with every scorer's measures as columns, and why a clip has none where a scorer failed."""
    rows = {row["clip_id"]: row for row in clips.to_pylist()}
    failures: dict[str, str] = {}
    for table in scores:
        for score in table.to_pylist():
            if score["status"] == "ok":
                rows[score["clip_id"]].update(score["measures"])
            else:
                failures[score["clip_id"]] = f"{score['error']}"
    return list(rows.values()), failures
