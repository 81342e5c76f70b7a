"""Runs stages in the driver: many parts go to the stage at once, and each is committed when its last row is done.

A batch engine takes from half a minute to minutes to start, so it gets as many rows as memory allows rather than one
part after the other. A stage that raises ends the run: a retry row by row would start the engine for each.

    for report in WaveWorker(spec, dataset).reports(tasks): ...
"""

import os
import time
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.engine.commit import commit
from pipeline.engine.worker import decode_rows, summarise
from pipeline.stage import BatchStage, Result, Row, StageSpec, checked, describe, in_order
from schemas.errors import CutroomError, StageError

Item = TypeVar("Item")
ROWS_PER_WAVE = 8192  # a row of references and text is about a kilobyte


class WaveWorker:
    """Processes the parts of one stage in this process. Raises `StageError` if the stage does not take batches."""

    def __init__(self, spec: StageSpec, dataset: Dataset, rows_per_wave: int = ROWS_PER_WAVE) -> None:
        self._spec, self._dataset, self._rows_per_wave = spec, dataset, rows_per_wave

    def reports(self, tasks: Sequence[pa.Table]) -> Iterator[dict[str, Any]]:
        """Process all tasks (one row = one part), wave by wave; one report per part, in the order of commits."""
        try:
            stage = self._spec.build(**self._spec.arguments)
            if not isinstance(stage, BatchStage):
                raise StageError(f"stage {self._spec.name} is placed in the driver, but has no process_batch")
            for wave in self._waves(tasks):
                yield from self._work(stage, wave)
        except CutroomError:
            raise
        except Exception as error:
            raise StageError(f"stage {self._spec.name} cannot run: {describe(error)}") from error

    def _waves(self, tasks: Sequence[pa.Table]) -> Iterator[dict[str, tuple[list[Row], list[int]]]]:
        wave: dict[str, tuple[list[Row], list[int]]] = {}
        for task in tasks:
            for part in task.to_pylist():
                rows, prior = decode_rows(part["rows"])
                if wave and sum(len(batch) for batch, _ in wave.values()) + len(rows) > self._rows_per_wave:
                    yield wave
                    wave = {}
                wave[part["part"]] = (rows, prior)
        if wave:
            yield wave

    def _work(self, stage: BatchStage, wave: dict[str, tuple[list[Row], list[int]]]) -> Iterator[dict[str, Any]]:
        key = self._spec.key
        part_of = {row[key]: part for part, (rows, _) in wave.items() for row in rows}
        missing = {part: len(rows) for part, (rows, _) in wave.items()}
        results: dict[str, dict[str, Result]] = {part: {} for part in wave}
        timer = _Timer()
        for result in checked(stage.process_batch([row for rows, _ in wave.values() for row in rows]), set(part_of)):
            part = part_of[result.key]
            results[part][result.key] = result
            missing[part] -= 1
            if not missing[part]:
                yield self._commit(part, wave[part], results.pop(part), timer)
        for part in list(results):  # parts for which the stage omitted rows
            yield self._commit(part, wave[part], results.pop(part), timer)

    def _commit(
        self, part: str, rows: tuple[list[Row], list[int]], results: dict[str, Result], timer: "_Timer"
    ) -> dict[str, Any]:
        outcomes = in_order(results, rows[0], self._spec.key)
        outcomes = commit(self._dataset, self._spec, part, *rows, outcomes)
        return summarise(outcomes) | timer.lap() | {"worker": os.getpid()}


class _Timer:
    """Time since the last lap; the stage's time between commits is shared by all parts."""

    def __init__(self) -> None:
        self._last = (time.monotonic(), time.process_time())

    def lap(self) -> dict[str, float]:
        """Wall-clock and CPU seconds of this process since the last lap."""
        before, self._last = self._last, (time.monotonic(), time.process_time())
        return {"busy_seconds": self._last[0] - before[0], "cpu_seconds": self._last[1] - before[1]}
