"""Select: each clip is kept, or the rule, value and threshold that dropped it stand in the selection table.

Order: failed measures, the configured rules, the training buckets, then near-duplicates among what is left - so that a
clip is never dropped as the copy of one that does not ship, and no captioner is paid for a clip that no bucket holds.
Percentiles are of all clips that could be measured, whatever becomes of them, so the order of the rules changes only
which rule a dropped clip names. The table is made anew in every run: as a dataset grows, percentiles move.

    just what-if <dataset> "aesthetic >= 4.8"
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

import pyarrow as pa

from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Row
from pipeline.stages.score.configured import measure_names
from pipeline.stages.score.scorers.registry import SCORERS
from schemas.bucket import Bucket, Shape, assign
from schemas.config import RunConfig
from schemas.errors import RuleError
from schemas.named_values import dict_of
from schemas.outcome_tables import SELECTION
from schemas.rule_sets import open_rules
from schemas.rules import Rule

# Rules may name what is measured of a clip: the columns of the clips table from `duration` on.
CLIP_COLUMNS = tuple(CLIPS.names[CLIPS.names.index("duration") :])
# The columns that hold words; all others hold numbers.
WORD_COLUMNS = tuple(name for name in CLIP_COLUMNS if CLIPS.schema.field(name).type == pa.string())
# The clips table says 0 for images, which have neither; rules do not apply where there is nothing.
_OF_VIDEOS = ("duration", "fps")


def check_rules(config: RunConfig) -> None:
    """Raise `RuleError` if a rule names what nothing measures, and name the scorer that would, before any work."""
    columns = [*CLIP_COLUMNS, *measure_names(config.score)]
    for text in config.select.rules:
        for rule in open_rules(text):
            able = [name for name, scorer in SCORERS.items() if rule.column in scorer.measures]
            if able and rule.column not in columns:
                origin = f" of rule set {rule.rule_set!r}" if rule.rule_set else ""
                raise RuleError(
                    f"rule {rule.text!r}{origin}: {rule.column!r} is measured by scorer {' or '.join(able)}, which is"
                    f" not in score.scorers = {config.score.scorers}; add it"
                )
            rule.check_column(columns, WORD_COLUMNS)


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


def shape_of(clip: Row) -> Shape:
    """What the bucket rule looks at, of a row of the clips table: bars do not count as picture."""
    return Shape(
        width=clip["crop_width"],
        height=clip["crop_height"],
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
                rows[score["clip_id"]].update(dict_of(score["measures"]))
            else:
                failures[score["clip_id"]] = f"{score['error']}"
    return list(rows.values()), failures
