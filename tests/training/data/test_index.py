"""The index in columns: the order of the shuffle, one split, scores and categories by sample, and older tables.

python -m pytest tests/training/data/test_index.py
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.dataset_files import INDEX
from schemas.errors import DatasetError
from schemas.ids import digest
from schemas.named_values import dict_of
from tests.training.data.made_dataset import drop_columns, make_dataset
from training.benchmarks.plan import made_index
from training.data.index import SampleIndex


def test_rows_stand_in_the_order_of_the_shuffle_with_everything_of_the_table(tmp_path: Path) -> None:
    rows = {row["sample_id"]: row for row in make_dataset(str(tmp_path)) if row["split"] == "train"}
    index = SampleIndex.open(str(tmp_path))
    assert set(index.sample_ids.to_pylist()) == set(rows)
    locations = list(zip(index.shards.take(index.shard).to_pylist(), index.offset.tolist(), strict=True))
    slugs = [locations[row][0].split("/")[0] for row in range(len(index))]
    order = list(zip(slugs, (digest("order", 0, key) for key in index.sample_ids.to_pylist()), strict=True))
    assert order == sorted(order)
    for row_number, name in enumerate(index.sample_ids.to_pylist()):
        row = rows[name]
        assert index.clip_ids[row_number].as_py() == row["clip_id"]
        assert index.videos[int(index.video[row_number])].as_py() == row["video_id"]
        assert index.sources[int(index.video[row_number])].as_py() == row["source"]
        assert str(index.buckets[index.bucket[row_number]]) == row["bucket"]
        assert locations[row_number] == (row["shard"], row["offset"])
        assert (index.size[row_number], index.tokens[row_number]) == (row["size"], row["tokens"])


def test_splits_are_apart_and_rows_that_failed_are_in_none(tmp_path: Path) -> None:
    rows = make_dataset(str(tmp_path), {"64x48x9@8": 10})
    table = pq.read_table(tmp_path / INDEX)
    status = ["failed" if name == rows[0]["sample_id"] else "ok" for name in table["sample_id"].to_pylist()]
    pq.write_table(table.set_column(table.column_names.index("status"), "status", [status]), tmp_path / INDEX)
    train, val = (set(SampleIndex.open(str(tmp_path), split).sample_ids.to_pylist()) for split in ("train", "val"))
    assert train == {row["sample_id"] for row in rows[1:] if row["split"] == "train"}
    assert val == {row["sample_id"] for row in rows if row["split"] == "val"} != set()
    assert len(SampleIndex.open(str(tmp_path), "test")) == 0


@pytest.mark.parametrize("split", ["train", "val"])
def test_scores_and_categories_belong_to_their_samples(tmp_path: Path, split: str) -> None:
    rows = {row["sample_id"]: row for row in make_dataset(str(tmp_path), {"64x48x9@8": 10, "48x64x1": 3})}
    index = SampleIndex.open(str(tmp_path), split)
    assert index.score_names() == (frozenset({"aesthetic", "motion"}), frozenset({"camera"}))
    scores, (codes, table) = index.scores(["aesthetic", "motion"]), index.categories(["camera"])["camera"]
    for row_number, name in enumerate(index.sample_ids.to_pylist()):
        known = dict_of(rows[name]["scores"])
        assert scores["aesthetic"][row_number] == known["aesthetic"]
        np.testing.assert_equal(scores["motion"][row_number], known.get("motion", np.nan))
        assert (table[codes[row_number]] if codes[row_number] >= 0 else None) == dict_of(rows[name]["categories"]).get(
            "camera"
        )


def test_scores_and_categories_of_an_older_index_are_maps(tmp_path: Path) -> None:
    make_dataset(str(tmp_path), {"64x48x9@8": 10, "48x64x1": 3})
    today = SampleIndex.open(str(tmp_path))
    expected = (today.score_names(), today.scores(["aesthetic", "motion"]), today.categories(["camera"])["camera"])
    table = pq.read_table(tmp_path / INDEX)
    for name, formerly, value_type in (("scores", "scores", pa.float64()), ("categories", "words", pa.string())):
        maps = pa.array(
            [list(dict_of(cell).items()) for cell in table[name].to_pylist()], pa.map_(pa.string(), value_type)
        )
        table = table.drop_columns([name]).append_column(formerly, maps)
    pq.write_table(table, tmp_path / INDEX)
    older = SampleIndex.open(str(tmp_path))
    assert older.score_names() == expected[0]
    np.testing.assert_equal(older.scores(["aesthetic", "motion"]), expected[1])
    np.testing.assert_equal(older.categories(["camera"])["camera"], expected[2])


def test_an_older_index_has_no_scores_and_ids_for_sources(tmp_path: Path) -> None:
    make_dataset(str(tmp_path))
    drop_columns(tmp_path, "scores", "categories", "source")
    index = SampleIndex.open(str(tmp_path))
    assert index.score_names() == (frozenset(), frozenset())
    assert index.sources.to_pylist() == index.videos.to_pylist()


def test_what_is_no_index_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"shards/index\.parquet is missing; `just curate"):
        SampleIndex.open(str(tmp_path))
    make_dataset(str(tmp_path))
    drop_columns(tmp_path, "offset", "shard")
    with pytest.raises(DatasetError, match="has no column shard, offset; run `just curate`"):
        SampleIndex.open(str(tmp_path))


def test_groups_are_neighbours_in_the_shuffle_of_one_bucket() -> None:
    index = made_index(3000)
    bounds = np.flatnonzero(np.diff(index.group)) + 1
    sizes = np.diff([0, *bounds.tolist(), len(index)])
    assert sizes.max() == 256
    assert all(len(set(index.bucket[index.group == group].tolist())) == 1 for group in range(index.group[-1] + 1))
    assert sum(size < 256 for size in sizes) <= len(index.buckets)


def test_the_order_that_the_index_says_counts(tmp_path: Path) -> None:
    make_dataset(str(tmp_path), {"64x48x9@8": 8})
    table = pq.read_table(tmp_path / INDEX)
    order = np.random.default_rng(1).integers(0, 1 << 60, len(table)).astype(np.uint64)
    place = table.column_names.index("order")
    pq.write_table(table.set_column(place, "order", pa.array(order)), tmp_path / INDEX)
    ids = [key for _, key in sorted(zip(order.tolist(), table["sample_id"].to_pylist(), strict=True))]
    train = SampleIndex.open(str(tmp_path)).sample_ids.to_pylist()
    assert train == [key for key in ids if key in train]
