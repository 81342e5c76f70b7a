"""The stage interface: a plain class that turns rows into results, testable without Ray, and its specification.

A stage that treats rows independently has `process(row)`; one that benefits from batches has `process_batch(rows)`.
Both raise `MediaError` for what is the row's own fault. `run_rows` is the only place that catches, retries and matches
results to rows, always by key.

    outcomes = run_rows(Probe(), rows, key="object_id", max_attempts=2)
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from pipeline.storage.addresses import redact
from pipeline.storage.temporary import is_full, temporary_folder_is_full
from schemas.contract import TableContract
from schemas.errors import DatasetError, MediaError, StageError

Row = dict[str, Any]
Failure = tuple[str, str, int]
"""The stage that failed, why, and after how many attempts."""
Value = TypeVar("Value")
# Errors that may be transient and are retried; everything else fails at once.
_TRANSIENT = (ConnectionError, TimeoutError, InterruptedError, OSError)
_PERMANENT = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)
_FATAL = (DatasetError, StageError)
STATUS = ("status", "error", "attempts")


@dataclass(slots=True, kw_only=True)
class Result:
    """A stage's result for one row: the values of its primary table and rows of its other tables, or an error.

    With an error, `values` may hold the columns that are known nevertheless.
    """

    key: str
    values: Row | None = None
    error: str | None = None
    others: dict[str, list[Row]] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    attempts: int = 1
    expected: bool = True
    """For an error: whether it is the input's own fault, so that it does not count against the stage."""


@runtime_checkable
class RowStage(Protocol):
    """A stage that processes rows independently."""

    def process(self, row: Row) -> Result:
        """Process one row. May raise; the exception becomes the row's error."""
        ...


@runtime_checkable
class BatchStage(Protocol):
    """A stage that processes many rows at once, such as a model on a batch."""

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Process all rows of a part; results in any order. If it raises, it is called again row by row."""
        ...


Stage = RowStage | BatchStage


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """A table that a stage writes: its folder in the dataset, its contract, and the column with the input row's key.

    The rows of a `media` table are compressed already: they are written as they are. `rows_per_group` are the fewest
    rows that a reader takes from a file: few where they are large, and wanted one by one.
    """

    folder: str
    contract: TableContract
    parent: str
    media: bool = False
    rows_per_group: int = 16_384
    hashed: tuple[str, ...] | None = None
    """The columns that count in the stage's fingerprint; None: all. Others stood in another table before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSpec:
    """The specification of a row stage. `outputs[0]` is the primary table: one row per input row, with a status."""

    name: str
    build: Callable[..., Stage]
    arguments: Mapping[str, Any]
    outputs: tuple[Output, ...]
    fingerprint: str
    identity: tuple[str, ...]
    """Input columns that, with the key, identify a row: if they are unchanged, it is not computed again."""
    upstream: tuple[str, ...] = ()
    """The stages whose columns it reads, by name."""
    rows_per_part: int = 1
    cpus: int = 1
    gpus: int = 0
    workers: int = 0
    """Fixed number of workers; 0: as many as the CPUs allow."""
    waits: bool = False
    """Whether its workers mostly wait, as clients of an endpoint do: in a stream they take next to no CPU."""
    place: Literal["workers", "driver"] = "workers"
    """`driver`: a `BatchStage` that passes its rows on (to a batch engine that is costly to start), many parts at once;
    its results are committed part by part as they arrive."""

    @property
    def key(self) -> str:
        """The key column of the input rows, which is the key of the primary table."""
        return self.outputs[0].contract.key


@dataclass(frozen=True, slots=True)
class Outcome:
    """A row's result, the number of attempts, and whether a failure is the input's own fault."""

    result: Result
    attempts: int
    expected: bool


def run_rows(stage: Stage, rows: Sequence[Row], key: str, max_attempts: int) -> list[Outcome]:
    """Run a stage over rows: one outcome per row, in the rows' order. Raises only errors that end a run."""
    if not isinstance(stage, BatchStage):
        return [_try_row(lambda row=row: stage.process(row), row[key], max_attempts) for row in rows]  # type: ignore[misc]
    try:
        by_key = {result.key: result for result in checked(stage.process_batch(rows), {row[key] for row in rows})}
    except _FATAL:
        raise
    except Exception:
        # One bad row must not fail its neighbours, so each gets its own call and its own error.
        return [_try_row(lambda row=row: _single(stage, row, key), row[key], max_attempts) for row in rows]  # type: ignore[misc]
    return in_order(by_key, rows, key)


def in_order(by_key: Mapping[str, Result], rows: Sequence[Row], key: str) -> list[Outcome]:
    """One outcome per row, in the rows' order; a row without a result fails with that reason."""
    missing = "the stage gave no result for this row"
    results = [by_key.get(row[key]) or Result(key=row[key], error=missing, expected=False) for row in rows]
    return [Outcome(result, result.attempts, result.expected) for result in results]


def checked(results: Iterable[Result], keys: set[str]) -> Iterable[Result]:
    """The results as they arrive. Raises `StageError` for a key that was not requested, or that occurs twice."""
    seen: set[str] = set()
    for result in results:
        if result.key not in keys or result.key in seen:
            raise StageError(f"a stage returned {result.key!r}, which was not requested or was returned before")
        seen.add(result.key)
        yield result


def _single(stage: BatchStage, row: Row, key: str) -> Result:
    results = list(checked(stage.process_batch([row]), {row[key]}))
    return (
        results[0] if results else Result(key=row[key], error="the stage gave no result for this row", expected=False)
    )


def _try_row(call: Callable[[], Result], key: str, max_attempts: int) -> Outcome:
    result = attempt(call, max_attempts)
    if result.value is None:
        return Outcome(Result(key=key, error=result.error), result.attempts, result.expected)
    return Outcome(result.value, result.attempts, result.value.expected)


@dataclass(frozen=True, slots=True)
class Attempt(Generic[Value]):
    """The outcome of a call: its value, or the error in one line; the attempts; whether the input is at fault."""

    value: Value | None
    error: str | None
    attempts: int
    expected: bool


def attempt(call: Callable[[], Value], max_attempts: int) -> Attempt[Value]:
    """Call, and retry transient failures, up to `max_attempts` times. Raises only errors that end a run."""
    for tries in range(1, max_attempts + 1):
        try:
            return Attempt(call(), None, tries, True)
        except MediaError as error:
            return Attempt(None, str(error), tries, True)
        except _FATAL:
            raise
        except _TRANSIENT as error:
            if is_full(error):
                raise temporary_folder_is_full("stills and samples are gathered there") from error
            if tries == max_attempts or isinstance(error, _PERMANENT):
                return Attempt(None, describe(error), tries, False)
            time.sleep(0.2 * 2**tries)
        except Exception as error:
            return Attempt(None, describe(error), tries, False)
    raise AssertionError("the last attempt returns")


def describe(error: BaseException) -> str:
    """An unexpected error in one line: its type and message, without the secrets of addresses."""
    return f"{type(error).__name__}: {redact(' '.join(str(error).split()))[:500]}"
