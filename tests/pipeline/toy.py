"""A toy stage for tests of the engine: doubles numbers, and misbehaves if a row says so."""

import os
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.stage import Output, Result, Row, StageSpec
from schemas.contract import STATUS_COLUMNS, Column, TableContract
from schemas.errors import MediaError

DOUBLED = TableContract(
    name="doubled",
    key="id",
    doc="a number doubled",
    columns=(
        Column(name="id", type=pa.string(), doc="id"),
        Column(name="double", type=pa.int64(), doc="twice the number"),
        *STATUS_COLUMNS,
    ),
)
HALVES = TableContract(
    name="halves",
    key="half_id",
    doc="two rows per number",
    columns=(
        Column(name="half_id", type=pa.string(), doc="id"),
        Column(name="id", type=pa.string(), doc="parent"),
    ),
)
OUTPUTS = (
    Output(folder="doubled", contract=DOUBLED, parent="id"),
    Output(folder="halves", contract=HALVES, parent="id"),
)


class Doubler:
    """Doubles `number`; `trouble` makes it fail, crash or run slowly."""

    def __init__(self, calls: str = "") -> None:
        self._calls = calls

    def process(self, row: Row) -> Result:
        if self._calls:
            with Path(self._calls).open("a") as file:
                file.write(f"{row['id']}\n")
        match row["trouble"]:
            case "media":
                raise MediaError("no image in it")
            case "bug":
                raise KeyError("surprise")
            case "crash":
                os._exit(7)
            case "slow":
                time.sleep(1)
            case "hungry":
                ballast: list[bytearray] = []
                for _ in range(50):
                    ballast.append(bytearray(20_000_000))
                    time.sleep(0.02)
        others = [{"half_id": f"{row['id']}-{side}", "id": row["id"]} for side in "ab"]
        return Result(
            key=row["id"],
            values={"id": row["id"], "double": 2 * row["number"]},
            others={"halves": others},
            counters={"doubled": 1},
        )


def spec(
    fingerprint: str = "f1",
    rows_per_part: int = 3,
    **arguments: Any,
) -> StageSpec:
    return StageSpec(
        name="double",
        build=Doubler,
        arguments=arguments,
        outputs=OUTPUTS,
        fingerprint=fingerprint,
        identity=("number",),
        rows_per_part=rows_per_part,
    )


def rows(numbers: dict[str, int], trouble: dict[str, str] | None = None) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(numbers.keys(), pa.string()),
            "number": pa.array(numbers.values(), pa.int64()),
            "trouble": pa.array([(trouble or {}).get(key) for key in numbers], pa.string()),
        }
    )
