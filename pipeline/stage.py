"""What a stage is: a plain class that turns rows into results, testable without Ray; and how the engine sees it.

A stage that treats rows one by one has `process(row)`; one that gains from batches has `process_batch(rows)`. Either
raises `MediaError` for what is the row's own fault. `run_rows` is the only place that catches, retries and matches
results to rows, always by key.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import pyarrow as pa

from schemas.contract import TableContract
from schemas.errors import DatasetError, MediaError, StageError

Row = dict[str, Any]
# Failures that may pass by themselves; everything else fails at once.
_PASSING = (ConnectionError, TimeoutError, InterruptedError, OSError)
_LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_FATAL = (DatasetError, StageError)
STATUS = ("status", "error", "attempts")


@dataclass(slots=True, kw_only=True)
class Result:
    """What a stage says of one row: the values of its primary table, and rows of its other tables; or the error.

    With an error, `values` may hold what is known all the same.
    """

    key: str
    values: Row | None = None
    error: str | None = None
    others: dict[str, list[Row]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)


@runtime_checkable
class RowStage(Protocol):
    """A stage whose rows are independent work."""

    def process(self, row: Row) -> Result:
        """Work on one row. May raise; the exception becomes the row's error."""
        ...


@runtime_checkable
class BatchStage(Protocol):
    """A stage that works on many rows at once, such as a model on a batch."""

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Work on all rows of a part; results in any order. If it raises, it is called again row by row."""
        ...


Stage = RowStage | BatchStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A table that a stage writes: its folder in the dataset, its contract, and the column that names the input row."""

    folder: str
    contract: TableContract
    parent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """A row stage as the engine sees it. `outputs[0]` is the primary table: one row per input row, with a status."""

    name: str
    build: Callable[..., Stage]
    arguments: Mapping[str, Any]
    outputs: tuple[Output, ...]
    fingerprint: str
    identity: tuple[str, ...]
    """Input columns that, with the key, decide whether a row is the one that was computed before."""
    rows_per_part: int = 1
    partition: Callable[[pa.Table], list[pa.Table]] | None = None
    """Cuts the parts where their composition matters (shards); such parts are never kept when it changes."""
    cpus: int = 1
    gpus: int = 0
    workers: int = 0
    """Fixed number of workers; 0 = as many as the CPUs allow."""

    @property
    def key(self) -> str:
        """The key column of the input rows, which is the key of the primary table."""
        return self.outputs[0].contract.key


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row's result with the number of tries and whether a failure is the input's own fault."""

    result: Result
    attempts: int
    expected: bool


def run_rows(stage: Stage, rows: Sequence[Row], key: str, max_attempts: int) -> list[Outcome]:
    """Run a stage over rows, one outcome per row in the rows' order. Raises only what ends a run."""
    if not isinstance(stage, BatchStage):
        return [_try_row(lambda row=row: stage.process(row), row[key], max_attempts) for row in rows]  # type: ignore[misc]
    try:
        found = {result.key: result for result in _checked(stage.process_batch(rows), {row[key] for row in rows})}
    except _FATAL:
        raise
    except Exception:
        # One bad row must not cost its neighbours, so each gets its own call and its own error.
        return [_try_row(lambda row=row: _single(stage, row, key), row[key], max_attempts) for row in rows]  # type: ignore[misc]
    missing = "the stage gave no result for this row"
    return [Outcome(found.get(row[key]) or Result(key=row[key], error=missing), 1, row[key] in found) for row in rows]


def _checked(results: Iterable[Result], keys: set[str]) -> Iterable[Result]:
    seen: set[str] = set()
    for result in results:
        if result.key not in keys or result.key in seen:
            raise StageError(f"a stage answered for {result.key!r}, which it was not asked or had answered already")
        seen.add(result.key)
        yield result


def _single(stage: BatchStage, row: Row, key: str) -> Result:
    found = list(_checked(stage.process_batch([row]), {row[key]}))
    return found[0] if found else Result(key=row[key], error="the stage gave no result for this row")


def _try_row(call: Callable[[], Result], key: str, max_attempts: int) -> Outcome:
    for attempt in range(1, max_attempts + 1):
        try:
            return Outcome(call(), attempt, True)
        except MediaError as error:
            return Outcome(Result(key=key, error=str(error)), attempt, True)
        except _FATAL:
            raise
        except _PASSING as error:
            if attempt == max_attempts or isinstance(error, _LASTING):
                return Outcome(Result(key=key, error=describe(error)), attempt, False)
            time.sleep(0.2 * 2**attempt)
        except Exception as error:
            return Outcome(Result(key=key, error=describe(error)), attempt, False)
    raise AssertionError("the last attempt returns")


def describe(error: BaseException) -> str:
    """An unexpected error in one line: its kind and its text."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:500]}"
