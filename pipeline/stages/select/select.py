"""Select: each clip is kept, or the rule, value and threshold that dropped it stand in the selection table.

Order: failed measures, the configured rules, the training buckets, then near-duplicates among what is left - so that a
clip is never dropped as the copy of one that does not ship, and no captioner is paid for a clip that no bucket holds.
Percentiles are of all clips that could be measured, whatever becomes of them, so the order of the rules changes only
which rule a dropped clip names. The table is made anew in every run: as a dataset grows, percentiles move.

Clips stream through as tables of some thousand rows, and only a dropped one becomes a Python value, for its sentence.

    just what-if <dataset> "aesthetic >= 4.8"
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.measures.clips_table import CLIPS
from pipeline.stages.score.configured import measure_names
from pipeline.stages.score.scorers.registry import SCORERS
from pipeline.stages.select.duplicates import SCORE
from pipeline.stages.select.measured import BITRATE, FAILURE, columns_of_rules, passing, resolve, shapes_of, values_of
from schemas.bucket import Bucket, assign
from schemas.bucket_arrays import assign_all
from schemas.config import RunConfig
from schemas.errors import RuleError
from schemas.outcome_tables import SELECTION
from schemas.rule_sets import open_rules
from schemas.rules import AnyRule, Rule

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

# Rules may name what is measured of a clip: the columns of the clips table from `duration` on.
CLIP_COLUMNS = tuple(CLIPS.names[CLIPS.names.index("duration") :])
# The columns that hold words; all others hold numbers.
WORD_COLUMNS = tuple(name for name in CLIP_COLUMNS if CLIPS.schema.field(name).type == pa.string())
# What near-duplicates are told by.
COPY_COLUMNS = ("video_id", "shot", "kind", "duration", "width", "height", "fps", BITRATE, SCORE)


def check_rules(config: RunConfig) -> None:
    """Raise `RuleError` if a rule names what nothing measures, and name the scorer that would, before any work."""
    columns = [*CLIP_COLUMNS, *measure_names(config.score)]
    for rule in rules_of(config):
        able = [name for name, scorer in SCORERS.items() if rule.column in scorer.measures]
        if able and rule.column not in columns:
            origin = f" of rule set {rule.rule_set!r}" if rule.rule_set else ""
            raise RuleError(
                f"rule {rule.text!r}{origin}: {rule.column!r} is measured by scorer {' or '.join(able)}, which is"
                f" not in score.scorers = {config.score.scorers}; add it"
            )
        rule.check_column(columns, WORD_COLUMNS)


def rules_of(config: RunConfig) -> list[AnyRule]:
    """The rules that `select.rules` stands for, with rule sets opened."""
    return [rule for text in config.select.rules for rule in open_rules(text)]


def judge(measured: "Relation", config: RunConfig) -> Iterator[pa.Table]:
    """The selection of all clips but for near-duplicates, in the order of their ids, as rows of the selection table.

    `measured` has the columns `columns_of_rules(rules_of(config))` of every clip.
    """
    from pipeline.dataset.query import batches

    opened = rules_of(config)
    rules = resolve(opened, measured)
    read = ", ".join(f'"{name}"' for name in ("clip_id", FAILURE, *columns_of_rules(opened)))
    for clips in batches(measured.project(read).order("clip_id")):
        yield judge_batch(clips, rules, config)


def judge_batch(clips: pa.Table, rules: Sequence[Rule], config: RunConfig) -> pa.Table:
    """The selection of these clips, row by row, without near-duplicates."""
    verdict = _Verdicts(clips)
    failed = np.asarray(pc.is_valid(clips[FAILURE]).combine_chunks())
    verdict.give(failed, "failed", clips[FAILURE].filter(pa.array(failed)).to_pylist())
    for rule in rules:
        values = values_of(clips, rule.column)
        refused = verdict.open & ~passing(rule, values)
        if refused.any():
            verdict.refuse(refused, rule, values.filter(pa.array(refused)).to_pylist())
    buckets = config.buckets()
    shapes = shapes_of(clips)
    assigned = assign_all(shapes, buckets, config.pack.allow_upscale)
    lost = verdict.open & (assigned.buckets < 0)
    reasons = [f"{assign(shapes.shape(place), buckets, config.pack.allow_upscale)}" for place in np.flatnonzero(lost)]
    verdict.give(lost, "unbucketed", reasons)
    return verdict.table(assigned.buckets, buckets)


class _Verdicts:
    """The columns of the selection table for a batch of clips; a clip is `open` until something drops it."""

    def __init__(self, clips: pa.Table) -> None:
        count = len(clips)
        self.open = np.ones(count, np.bool_)
        self._ids = clips["clip_id"].combine_chunks()
        self._states = np.full(count, "kept", object)
        self._rules, self._reasons = np.full(count, None, object), np.full(count, None, object)
        self._values, self._thresholds = np.full(count, np.nan), np.full(count, np.nan)

    def give(self, those: NDArray[np.bool_], state: str, reasons: Sequence[str]) -> None:
        self._states[those], self._reasons[those] = state, reasons
        self.open &= ~those

    def refuse(self, those: NDArray[np.bool_], rule: Rule, values: Sequence[float | str]) -> None:
        self._rules[those] = rule.text
        if not isinstance(rule.threshold, str):
            self._values[those], self._thresholds[those] = values, rule.threshold
        self.give(those, "filtered", [rule.refusal(value) for value in values])

    def table(self, assigned: NDArray[np.int64], buckets: Sequence[Bucket]) -> pa.Table:
        names = np.array([*map(str, buckets), None], object)
        columns = {
            "clip_id": self._ids,
            "state": pa.array(self._states, pa.string()),
            "rule": pa.array(self._rules, pa.string()),
            "value": pa.array(self._values, pa.float64(), from_pandas=True),
            "threshold": pa.array(self._thresholds, pa.float64(), from_pandas=True),
            "reason": pa.array(self._reasons, pa.string()),
            "bucket": pa.array(names[np.where(self.open, assigned, -1)], pa.string()),
        }
        return pa.table(columns, schema=SELECTION.schema)


def select(
    connection: "Connection", measured: "Relation", config: RunConfig, find_copies: "Callable[[Relation], pa.Table]"
) -> tuple[Iterator[pa.Table], pa.Table]:
    """Return the selection of the clips, in the order of their ids, as a stream, and the duplicates table.

    `find_copies` is given the rows of `measured` that passed everything else.
    """
    from pipeline.dataset.query import batches, spooled, stored

    measured = stored(connection, measured)
    judged = spooled(connection, SELECTION.schema, judge(measured, config))
    duplicates = find_copies(measured.join(judged.filter("state = 'kept'"), "clip_id", how="semi"))
    return batches(_with_copies(connection, judged, duplicates).order("clip_id")), duplicates


def _with_copies(connection: "Connection", judged: "Relation", duplicates: pa.Table) -> "Relation":
    measures = (duplicates[name].to_pylist() for name in ("duplicate_of", "similarity", "hash_distance"))
    reasons = [
        f"near-duplicate of {original} (similarity {similarity:.3f}, hash distance {distance:.1f})"
        for original, similarity, distance in zip(*measures, strict=True)
    ]
    copies = duplicates.select(["id", "similarity"]).append_column("reason", pa.array(reasons, pa.string()))
    told = connection.from_arrow(copies).set_alias("copies")
    joined = judged.set_alias("judged").join(told, "judged.clip_id = copies.id", how="left")
    given = {
        "clip_id": "judged.clip_id",
        "state": "'duplicate'",
        "reason": "copies.reason",
        "value": "copies.similarity",
    }
    columns = [
        f"CASE WHEN copies.id IS NULL THEN judged.{name} ELSE {given.get(name, 'NULL')} END AS {name}"
        for name in SELECTION.names
    ]
    return joined.project(", ".join(columns))
