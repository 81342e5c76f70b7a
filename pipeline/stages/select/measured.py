"""Clips with the measures of all scorers as columns: what rules look at, as a relation that DuckDB reads from files.

Only the columns that somebody asks for are read, and no clip becomes a Python object.

    measured = measured_clips(clips, [ScoreTable(scores, ("aesthetic",))], columns_of_rules(rules))
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.stage import Row
from pipeline.stages.score.configured import scorer_names
from pipeline.stages.score.scorers.registry import SCORERS
from schemas.bucket_arrays import Shapes
from schemas.config import ScoreConfig
from schemas.rules import AnyRule, PercentileRule, Rule

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation

FAILURE = "failure"
"""The column that says why a clip could not be measured; null where it could."""
BITRATE = "bitrate"
"""The column with the bytes per second of a clip's source."""
SHAPE_COLUMNS = ("kind", "duration", "fps", "crop_width", "crop_height")
# The clips table says 0 for images, which have neither; rules do not apply where there is nothing.
_OF_VIDEOS = ("duration", "fps")


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """The scores table of one scorer, and the measures that it fills."""

    rows: "Relation"
    measures: Sequence[str]


def measures_of(config: ScoreConfig) -> dict[str, tuple[str, ...]]:
    """The measures that each configured scorer fills, by its name; a taught head fills the one of its name."""
    return {name: tuple(SCORERS[name].measures) if name in SCORERS else (name,) for name in scorer_names(config)}


def columns_of_rules(rules: Iterable[AnyRule]) -> list[str]:
    """What a selection reads of a clip: its shape, and the columns of the rules."""
    return list(dict.fromkeys([*SHAPE_COLUMNS, *(rule.column for rule in rules)]))


def measured_clips(clips: "Relation", scores: Sequence[ScoreTable], columns: Sequence[str]) -> "Relation":
    """One row per clip: `clip_id`, the `columns` (of the clips table or of a scorer; others are null), and `FAILURE`.

    Where several scorers fill a column the last one counts, and so does the last failure.
    """
    joined = clips.set_alias("clips")
    values = {name: f'clips."{name}"' if name in clips.columns else "NULL::DOUBLE" for name in columns}
    failure = "NULL::VARCHAR"
    for place, table in enumerate(scores):
        alias = f"scores_{place}"
        joined = joined.join(table.rows.set_alias(alias), f"clips.clip_id = {alias}.clip_id", how="left")
        failure = f"CASE WHEN {alias}.status <> 'ok' THEN coalesce({alias}.error, 'None') ELSE {failure} END"
        for position, name in enumerate(table.measures, 1):
            if name in values:
                values[name] = _measure(f"{alias}.measures", position, name, f"{alias}.status = 'ok'", values[name])
    chosen = [f'{value} AS "{name}"' for name, value in values.items() if name != "clip_id"]
    return joined.project(", ".join(["clips.clip_id AS clip_id", *chosen, f"{failure} AS {FAILURE}"]))


def with_bitrate(clips: "Relation", videos: "Relation") -> "Relation":
    """The clips with `BITRATE`; of `videos` the id, bytes and duration (seconds) are read."""
    rate = f"bytes::DOUBLE / greatest(coalesce(duration, 0), 1::DOUBLE) AS {BITRATE}"
    return clips.join(videos.project(f"video_id, {rate}"), "video_id")


def _measure(cell: str, position: int, name: str, usable: str, otherwise: str) -> str:
    """SQL for a value by its name. Scorers write their measures in one order, so the usual place is tried first."""
    text = name.replace("'", "''")
    usual = f"WHEN {usable} AND {cell}[{position}].name = '{text}' THEN {cell}[{position}].value"
    named = f"list_filter({cell}, lambda pair: pair.name = '{text}')"
    return f"CASE {usual} WHEN {usable} AND len({named}) > 0 THEN {named}[-1].value ELSE {otherwise} END"


def resolve(rules: Iterable[AnyRule], measured: "Relation") -> list[Rule]:
    """The rules with percentiles as numbers among the clips that could be measured."""
    counted = measured.filter(f"{FAILURE} IS NULL")
    return [bound for rule in rules for bound in bounds_of(rule, counted)]


def bounds_of(rule: AnyRule, counted: "Relation") -> tuple[Rule, ...]:
    """The plain rules that one rule stands for among these clips."""
    if not isinstance(rule, PercentileRule):
        return rule.resolve(())
    values = numbers_of(rule.column, counted)

    def value_at(place: int) -> float:
        values.partition(place)
        return float(values[place])

    return rule.resolve_ranked(len(values), value_at)


def numbers_of(column: str, clips: "Relation") -> NDArray[np.float64]:
    """The numbers of all clips that have one in a column, in no particular order: 8 bytes for each clip."""
    from pipeline.dataset.query import batches

    usable = f'"{column}" IS NOT NULL' + (" AND kind <> 'image'" if column in _OF_VIDEOS else "")
    numbers = clips.filter(usable).project(f'"{column}"::DOUBLE AS value').filter("NOT isnan(value)")
    values = np.empty(numbers.aggregate("count(*)").fetchall()[0][0])
    at = 0
    for table in batches(numbers):
        values[at : at + len(table)] = table["value"].to_numpy()
        at += len(table)
    return values


def value_of(clip: Row, column: str) -> float | str | None:
    """What a rule compares of one clip; None where it has nothing of the kind."""
    value: float | str | None = clip.get(column)
    return None if column in _OF_VIDEOS and clip["kind"] == "image" else value


def values_of(clips: pa.Table, column: str) -> pa.Array:
    """What a rule compares of each clip; null where the clip has nothing of the kind."""
    values = clips[column].combine_chunks()
    if column not in _OF_VIDEOS:
        return values
    return pc.if_else(pc.equal(clips["kind"].combine_chunks(), "image"), pa.scalar(None, values.type), values)


def passing(rule: Rule, values: pa.Array) -> NDArray[np.bool_]:
    """Whether each clip [N] passes a rule; one without a value does. Raises `RuleError` if numbers meet words."""
    if values.null_count == len(values):
        return np.ones(len(values), np.bool_)
    if pa.types.is_string(values.type) or isinstance(rule.threshold, str):
        if pa.types.is_string(values.type) != isinstance(rule.threshold, str):
            rule.passes(values.drop_null()[0].as_py())
        compared = {"==": pc.equal, "!=": pc.not_equal}[rule.comparison](values, rule.threshold)
        return np.asarray(pc.fill_null(compared, True))
    numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
    passes: NDArray[np.bool_] = rule.compare(numbers)
    return passes


def shapes_of(clips: pa.Table) -> Shapes:
    """What the bucket rule looks at, of rows of the clips table: bars do not count as picture."""
    width, height, duration, fps = (clips[name].to_numpy() for name in ("crop_width", "crop_height", "duration", "fps"))
    return Shapes(
        width=width.astype(np.int64),
        height=height.astype(np.int64),
        duration=duration.astype(np.float64),
        fps=fps.astype(np.float64),
        is_image=np.asarray(pc.equal(clips["kind"], "image").combine_chunks()),
    )
