"""Features are stored once per clip, in any order of arrival; embeddings are read for new clips only.

python -m pytest tests/pipeline/stages/select/test_gather.py
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.features import ClipFeatures
from tests.pipeline.stages.select.stored_features import empty_files, gather, places_of, reader

Still = tuple[str, list[float] | None]
STILLS = pa.table(
    {
        "still_id": ["a1", "a2", "b1", "b2", "b3", "c1"],
        "clip_id": list("aabbbc"),
        "hash": pa.array(range(6), pa.uint64()),
    }
)


def _part(*rows: Still) -> pa.Table:
    return pa.table(
        {
            "still_id": [name for name, _ in rows],
            "clip_id": [name[0] for name, _ in rows],
            "vector": pa.array([vector for _, vector in rows], pa.list_(pa.float32())),
            "status": ["ok" if vector else "failed" for _, vector in rows],
        }
    )


def _clips(keys: str, video: str = "v") -> pa.Table:
    count = len(keys)
    return pa.table(
        {
            "clip_id": list(keys),
            "video_id": [video] * count,
            "shot": list(range(count)),
            "kind": ["video"] * count,
            "duration": [2.0] * count,
        }
    )


def _gather(files: FeatureFiles, parts: dict[str, pa.Table], asked: list[str] | None = None, keys: str = "abc") -> int:
    embedded = [
        table.drop_columns(["vector"]).append_column("part", pa.array([name] * len(table)))
        for name, table in parts.items()
    ]
    return gather(files, _clips(keys), STILLS, pa.concat_tables(embedded), reader(parts, asked))


PARTS = {
    "p1": _part(("b1", [3.0, 0.0]), ("a1", [2.0, 0.0]), ("a2", [0.0, 2.0])),
    "p2": _part(("c1", None)),
    "p3": _part(("b2", [1.0, 4.0]), ("b3", None)),
}


def test_features_are_gathered_part_by_part() -> None:
    """The stills of clip b stand in two parts, one of them failed, and no still of clip c has a vector."""
    asked: list[str] = []
    with empty_files() as files:
        assert _gather(files, PARTS, asked) == 2
        assert asked == ["p1", "p3"]
        places = places_of(files)
        assert sorted(places) == ["a", "b"]
        pair = np.array([places["a"], places["b"]])
        features = ClipFeatures(files)
        assert features.unit_vectors(pair) == pytest.approx(np.full((2, 2), 0.5**0.5), abs=1e-3)
        facts = features.facts(pair)
        assert facts["stills"].tolist() == [2, 3]
        words = [features.hash_words(pair[1:], facts["start"][1:], word)[0] for word in range(3)]
        assert words == [2, 3, 4]


def test_unchanged_clips_are_not_read_again_and_new_ones_alone_are() -> None:
    asked: list[str] = []
    with empty_files() as files:
        _gather(files, {"p1": PARTS["p1"], "p3": PARTS["p3"]}, keys="ab")
        before = {file.key: file.version for file in files.store.list()}
        assert _gather(files, PARTS, asked) == 0
        assert (asked, {file.key: file.version for file in files.store.list()}) == ([], before)
        assert _gather(files, {**PARTS, "p2": _part(("c1", [1.0, 1.0]))}, asked) == 1
        assert asked == ["p2"]
        assert sorted(places_of(files)) == ["a", "b", "c"]


def test_a_clip_of_which_more_stills_were_embedded_is_stored_anew() -> None:
    with empty_files() as files:
        _gather(files, PARTS)
        first = places_of(files)["b"]
        assert _gather(files, {**PARTS, "p4": _part(("b3", [0.0, 9.0]))}) == 1
        latest = places_of(files)["b"]
        assert latest > first
        vectors = ClipFeatures(files).unit_vectors(np.array([latest]))
        assert vectors[0, 1] > 0.9
        assert _gather(files, {**PARTS, "p4": _part(("b3", [0.0, 9.0]))}) == 0


def test_a_kill_while_storing_leaves_nothing_that_counts(tmp_path: Path) -> None:
    def dies(names: Sequence[str]) -> Iterable[pa.Table]:
        yield PARTS["p1"]
        raise KeyboardInterrupt

    embedded = PARTS["p1"].drop_columns(["vector"]).append_column("part", pa.array(["p1"] * 3))
    with empty_files(tmp_path) as files:
        with pytest.raises(KeyboardInterrupt):
            gather(files, _clips("abc"), STILLS, embedded, dies)
        assert files.numbers == []
        np.save(tmp_path / files.root / "vectors-000000.npy", np.zeros((3, 2), np.float16))
    with empty_files(tmp_path) as files:
        assert files.numbers == []
        assert _gather(files, PARTS) == 2
        assert len(files.store.list(files.root)) == 4
        assert sorted(places_of(files)) == ["a", "b"]


def test_the_number_of_a_lost_file_is_not_used_again(tmp_path: Path) -> None:
    """Its pairs would be taken for those of other clips."""
    with empty_files(tmp_path) as files:
        _gather(files, PARTS)
        files.store.write(f"{files.root}/pairs/0.9_0.7_5.0/pairs-000000.parquet", b"")
        files.store.remove(files.key("clips", 0))
    with empty_files(tmp_path) as files:
        assert _gather(files, PARTS) == 2
        assert files.numbers == [1]


def test_of_clips_that_look_exactly_alike_two_of_different_shots_are_searched() -> None:
    keys = "abcdefgh"
    embedded = _part(*((f"{key}1", [1.0, 0.0]) for key in keys))
    stills = pa.table({"still_id": embedded["still_id"], "clip_id": list(keys), "hash": pa.array([7] * 8, pa.uint64())})
    clips = _clips(keys).set_column(2, "shot", [[0, 0, 1, 1, 2, 0, 3, 3]])
    clips = clips.set_column(4, "duration", [[2.0] * 7 + [3.0]])
    with empty_files() as files:
        for few in (["a", "b"], ["a", "b", "c", "d", "e"], list(keys)):
            own = embedded.filter(pa.compute.is_in(embedded["clip_id"], pa.array(few)))
            known = own.append_column("part", pa.array(["p"] * len(own)))
            gather(files, clips, stills, known, reader({"p": own}))
        rows = [row for key in files.clips for row in pq.read_table(files.local(key)).to_pylist()]
    assert {row["clip_id"] for row in rows if row["searched"]} == {"a", "c", "h"}
    assert len({row["look"] for row in rows}) == 2
