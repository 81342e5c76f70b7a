"""Ids: stable, usable as file names and shard keys, and different for different things.

python -m pytest tests/schemas/test_ids.py
"""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.bucket import BUCKET_SETS
from schemas.ids import clip_id, clip_of, digest, object_id, sample_id, still_id, video_id, video_of

VIDEO = "0123456789abcdef"
milliseconds = st.integers(0, 10**8)


def test_ids_are_the_same_in_every_version_of_the_code() -> None:
    assert digest("a", 1, None, [2.5]) == "19834ee86bda7cd8"
    assert video_id("some/film.mp4", 10, "etag") == "9089c635fdeaaf80"


@given(st.lists(st.text()), st.lists(st.text()))
def test_different_lists_have_different_digests(first: list[str], second: list[str]) -> None:
    assert (digest(*first) == digest(*second)) == (first == second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("a", "bc"), ("ab", "c")),
        (("a", ""), ("a",)),
        ((["a"], "b"), (["a", "b"],)),
        (("1",), (1,)),
        ((None,), ("null",)),
        (('a","b',), ("a", "b")),
    ],
)
def test_shifted_splits_do_not_collide(first: tuple[object, ...], second: tuple[object, ...]) -> None:
    assert digest(*first) != digest(*second)


def test_the_order_of_settings_does_not_matter_and_objects_are_refused() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    with pytest.raises(TypeError, match="cannot hash a object"):
        digest(object())


def test_bytes_are_told_from_the_text_that_spells_them() -> None:
    assert len({digest(b"\x0a"), digest(b"\x0b"), digest("0a"), digest("b'\\n'")}) == 4


@pytest.mark.parametrize("make", [object_id, video_id])
@given(first=st.tuples(st.text(), milliseconds, st.text()), second=st.tuples(st.text(), milliseconds, st.text()))
def test_source_ids_tell_key_size_and_content_apart(
    make: Callable[[str, int, str], str], first: tuple[str, int, str], second: tuple[str, int, str]
) -> None:
    assert (make(*first) == make(*second)) == (first == second)
    assert len(make(*first)) == 16


@given(st.text(), milliseconds, milliseconds, st.integers(0, 999), st.sampled_from(BUCKET_SETS["first-stage"]))
def test_ids_are_file_names_and_shard_keys(key: str, start: int, end: int, ordinal: int, bucket: object) -> None:
    clip = clip_id(video_id(key, 1, key), start / 1000, end / 1000)
    for id_ in (clip, still_id(clip, ordinal), sample_id(clip, getattr(bucket, "slug"), ordinal)):  # noqa: B009
        assert not set(id_) & set("./@ \\")


@given(milliseconds, milliseconds, milliseconds, milliseconds)
def test_clip_ids_tell_spans_apart_to_the_millisecond(a: int, b: int, c: int, d: int) -> None:
    same = clip_id(VIDEO, a / 1000, b / 1000) == clip_id(VIDEO, c / 1000, d / 1000)
    assert same == ((a, b) == (c, d))


def test_still_ids_sort_in_time_order() -> None:
    ids = [still_id(VIDEO, ordinal) for ordinal in range(300)]
    assert ids == sorted(ids)


@pytest.mark.parametrize(("start", "end"), [(0.0, 2.5), (-1.5, 0.25), (-3.0, -1.0)])
def test_the_video_and_the_clip_of_an_id_are_read_off_it(start: float, end: float) -> None:
    video = video_id("a.mp4", 1, "e")
    clip = clip_id(video, start, end)
    for key in (clip, still_id(clip, 7), sample_id(clip, "384x256x33-8fps", 0), sample_id(clip, "384x256x1", 2)):
        assert (video_of(key), clip_of(key)) == (video, clip)
    assert (video_of(video), clip_of(video)) == (video, None)
