"""The steps of a run that see every source or clip, timed on a synthetic dataset: listing and slices, selection,
what-if, sample spans, ledger.

Each step has a process of its own, whose peak memory is told. Making the dataset, and a bucket of empty files, is not
timed.

    measure(1_000_000)
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import pyarrow as pa

from pipeline.benchmarks.made_tables import FOLDERS, make_bucket, make_outcomes, make_tables
from pipeline.dataset.folder import Dataset
from pipeline.dataset.ledger import build_ledger
from pipeline.dataset.ledger_rows import VANISHED, RunTables, caption_failures
from pipeline.dataset.query import Connection, Relation, batches, querying
from pipeline.dataset.slices import Slices
from pipeline.engine.slice_inputs import digest_of_rows
from pipeline.readers.what_if.funnel import make_funnel
from pipeline.stages.ingest.stage import list_bucket
from pipeline.stages.select.measured import ScoreTable, columns_of_rules, measured_clips
from pipeline.stages.select.sample_spans import (
    CLIP_COLUMNS,
    SORTING_GIGABYTES,
    STILLS_READ,
    ShortSamples,
    plan_spans,
    streams_of,
)
from pipeline.stages.select.select import rules_of, select
from schemas.config import RunConfig, SelectConfig
from schemas.dataset_files import LEDGER_FILE, SELECTION_FILE, SPANS_FILE
from schemas.media_tables import DUPLICATES
from schemas.outcome_tables import LEDGER, SAMPLE_SPANS, SELECTION

NOTE = (
    "A synthetic dataset of films with four clips each, two stills and some two samples per clip: rules with\n"
    "percentiles, the same rules by what-if, the spans of all samples with their stills, and the ledger with seconds\n"
    "and lost spans; before them the listing of a folder with a file for each film, which are divided into slices.\n"
    "Each step has a process of its own."
)
CONFIG = RunConfig(
    select=SelectConfig(rules=["aesthetic in top 80%", "motion in middle 90%", "text_area <= 0.2", "camera != static"])
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step took at one size. Memory is the peak of its process, in gigabytes."""

    clips: int
    name: str
    rows: int
    seconds: float
    cpu_seconds: float
    peak_gigabytes: float


def measure(clips: int) -> list[Step]:
    """Make a dataset of so many clips, run all steps in another process, and remove it."""
    with tempfile.TemporaryDirectory(prefix="cutroom-scale-") as folder:
        make_tables(folder, clips)
        steps: list[Step] = []
        for name in ("listing", "select", "what_if", "spans", "ledger"):
            if name == "listing":
                make_bucket(f"{folder}/bucket", clips)
            if name == "ledger":
                make_outcomes(folder)
            command = [sys.executable, "-m", "pipeline.benchmarks.scale_tables", folder, str(clips), name]
            result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            steps.append(Step(**json.loads(result.stdout)))
        return steps


class _Steps:
    """The steps over the tables in a folder. Each returns the number of rows that it wrote."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._dataset = Dataset(folder)

    def listing(self) -> int:
        objects = list_bucket(f"{self._folder}/bucket", CONFIG.ingest)
        slices = Slices.assigned(self._dataset.store, objects["key"], CONFIG.engine.videos_per_slice)
        assert digest_of_rows(objects)
        return len(slices.of_keys(objects["key"]))

    def select(self) -> int:
        with self._querying() as connection:
            selection, _ = select(connection, self._measured(connection), CONFIG, lambda kept: DUPLICATES.empty())
            return self._dataset.write_table(SELECTION_FILE, SELECTION, selection).rows

    def what_if(self) -> int:
        with self._querying() as connection:
            none = connection.from_arrow(DUPLICATES.empty())
            return make_funnel(connection, self._measured(connection), rules_of(CONFIG), CONFIG, none).kept.clips

    def _measured(self, connection: Connection) -> Relation:
        scores = [
            ScoreTable(self._table(connection, "scores_aesthetic"), ("aesthetic",)),
            ScoreTable(self._table(connection, "scores_text_area"), ("text_area",)),
        ]
        return measured_clips(self._table(connection, "clips"), scores, columns_of_rules(rules_of(CONFIG)))

    def spans(self) -> int:
        with self._querying(SORTING_GIGABYTES) as first, self._querying(SORTING_GIGABYTES) as second:
            clips, stills = (
                streams_of(
                    self._table(connection, "clips").project(", ".join(CLIP_COLUMNS)),
                    self._table(connection, "stills").project(", ".join(STILLS_READ)),
                    self._dataset.relation(connection, SELECTION_FILE, SELECTION, ["clip_id", "state"]),
                )[place]
                for place, connection in enumerate((first, second))
            )
            planned = plan_spans(batches(clips), batches(stills), CONFIG, ShortSamples())
            return self._dataset.write_table(SPANS_FILE, SAMPLE_SPANS, planned).rows

    def ledger(self) -> int:
        with self._querying() as connection:
            planned = self._dataset.relation(connection, SPANS_FILE, SAMPLE_SPANS)
            frames, captions = (self._table(connection, name) for name in ("frame_captions", "captions"))
            tables = RunTables(
                videos=self._table(connection, "videos"),
                identical=connection.from_arrow(DUPLICATES.empty()),
                splits=self._table(connection, "splits"),
                clips=self._table(connection, "clips"),
                selection=self._dataset.relation(connection, SELECTION_FILE, SELECTION),
                planned=planned,
                failures=caption_failures(planned, frames, captions),
                samples=self._table(connection, "samples"),
                vanished=connection.from_arrow(pa.Table.from_pylist([], schema=VANISHED)),
            )
            _, ledger = build_ledger(connection, tables, CONFIG)
            return self._dataset.write_table(LEDGER_FILE, LEDGER, ledger).rows

    @contextmanager
    def _querying(self, gigabytes: float = 2.0) -> Iterator[Connection]:
        with querying(self._dataset.store, gigabytes) as connection:
            yield connection

    def _table(self, connection: Connection, name: str) -> Relation:
        assert name in FOLDERS
        return connection.read_parquet(f"{self._folder}/{name}/*.parquet")


def run_step(make_steps: Callable[[str], object]) -> None:
    """Run one step (folder, clips and name are the arguments of the process), and print what it took as JSON."""
    folder, clips, name = sys.argv[1:]
    started, cpu = time.monotonic(), time.process_time()
    rows = getattr(make_steps(folder), name)()
    step = Step(
        clips=int(clips),
        name=name,
        rows=rows,
        seconds=time.monotonic() - started,
        cpu_seconds=time.process_time() - cpu,
        peak_gigabytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
    )
    print(json.dumps(asdict(step)))


if __name__ == "__main__":
    run_step(_Steps)
