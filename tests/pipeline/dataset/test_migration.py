"""A dataset of an earlier version: read as it stands, and brought into today's layout with nothing lost.

python -m pytest tests/pipeline/dataset/test_migration.py
"""

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dataset.folder import FORMAT, Dataset
from pipeline.dataset.migration import migrate
from pipeline.dataset.plan import Part
from pipeline.stage import Output
from pipeline.stages.split.stage import OUTPUTS as SPLIT
from schemas.caption_tables import CAPTIONS, SCORES
from schemas.dataset_files import SPANS_FILE
from schemas.named_values import dict_of
from schemas.outcome_tables import SAMPLE_SPANS

SCORED = Output(folder="scores/beauty", contract=SCORES, parent="clip_id")
CAPTIONED = Output(folder="captions", contract=CAPTIONS, parent="sample_id")
PLANNED = [Part("part-a", (("c1", "i1"), ("c2", "i2"))), Part("part-b", (("c3", "i3"),))]
IMAGES = SPLIT[-1]
STATUS: dict[str, Any] = {"status": "ok", "error": None, "attempts": 1}
FAILED: dict[str, Any] = {"status": "failed", "error": "no picture", "attempts": 1}


def _put(dataset: Dataset, key: str, rows: list[dict[str, Any]], schema: pa.Schema) -> None:
    data = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), data)
    dataset.store.write(key, data.getvalue())


def _with_maps(schema: pa.Schema, name: str, kind: pa.DataType) -> pa.Schema:
    return schema.set(schema.names.index(name), pa.field(name, pa.map_(pa.string(), kind)))


@pytest.fixture
def older(tmp_path: Path) -> Dataset:
    """What an earlier version left: plans among parts, maps, and the spans beside the selection."""
    dataset = Dataset(str(tmp_path / "set"))
    plan = pa.schema([("part", pa.string()), ("key", pa.string()), ("identity", pa.string())])
    for number, part in enumerate(PLANNED):
        planned = [{"part": part.name, "key": key, "identity": identity} for key, identity in part.rows]
        _put(dataset, f"scores/beauty/f1/plan-{number:04d}.parquet", planned, plan)
    scores = _with_maps(SCORES.schema, "measures", pa.float64())
    measured: dict[str, Any] = {"scorer": "beauty", "measures": [("aesthetic", 5.0), ("sky", 0.5)], **STATUS}
    failed: dict[str, Any] = {"scorer": "beauty", "measures": None, **FAILED}
    _put(
        dataset, "scores/beauty/f1/part-a.parquet", [{"clip_id": "c1", **measured}, {"clip_id": "c2", **failed}], scores
    )
    _put(dataset, "scores/beauty/f1/part-b.parquet", [{"clip_id": "c3", **measured}], scores)
    caption: dict[str, Any] = {**dict.fromkeys(CAPTIONS.names, "x"), "tokens": 3, "fields": [("subject", "a dog")]}
    captions = _with_maps(CAPTIONS.schema, "fields", pa.string())
    _put(dataset, "captions/f2/part-a.parquet", [{**caption, **STATUS}], captions)
    span = {"sample_id": "s", "clip_id": "c1", "bucket": "64x48x1", "ordinal": 0, "start_time": 0.0, "end_time": 0.0}
    _put(dataset, "selection/sample_spans.parquet", [{**span, "stills": []}], SAMPLE_SPANS.schema)
    return dataset


def _content(dataset: Dataset) -> list[Any]:
    scores = dataset.read_parts(SCORED, "f1", {"part-a": None, "part-b": None}).to_pylist()
    captions = dataset.read_parts(CAPTIONED, "f2", {"part-a": None}).to_pylist()
    return [
        dataset.read_plan(SCORED.folder, "f1"),
        [(row["clip_id"], dict_of(row["measures"]), row["status"]) for row in scores],
        [(row["dense"], dict_of(row["fields"])) for row in captions],
        dataset.read_table(SPANS_FILE, SAMPLE_SPANS)["sample_id"].to_pylist(),
    ]


CONTENT: list[Any] = [
    PLANNED,
    [("c1", {"aesthetic": 5.0, "sky": 0.5}, "ok"), ("c2", {}, "failed"), ("c3", {"aesthetic": 5.0, "sky": 0.5}, "ok")],
    [("x", {"subject": "a dog"})],
    ["s"],
]


def test_an_older_dataset_is_read_as_it_stands(older: Dataset) -> None:
    assert _content(older) == CONTENT


def test_a_migrated_dataset_says_the_same_with_one_schema_in_every_folder(older: Dataset) -> None:
    assert migrate(older, IMAGES) == 6
    assert _content(older) == CONTENT
    assert [file.key for file in older.store.list("scores")] == [
        "scores/beauty/f1/part-a.parquet",
        "scores/beauty/f1/part-b.parquet",
    ]
    assert older.store.list("selection") == []
    table = pq.read_table(f"{older.store.uri}/scores/beauty/f1")
    assert table.schema.equals(SCORES.schema)
    assert len(table) == 3
    assert migrate(older, IMAGES) == 0  # there is no record yet, so it looks again, and finds nothing to do


def test_a_migration_that_was_killed_goes_on(older: Dataset) -> None:
    first = "scores/beauty/f1/plan-0000.parquet"
    older.store.write(f".plans/{first}", older.store.read(first))  # written, and killed before the old one went
    assert _content(older) == CONTENT
    migrate(older, IMAGES)
    assert _content(older) == CONTENT


def test_new_plans_go_on_after_those_of_earlier_versions(older: Dataset) -> None:
    added = Part("part-c", (("c4", "i4"),))
    older.append_plan(SCORED.folder, "f1", [added])
    assert older.read_plan(SCORED.folder, "f1") == [*PLANNED, added]
    assert [file.key for file in older.store.list(".plans")] == [".plans/scores/beauty/f1/plan-0002.parquet"]


def test_a_dataset_of_today_is_not_looked_through(older: Dataset) -> None:
    older.write_record({"format": FORMAT})
    assert migrate(older, IMAGES) == 0
    assert older.store.exists("selection/sample_spans.parquet")
    older.write_record({"bucket": "films"})  # a record of an earlier version names no format
    assert migrate(older, IMAGES) == 6


def test_values_by_name_keep_the_fingerprint_that_they_had_as_maps() -> None:
    kinds = {column.name: column.content for column in (*SCORES.columns, *CAPTIONS.columns)}
    assert (kinds["measures"], kinds["fields"]) == ("map<string, double>", "map<string, string>")
    assert kinds["clip_id"] == "string"


def test_pictures_leave_the_stills_and_other_columns_stay_as_they_are(tmp_path: Path) -> None:
    """Under an earlier fingerprint stills had other columns."""
    dataset = Dataset(str(tmp_path))
    kinds = pa.schema([(name, pa.string()) for name in ("still_id", "clip_id", "video_id", "older")])
    row = {"still_id": "s", "clip_id": "c", "video_id": "v", "older": "kept", "image": b"jpeg"}
    _put(dataset, "stills/f/part-1.parquet", [row], kinds.append(pa.field("image", pa.binary())))
    assert migrate(dataset, IMAGES) == 1
    assert migrate(dataset, IMAGES) == 0
    stills, images = (pq.read_table(tmp_path / folder / "f/part-1.parquet") for folder in ("stills", "still_images"))
    assert stills.to_pylist() == [{name: row[name] for name in kinds.names}]
    assert images.to_pylist() == [{name: row[name] for name in ("still_id", "clip_id", "video_id", "image")}]
