"""Every clip with what each rule says of it, as a relation on disk, from which the funnel and the page are read.

Columns: `clip_id`, `seconds`, `bucket` (its place among the configuration's, -1: none fits), `samples`, `kept`, for the
rule at place N `dropped_N`, and for the column at place N of those that rules look at `value_N` (null: has none).

    judged = judge_clips(connection, measured, rules, config, duplicates)
    judged.rows.filter("dropped_0").aggregate("count(*)").fetchall()
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.stages.select.measured import bounds_of, columns_of_rules, passing, shapes_of, values_of
from schemas.bucket_arrays import assign_all
from schemas.config import RunConfig
from schemas.rules import AnyRule, Rule

if TYPE_CHECKING:
    from pipeline.dataset.query import Connection, Relation

Bounds = tuple[Rule, ...]
"""The plain rules that one rule stands for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The clips (see the module), the columns that rules look at, and those among them that hold words."""

    rows: "Relation"
    columns: Sequence[str]
    words: frozenset[str]

    def value(self, column: str) -> str:
        """The name in `rows` of the values of a column."""
        return f"value_{self.columns.index(column)}"


def judge_clips(
    connection: "Connection",
    measured: "Relation",
    rules: Sequence[AnyRule],
    config: RunConfig,
    duplicates: "Relation",
) -> tuple[Judged, list[Bounds]]:
    """Judge clips by the rules; also returns the bounds of each rule among them.

    `measured` has the columns `columns_of_rules(rules)` of every clip that could be measured, and `clip_id`;
    `duplicates` the near-duplicates of the last run (`id`, `duplicate_of`).
    """
    from pipeline.dataset.query import batches, spooled, stored

    read = ", ".join(f'"{name}"' for name in ("clip_id", *columns_of_rules(rules)))
    measured = stored(connection, measured.project(read))
    columns = list(dict.fromkeys(rule.column for rule in rules))
    types = dict(zip(measured.columns, map(str, measured.types), strict=True))
    words = frozenset(name for name in columns if types[name] == "VARCHAR")
    bounds = [bounds_of(rule, measured) for rule in rules]
    judged = Judged(rows=measured, columns=columns, words=words)
    tables = (_judge_batch(clips, judged, bounds, config) for clips in batches(measured))
    rows = spooled(connection, _schema(judged, len(rules)), tables)
    copies = _copies(rows.filter(fits(len(rules))).project("clip_id"), duplicates)
    joined = rows.set_alias("judged").join(copies.set_alias("copies"), "judged.clip_id = copies.id", how="left")
    kept = stored(connection, joined.project(f"judged.*, {fits(len(rules))} AND copies.id IS NULL AS kept"))
    return Judged(rows=kept, columns=columns, words=words), bounds


def passes(rules: int) -> str:
    """SQL: whether a clip passes the first so many rules."""
    return " AND ".join(["true", *(f"NOT dropped_{place}" for place in range(rules))])


def fits(rules: int) -> str:
    """SQL: whether a clip passes so many rules and a bucket holds it."""
    return f"bucket >= 0 AND {passes(rules)}"


def _schema(judged: Judged, rules: int) -> pa.Schema:
    known = {"clip_id": pa.string(), "seconds": pa.float64(), "bucket": pa.int64(), "samples": pa.int64()}
    known |= {f"dropped_{place}": pa.bool_() for place in range(rules)}
    known |= {judged.value(name): pa.string() if name in judged.words else pa.float64() for name in judged.columns}
    return pa.schema(known)


def _judge_batch(clips: pa.Table, judged: Judged, bounds: Sequence[Bounds], config: RunConfig) -> pa.Table:
    assigned = assign_all(shapes_of(clips), config.buckets(), config.pack.allow_upscale)
    values = {name: values_of(clips, name) for name in judged.columns}
    dropped = [_dropped(bound, values, len(clips)) for bound in bounds]
    shown = [values[name] if name in judged.words else values[name].cast(pa.float64()) for name in judged.columns]
    schema = _schema(judged, len(bounds))
    arrays = [clips["clip_id"], clips["duration"].cast(pa.float64()), assigned.buckets, assigned.samples]
    return pa.table([*arrays, *dropped, *shown], schema=schema)


def _dropped(bounds: Bounds, values: dict[str, pa.Array], count: int) -> pa.Array:
    passed: NDArray[np.bool_] = np.ones(count, np.bool_)
    for rule in bounds:
        passed &= passing(rule, values[rule.column])
    return pa.array(~passed)


def _copies(fitting: "Relation", duplicates: "Relation") -> "Relation":
    """The `id` of all but one clip of each group of near-duplicates: the one that the last run kept, or else the first.

    `fitting` has the `clip_id` of every clip that is left.
    """
    known = duplicates.set_alias("known").join(fitting.set_alias("here"), "known.id = here.clip_id", how="semi")
    originals = fitting.project("clip_id AS original")
    told = known.set_alias("told").join(originals.set_alias("originals"), "told.duplicate_of = original", how="left")
    place = "row_number() OVER (PARTITION BY duplicate_of ORDER BY id) AS place"
    return told.project(f"id, original, {place}").filter("original IS NOT NULL OR place > 1").project("id")
