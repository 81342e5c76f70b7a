"""Pairs are found once: clips that arrive in slices, in any order, give the duplicates of all at once.

python -m pytest tests/pipeline/stages/select/test_pairs.py
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.engine.progress import Progress
from pipeline.stage import Row
from pipeline.stages.select import feature_files
from pipeline.stages.select.duplicates import find_copies
from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.pairs import Floor, StoredPairs
from schemas.config import DuplicateConfig
from tests.pipeline.stages.select.stored_features import empty_files, store_features, wanted
from tests.pipeline.stages.select.test_duplicates import CONFIG, make_random, plainly

LOOSER = DuplicateConfig(min_similarity=0.9, max_hash_distance=8, min_hash_similarity=0.6)
STRICTER = DuplicateConfig(min_similarity=0.99, max_hash_distance=1.5, min_hash_similarity=0.9)


def _find(clips: list[Row], files: FeatureFiles, config: DuplicateConfig = CONFIG) -> pa.Table:
    return find_copies(wanted(clips), files, config, Progress())


def _named(copies: pa.Table) -> dict[str, str]:
    return dict(zip(copies["id"].to_pylist(), copies["duplicate_of"].to_pylist(), strict=True))


def _pair_files(files: FeatureFiles) -> dict[str, str]:
    listed = files.store.list(f"{files.root}/pairs")
    return {"/".join(file.key.split("/")[-2:]): file.version for file in listed if "/pairs-" in file.key}


@given(st.integers(0, 10_000), st.integers(2, 60), st.integers(1, 4), st.sampled_from([1000, 7]))
@settings(max_examples=15)
def test_clips_that_arrive_in_slices_give_what_all_at_once_give(
    seed: int, count: int, slices: int, rows_per_file: int
) -> None:
    clips, vectors, hashes = make_random(seed, count)
    generator = np.random.default_rng(seed)
    kept = [clip for clip in clips if generator.random() < 0.8]
    with empty_files() as files:
        store_features(files, clips, vectors, hashes)
        at_once = _find(kept, files)
        assert _named(at_once) == plainly(kept, files, CONFIG)
    with empty_files() as files, pytest.MonkeyPatch.context() as patch:
        patch.setattr(feature_files, "ROWS_PER_FILE", rows_per_file)
        arrived: set[str] = set()
        for part in np.array_split(generator.permutation(count), slices):
            # Some are seen again, as in every run of a dataset that grows.
            part = np.unique(np.concatenate([part, generator.integers(count, size=3)]))
            store_features(files, [clips[n] for n in part], vectors[part], [hashes[n] for n in part])
            arrived |= {clips[n]["clip_id"] for n in part}
            so_far = [clip for clip in kept if clip["clip_id"] in arrived]
            assert _named(_find(so_far, files)) == plainly(so_far, files, CONFIG)
        assert _find(kept, files).equals(at_once)


def test_a_stricter_setting_searches_nothing_and_a_looser_one_all() -> None:
    clips, vectors, hashes = make_random(3, 60)
    with empty_files() as files:
        store_features(files, clips, vectors, hashes)
        _find(clips, files)
        searched = _pair_files(files)
        assert list(searched) == [f"{Floor.of(CONFIG).name}/pairs-000000.parquet"]
        assert _named(_find(clips, files, STRICTER)) == plainly(clips, files, STRICTER)
        assert _pair_files(files) == searched
        assert _named(_find(clips, files, LOOSER)) == plainly(clips, files, LOOSER)
        assert len(_pair_files(files)) == 2
        assert _named(_find(clips, files)) == plainly(clips, files, CONFIG)
        assert len(_pair_files(files)) == 2


def test_of_several_floors_that_serve_the_most_complete_is_used_then_the_strictest() -> None:
    clips, vectors, hashes = make_random(3, 20)
    with empty_files() as files:
        store_features(files, clips[:10], vectors[:10], hashes[:10])
        _find(clips, files, LOOSER)
        assert StoredPairs(files, CONFIG).floor == Floor.of(LOOSER)
        files.store.write(f"{files.root}/pairs/{Floor.of(CONFIG).name}/pairs-000000.parquet", b"")
        assert StoredPairs(files, CONFIG).floor == Floor.of(CONFIG)
        assert StoredPairs(files, LOOSER).floor == Floor.of(LOOSER)


def test_a_better_clip_that_arrives_later_stays_and_one_that_vanished_is_ignored() -> None:
    clips, vectors, _ = make_random(3, 3)
    alike = [clip | {"video_id": str(n), "kind": "video", "duration": 2.0} for n, clip in enumerate(clips)]
    for clip, rate in zip(alike, (2.0, 1.0, 3.0), strict=True):
        clip["bitrate"] = rate
    first, second, third = (clip["clip_id"] for clip in alike)
    same = np.repeat(vectors[:1], 3, axis=0)
    with empty_files() as files:
        store_features(files, alike[:2], same[:2], [[1], [1]])
        assert _named(_find(alike[:2], files)) == {second: first}
        store_features(files, alike[2:], same[2:], [[1]])
        assert _named(_find(alike, files)) == {first: third, second: third}
        assert _named(_find(alike[1:], files)) == {second: third}
        assert _named(_find(alike[:2], files)) == {second: first}


def test_ten_thousand_equal_clips_are_few_pairs() -> None:
    clip = make_random(3, 1)[0][0] | {"kind": "video", "duration": 2.0}
    clips = [
        clip | {"clip_id": f"{n:05}", "video_id": f"{n // 2}", "shot": 0, "bitrate": float(n)} for n in range(10_000)
    ]
    vectors, hashes = np.ones((10_000, 2), np.float32), [[0, 0, 0]] * 10_000
    with empty_files() as files:
        store_features(files, clips, vectors, hashes)
        copies = _named(_find(clips, files))
        assert StoredPairs(files, CONFIG).unsearched == 0
        assert sum(len(files.map("rows", number)["searched"].nonzero()[0]) for number in files.numbers) == 2
    # The best two are pieces of one shot, so both stay.
    assert set(copies.values()) == {"09999"}
    assert len(copies) == 9_998


def test_a_kill_while_searching_leaves_whole_files_and_the_rest_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feature_files, "ROWS_PER_FILE", 20)
    clips, vectors, hashes = make_random(5, 60)
    with empty_files(tmp_path) as files:
        store_features(files, clips, vectors, hashes)

        def dies(searched: int) -> None:
            if len(_pair_files(files)) == 1:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            StoredPairs(files, CONFIG).search(dies)
    with empty_files(tmp_path) as files:
        before = _pair_files(files)
        assert len(before) == 1
        assert StoredPairs(files, CONFIG).missing == [1, 2]
        assert _named(_find(clips, files)) == plainly(clips, files, CONFIG)
        assert _pair_files(files).items() >= before.items()


def test_a_dataset_in_an_object_store_gives_the_same(tmp_path: Path) -> None:
    clips, vectors, hashes = make_random(5, 40)
    with empty_files(tmp_path) as files:
        store_features(files, clips, vectors, hashes)
        copies = _find(clips, files)
    with empty_files("memory://duplicates-of-a-test") as files:
        store_features(files, clips[:20], vectors[:20], hashes[:20])
        _find(clips[:20], files)
    with empty_files("memory://duplicates-of-a-test") as files:
        store_features(files, clips[20:], vectors[20:], hashes[20:])
        assert _find(clips, files).num_rows == copies.num_rows
        local = Path(files.local(files.key("rows", 0)))
        assert local.exists()
        assert _find(clips, files).equals(copies)
    assert not local.exists()
