"""Which rows are the same as before: keys with a hash of what else decides a row's result.

identities = identities_of(rows, spec)
"""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from pipeline.dataset.plan import Part
from pipeline.stage import Row, StageSpec
from schemas.ids import digest


def identities_of(rows: pa.Table, spec: StageSpec) -> list[tuple[str, str]]:
    """Key and identity of each row: if both are those of an earlier run, so is the row's result."""
    columns = rows.select([spec.key, *spec.identity]).to_pylist()
    return [(row[spec.key], digest(*(row[name] for name in spec.identity))) for row in columns]


def rows_of_parts(rows: pa.Table, key: str, parts: Iterable[Part]) -> Iterator[list[Row]]:
    """The input rows of each part, in the part's order."""
    places = {value: place for place, value in enumerate(rows[key].to_pylist())}
    for part in parts:
        chosen: list[Row] = rows.take([places[row_key] for row_key, _ in part.rows]).to_pylist()
        yield chosen
