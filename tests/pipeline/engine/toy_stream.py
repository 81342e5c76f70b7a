"""Two toy stages in a row for tests of streams: numbers are doubled, then the two halves of each are written out.

Keys are those of real tables: videos `v00`, and halves `v00-0-500`, which are named like clips.
"""

import os
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from pipeline.dataset.stage_run import StageRun
from pipeline.engine.groups import Group
from pipeline.engine.steps import Step, Tables, given
from pipeline.stage import Output, Result, Row, StageSpec
from schemas.contract import STATUS_COLUMNS, Column, TableContract
from tests.pipeline import toy

PARTS = TableContract(
    name="parts",
    key="clip_id",
    doc="two rows per number",
    columns=(Column(name="clip_id", type=pa.string(), doc="id"), Column(name="id", type=pa.string(), doc="parent")),
)
DOUBLED = (
    Output(folder="doubled", contract=toy.DOUBLED, parent="id"),
    Output(folder="halves", contract=PARTS, parent="id"),
)
WRITTEN = TableContract(
    name="written",
    key="clip_id",
    doc="a half in words",
    columns=(
        Column(name="clip_id", type=pa.string(), doc="id"),
        Column(name="text", type=pa.string(), doc="its words"),
        *STATUS_COLUMNS,
    ),
)
WRITES = (Output(folder="written", contract=WRITTEN, parent="clip_id"),)


class Doubler(toy.Doubler):
    """Doubles a number, after `seconds`; its halves are named like clips."""

    def __init__(self, calls: str = "", seconds: float = 0.0) -> None:
        super().__init__(calls)
        self._seconds = seconds

    def process(self, row: Row) -> Result:
        time.sleep(self._seconds)
        result = super().process(row)
        halves = [{"clip_id": f"{row['id']}-{start}-{start + 500}", "id": row["id"]} for start in (0, 500)]
        result.others = {"halves": halves}
        return result


class Writer:
    """Writes halves in words; `dies_at` kills the process, `refuses` fails a row, `calls` takes a line per row."""

    def __init__(self, calls: str = "", dies_at: str = "", refuses: str = "") -> None:
        self._calls, self._dies_at, self._refuses = calls, dies_at, refuses

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        for row in rows:
            key = row["clip_id"]
            if self._calls:
                with Path(self._calls).open("a") as file:
                    file.write(f"{key}\n")
            if key == self._dies_at:
                os._exit(9)
            if key == self._refuses:
                yield Result(key=key, error="no words for it")
                continue
            yield Result(key=key, values={"clip_id": key, "text": f"{row['double']} of {row['id']}"})


def halves_of(tables: Tables) -> pa.Table:
    """The halves whose number was doubled, with the double."""
    doubled = tables.good("doubled", ["id", "double"]).select(["id", "double"])
    return tables.of("halves").select(["clip_id", "id"]).join(doubled, "id", join_type="inner").sort_by("clip_id")


def steps(
    place: Literal["workers", "driver"] = "workers",
    fingerprint: str = "w1",
    waits: bool = False,
    doubler: dict[str, Any] | None = None,
    **arguments: Any,
) -> list[Step]:
    double = StageSpec(
        name="double", build=Doubler, arguments=doubler or {}, outputs=DOUBLED, fingerprint="d1", identity=("number",),
        rows_per_part=2,
    )  # fmt: skip
    write = StageSpec(
        name="write", build=Writer, arguments=arguments, outputs=WRITES, fingerprint=fingerprint, identity=("double",),
        upstream=("double",), rows_per_part=3, place=place, waits=waits,
    )  # fmt: skip
    return [Step(spec=double, rows=_numbers), Step(spec=write, rows=halves_of)]


def _numbers(tables: Tables) -> pa.Table:
    return given("numbers", tables)


def groups(keys: Iterable[str], size: int = 2) -> list[Group]:
    listed = list(keys)
    return [Group(f"g{start}", frozenset(listed[start : start + size])) for start in range(0, len(listed), size)]


def texts(runs: dict[str, StageRun]) -> dict[str, str | None]:
    """What was written, by half."""
    return {row["clip_id"]: row["text"] for row in runs["write"].primary.to_pylist()}


def expected(numbers: dict[str, int]) -> dict[str, str]:
    """What is to be written of these numbers."""
    return {f"{key}-{at}-{at + 500}": f"{2 * number} of {key}" for key, number in numbers.items() for at in (0, 500)}
