"""Slices: every source has one, keeps it, and what was made of it is in the same one.

python -m pytest tests/pipeline/dataset/test_slices.py
"""

import tempfile
from collections import Counter
from pathlib import Path

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.slices import Slices, places_by_slice
from pipeline.storage.store import Store
from schemas.ids import clip_id, still_id, video_id

_KEYS = [f"films/{number}.mp4" for number in range(12)]


@given(st.lists(st.lists(st.sampled_from(_KEYS), unique=True), max_size=5), st.integers(1, 5))
def test_a_source_keeps_its_slice_whatever_comes_and_goes(listings: list[list[str]], size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home: dict[str, str] = {}
        for keys in listings:
            listed = pa.chunked_array([pa.array(keys, pa.string())])
            names = Slices.assigned(Store(folder), listed, size).of_keys(listed).to_pylist()
            assert len(names) == len(keys)
            assert all(home.setdefault(key, name) == name for key, name in zip(keys, names, strict=True))
            assert Slices.read(Store(folder)).of_keys(listed).to_pylist() == names
        full = sorted(Counter(home.values()).items())
        assert all(count == size for _, count in full[:-1])
        assert [name for name, _ in full] == [f"slice-{number:06d}" for number in range(len(full))]


def test_a_run_without_new_sources_writes_nothing(tmp_path: Path) -> None:
    store, keys = Store(tmp_path), pa.chunked_array([_KEYS])
    Slices.assigned(store, keys, 5)
    before = store.list()
    Slices.assigned(store, keys, 7)
    Slices.assigned(store, pa.chunked_array([_KEYS[::2]]), 7)
    assert store.list() == before


def test_clips_stills_and_samples_are_in_the_slice_of_their_source(tmp_path: Path) -> None:
    ids = [video_id(key, 1, "e") for key in _KEYS]
    slices = Slices.assigned(Store(tmp_path), pa.chunked_array([_KEYS]), 5)
    sources = pa.table({"video_id": ids, "key": _KEYS})
    slice_of = slices.of_sources(sources, sources.slice(3))  # a source that is named twice is one source
    assert slice_of.table.sort_by("video_id")["video_id"].to_pylist() == sorted(ids)
    homes = slice_of(pa.array(ids)).to_pylist()
    clips = [clip_id(video, -1.0, 2.5) for video in ids]
    for made in (clips, [still_id(clip, 3) for clip in clips], [f"{clip}-64x48x1-0" for clip in clips]):
        assert slice_of(pa.array(made)).to_pylist() == homes


@given(st.lists(st.sampled_from("abcd")))
def test_places_are_those_of_each_slice_in_order(names: list[str]) -> None:
    places = places_by_slice(pa.array(names, pa.string()))
    assert list(places) == sorted(set(names))
    for name, where in places.items():
        assert where.tolist() == [place for place, other in enumerate(names) if other == name]
