"""The steps of a stream: stages in the order in which rows flow through them, and the tables that each step reads.

A step's input rows are worked out from what is given to the stream and from the tables of the stages before it. The
same function does this for a small group of sources in a worker, and for all that is complete already in the driver.

    Step(spec=specs.embed, rows=lambda tables: tables.of("stills", ["still_id", "clip_id"]))
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.folder import PART_COLUMN
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.groups import SlicedRows
from pipeline.stage import StageSpec


@dataclass(frozen=True, slots=True)
class Tables:
    """What a step reads: tables given to the stream by name, and finished stages by name."""

    given: Mapping[str, pa.Table]
    runs: Mapping[str, StageRun]

    def of(self, folder: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The table in `folder` of the stage that writes it, sorted by key, with the rows' part files in `part`."""
        for run in self.runs.values():
            for output in run.spec.outputs:
                if output.folder == folder:
                    return run.table(output, columns)
        raise KeyError(f"no stage of this stream, and none before it, writes {folder!r}")

    def good(self, folder: str, columns: Sequence[str]) -> pa.Table:
        """The rows of a stage's primary table that did not fail: these columns and `part`."""
        table = self.of(folder, [*columns, "status"])
        return table.filter(pc.equal(table["status"], "ok")).select([*columns, PART_COLUMN])


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A stage of a stream, and how its input rows follow from the tables before it.

    `rows` is called with the tables of one group or of many, and gives the rows of each group in the same order.
    """

    spec: StageSpec
    rows: Callable[[Tables], pa.Table]


@dataclass(frozen=True, slots=True)
class Ahead:
    """A last step that works ahead: it does for groups on their way what its stage would do later anyway.

    Nothing waits for it and no group is sent for it alone: what it did not reach, the stage does when it is run itself.
    So its cores are busy while the steps before it wait. `given` are tables that it alone reads.
    """

    step: Step
    given: Mapping[str, SlicedRows]


def given(name: str, tables: Tables) -> pa.Table:
    """The rows of a first step: a table given to the stream. Use it as `functools.partial(given, name)`."""
    return tables.given[name]
