"""The planned samples: digests are made of new and changed samples only, and rows of those that are asked for.

python -m pytest tests/pipeline/stages/pack/test_planned.py
"""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.dataset.folder import Dataset
from pipeline.dataset.query import querying
from pipeline.stages.pack.planned import DIGESTS_FILE, find_digests
from pipeline.stages.pack.samples import PLAN_SCHEMA
from pipeline.stages.pack.shard_plan import WANTED
from schemas.pack_tables import DIGESTS

_ROWS = ", ".join(f'"{name}"' for name in PLAN_SCHEMA.names)
_INPUTS = "sample_id, inputs"


def _described(said: dict[str, str]) -> pa.Table:
    """Samples by id with their words, which stand for the digest of the description."""
    known = {"group": "g/train", "pixels": "p"}
    rows = [{**known, "sample_id": key, "dense": text, "description": text} for key, text in said.items()]
    table = pa.Table.from_pylist(rows, schema=PLAN_SCHEMA)
    inputs = pa.array([abs(hash(text)) for text in said.values()], pa.uint64())
    return table.append_column("inputs", inputs)


def _found(dataset: Dataset, said: dict[str, str]) -> tuple[dict[str, str], list[str]]:
    """The description of every sample, and the samples of which digests were made."""
    made: list[str] = []

    def plan(batch: pa.Table) -> pa.Table:
        made.extend(batch["sample_id"].to_pylist())
        return batch.select(PLAN_SCHEMA.names).cast(PLAN_SCHEMA)

    with querying(dataset.store) as connection:
        described = connection.from_arrow(_described(said))
        planned = find_digests(connection, dataset, described.project(_ROWS), described.project(_INPUTS), plan)
        rows = planned.digests.to_arrow_table()
    assert rows.schema.equals(WANTED)
    return dict(zip(rows["sample_id"].to_pylist(), rows["description"].to_pylist(), strict=True)), sorted(made)


def test_only_what_is_new_or_changed_is_digested(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    runs = [
        ({"a": "1", "b": "2"}, ["a", "b"]),
        ({"a": "1", "b": "2"}, []),
        ({"a": "1", "b": "other", "c": "3"}, ["b", "c"]),
        ({"a": "1", "c": "3"}, []),
        ({"a": "1", "b": "2"}, ["b"]),
        ({}, []),
    ]
    for said, made in runs:
        assert _found(dataset, said) == (said, made)
        kept = dataset.read_table(DIGESTS_FILE, DIGESTS)
        assert kept["sample_id"].to_pylist() == sorted(said)


def test_an_idle_run_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    _found(dataset, {"a": "1"})
    before = (tmp_path / DIGESTS_FILE).stat().st_mtime_ns
    _found(dataset, {"a": "1"})
    assert (tmp_path / DIGESTS_FILE).stat().st_mtime_ns == before


def test_a_dataset_of_an_earlier_version_gets_the_file(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    said = {"a": "1", "b": "2"}
    _found(dataset, said)
    (tmp_path / DIGESTS_FILE).unlink()
    assert _found(dataset, said) == (said, ["a", "b"])
    assert (tmp_path / DIGESTS_FILE).exists()


@pytest.mark.parametrize("order", ["sample_id", "place"])
def test_rows_come_in_the_order_that_is_asked_for_with_columns_beside_them(tmp_path: Path, order: str) -> None:
    dataset = Dataset(str(tmp_path))
    with querying(dataset.store) as connection:
        described = connection.from_arrow(_described({key: key for key in "abcd"}))
        rows, inputs = described.project(_ROWS), described.project(_INPUTS)
        planned = find_digests(connection, dataset, rows, inputs, lambda batch: batch.select(PLAN_SCHEMA.names))
        chosen = pa.table({"sample_id": ["d", "a", "c"], "place": [1, 3, 2], "suffix": ["mp4", "png", "mp4"]})
        beside = pa.schema([("suffix", pa.string())])
        found = pa.concat_tables(planned.rows(connection, connection.from_arrow(chosen), order, beside))
    expected = ["a", "c", "d"] if order == "sample_id" else ["d", "c", "a"]
    assert found["sample_id"].to_pylist() == expected
    assert found["suffix"].to_pylist() == [{"a": "png"}.get(key, "mp4") for key in expected]
    assert found.schema.names == [*PLAN_SCHEMA.names, "suffix"]
