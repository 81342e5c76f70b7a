"""Planning samples and shards, timed on a synthetic dataset: a first run, one without changes, one with 1 % changed.

Nothing is encoded or packed. `plan` makes the digests of all samples and the plan of their shards, `rows` all rows that
a first run hands to its stages; then the index is made that they would leave. `idle` is the whole of packing on it,
`shards` lists the shards with the digests by which a run knows which it verified, and `changed` makes the plan where
every hundredth sample has another caption. Each step has a process of its own, whose peak memory is told.

    just bench scale packing --sizes 10000 100000 1000000
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import pyarrow as pa

from pipeline.benchmarks.made_samples import change_captions, make_samples
from pipeline.benchmarks.made_tables import make_tables
from pipeline.benchmarks.scale_tables import Step, run_step
from pipeline.dataset.folder import Dataset
from pipeline.dataset.query import Connection, Relation, batches, querying
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.measures.clips_table import CLIPS
from pipeline.stages.encode import stage as encode
from pipeline.stages.encode.rows import planned_rows
from pipeline.stages.pack import stage as pack
from pipeline.stages.pack.committed import read_committed
from pipeline.stages.pack.described import DescribedTables, described_samples, inputs_of_samples, with_texts
from pipeline.stages.pack.packing import IN_ORDER, Packing
from pipeline.stages.pack.places import PLACES, find_places
from pipeline.stages.pack.planned import Planned, find_digests
from pipeline.stages.pack.rounds import count_of, whole_shards
from pipeline.stages.pack.rows import pack_rows
from pipeline.stages.pack.samples import plan_samples
from pipeline.stages.pack.shard_plan import ShardPlan, plan_shards
from pipeline.stages.pack.verify import shard_rows
from pipeline.stages.select.measured import ScoreTable
from schemas.config import PackConfig, RunConfig, ScoreConfig
from schemas.dataset_files import INDEX
from schemas.outcome_tables import SAMPLES

NOTE = (
    "A synthetic dataset of films with four clips and some eight samples each; nothing is encoded or packed. `plan`\n"
    "and `rows` are of a first run, `idle` of one without changes, `shards` lists what a run verified, and in\n"
    "`changed` every hundredth sample has another caption. Each step has a process of its own."
)
STEPS = ("plan", "rows", "index", "idle", "shards", "changed")
CONFIG = RunConfig(
    score=ScoreConfig(scorers=["aesthetic_ridge", "text_area"]), pack=PackConfig(buckets=["384x256x33@8"])
)
_BYTES = 1_000_000
_SIZE = "1000000::BIGINT"
_VIDEOS = (
    "*, 's3://bucket/' || key AS uri, 'v1' AS version, 0::INTEGER AS stream, 'progressive' AS scan,"
    " NULL::VARCHAR AS field_order, 1 / 24::DOUBLE AS frame_interval"
)


def measure(clips: int) -> list[Step]:
    """Make a dataset of so many clips, run each step in a process of its own, and remove it; what each step took."""
    with tempfile.TemporaryDirectory(prefix="cutroom-scale-") as folder:
        make_tables(folder, clips)
        make_samples(folder)
        steps: list[Step] = []
        for name in STEPS:
            if name == "changed":
                change_captions(folder, 100)
            command = [sys.executable, "-m", "pipeline.benchmarks.scale_packing", folder, str(clips), name]
            result = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            steps.append(Step(**json.loads(result.stdout.splitlines()[-1])))
        return steps


class _Steps:
    """The steps over the tables in a folder. Each returns the number of rows that it made for stages."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._dataset = Dataset(folder)
        self._specs = encode.spec(CONFIG), pack.spec(CONFIG, folder)

    def plan(self) -> int:
        with self._planned() as (connection, planned):
            return count_of(self._plan(connection, planned).placed)

    def rows(self) -> int:
        with self._planned() as (connection, planned):
            rows = sum(len(planned_rows(table)) for table in planned.rows(connection, planned.digests, "sample_id"))
            chosen = self._plan(connection, planned).placed.join(
                planned.digests.project("sample_id, pixels"), "sample_id"
            )
            encoded = planned.digests.project(
                "sample_id, 'encoded/f/part-0.parquet' AS part, 'mp4' AS suffix, 'c' AS checksum, [0, 0, 384, 256] AS"
                " crop, [1] AS shown_at, 33 AS decoded_frames, 1 AS attempts"
            )
            places = find_places(chosen, read_committed(connection, self._dataset), encoded, self._specs[0].outputs)
            beside = pa.schema([("shard", pa.string()), ("order", pa.uint64()), *PLACES])
            for table in whole_shards(planned.rows(connection, places, IN_ORDER, beside)):
                rows += len(pack_rows(table))
            return rows

    def index(self) -> int:
        with self._planned() as (connection, planned):
            plan = self._plan(connection, planned)
            self._write_index(connection, planned, plan)
            return count_of(plan.placed)

    def idle(self) -> int:
        with self._planned() as (connection, planned):
            engine = Engine(self._dataset, CONFIG.engine, cast(Cluster, None))
            Packing(engine, CONFIG.pack, *self._specs).run(connection, planned)
            return sum(record.computed for record in engine.records.values())

    def shards(self) -> int:
        with querying(self._dataset.store) as connection:
            index = self._dataset.relation(connection, INDEX, SAMPLES).filter("status = 'ok'")
            return sum(len(table) for table in shard_rows(self._dataset, index))

    changed = plan

    @contextmanager
    def _planned(self) -> Iterator[tuple[Connection, Planned]]:
        with querying(self._dataset.store) as connection:
            clips = self._table(connection, "clips")
            missing = [f'NULL::{_sql(field.type)} AS "{field.name}"' for field in CLIPS.schema
                       if field.name not in clips.columns]  # fmt: skip
            tables = DescribedTables(
                spans=self._table(connection, "packing_spans"),
                clips=clips.project(", ".join(["*", *missing])),
                scores=[
                    ScoreTable(self._table(connection, "scores_aesthetic"), ("aesthetic", "aesthetic_min")),
                    ScoreTable(self._table(connection, "scores_text_area"), ("text_area",)),
                ],
                videos=self._table(connection, "videos").project(_VIDEOS),
                frames=self._table(connection, "packing_frames"),
                captions=self._table(connection, "packing_captions"),
            )
            described = described_samples(connection, tables, CONFIG)
            inputs = inputs_of_samples(connection, tables, CONFIG, ["encode", "split"])

            def plan(samples: pa.Table) -> pa.Table:
                return plan_samples(with_texts(samples, "split"), CONFIG, self._specs[0].fingerprint)

            yield connection, find_digests(connection, self._dataset, described, inputs, plan)

    def _plan(self, connection: Connection, planned: Planned) -> ShardPlan:
        committed = read_committed(connection, self._dataset)
        count = CONFIG.pack.samples_per_shard
        return plan_shards(connection, committed.plan_columns, planned.digests, CONFIG.pack.seed, count, committed.lost)

    def _write_index(self, connection: Connection, planned: Planned, plan: ShardPlan) -> None:
        """The index that packing would leave, and shards that take no room."""
        known = {
            "clip_id": "left(sample_id, length(sample_id) - 18)",
            "video_id": "left(sample_id, 16)",
            "source": "left(sample_id, 16)",
            "bucket": "'384x256x33@8'",
            "split": "split_part(\"group\", '/', 2)",
            "offset": f'(row_number() OVER (PARTITION BY chunk ORDER BY "order", sample_id) - 1) * {_SIZE}',
            "size": _SIZE,
            "checksum": "sha256(sample_id)",
            "scores": "[]",
            "categories": "[]",
            "status": "'ok'",
            "error": "NULL",
        }
        kinds = {field.name: _sql(field.type) for field in SAMPLES.schema}
        plain = {"sample_id", "shard", "order", "pixels", "description"}
        columns = [
            f'"{name}"' if name in plain else f'({known.get(name, "1")})::{kind} AS "{name}"'
            for name, kind in kinds.items()
        ]
        rows = plan.placed.join(planned.digests, "sample_id").project(", ".join(columns)).order("sample_id")
        self._dataset.write_table(INDEX, SAMPLES, _cast(batches(rows)))
        for shard, count in plan.placed.aggregate("shard, count(*)").fetchall():
            path = Path(self._folder, "shards", shard)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            os.truncate(path, count * _BYTES)

    def _table(self, connection: Connection, name: str) -> Relation:
        return connection.read_parquet(f"{self._folder}/{name}/*.parquet")


def _cast(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    return (table.cast(SAMPLES.schema) for table in tables)


def _sql(kind: pa.DataType) -> str:
    names = {pa.string(): "VARCHAR", pa.int32(): "INTEGER", pa.int64(): "BIGINT", pa.float64(): "DOUBLE",
             pa.bool_(): "BOOLEAN", pa.uint64(): "UBIGINT"}  # fmt: skip
    if pa.types.is_list(kind):
        return f"STRUCT(name VARCHAR, value {_sql(kind.value_type.field(1).type)})[]"
    return names[kind]


if __name__ == "__main__":
    run_step(_Steps)
