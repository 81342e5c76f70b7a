"""Near-duplicates: the best copy stays, pieces of one shot are none, the order of the clips does not matter.

python -m pytest tests/pipeline/test_duplicates.py
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.duplicates import Look, find_copies, hash_distance
from pipeline.stage import Row
from schemas.config import DuplicateConfig

CONFIG = DuplicateConfig(min_similarity=0.97)


def _clip(key: str, **changes: object) -> Row:
    known: Row = {"clip_id": key, "video_id": f"of {key}", "shot": 0, "kind": "video", "duration": 5.0}
    return {**known, "width": 384, "height": 256, "fps": 24.0, "bitrate": 1e6, **changes}


def _look(degrees: float, hashes: tuple[int, ...] = ()) -> Look:
    """A look that many degrees away from the others in the plane."""
    return Look(np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32) * 7, hashes)


def _copies(clips: list[Row], looks: dict[str, Look], config: DuplicateConfig = CONFIG) -> dict[str, str]:
    return {row["id"]: row["duplicate_of"] for row in find_copies(clips, looks, config).to_pylist()}


def test_the_copy_with_most_pixels_then_rate_then_bytes_stays() -> None:
    looks = {key: _look(0) for key in "abcd"}
    clips = [_clip("a"), _clip("b", bitrate=2e6), _clip("c", fps=30.0), _clip("d", width=640)]
    assert _copies(clips, looks) == {"a": "d", "b": "d", "c": "d"}
    assert _copies(clips[:3], looks) == {"a": "c", "b": "c"}
    assert _copies(clips[:2], looks) == {"a": "b"}


def test_only_what_looks_alike_is_a_copy_and_the_nearest_is_named() -> None:
    looks = {"a": _look(0), "b": _look(25), "c": _look(15), "d": _look(60)}  # cos 13 degrees = 0.974
    clips = [_clip(key, bitrate=bitrate) for key, bitrate in (("a", 4e6), ("b", 3e6), ("c", 2e6), ("d", 1e6))]
    assert _copies(clips, looks) == {"c": "b"}


def test_a_copy_of_a_copy_names_one_that_stays() -> None:
    looks = {"a": _look(0), "b": _look(10), "c": _look(20)}
    clips = [_clip(key, bitrate=bitrate) for key, bitrate in (("a", 3e6), ("b", 2e6), ("c", 1e6))]
    assert _copies(clips, looks) == {"b": "a"}


def test_pieces_of_one_shot_other_lengths_and_other_kinds_are_no_copies() -> None:
    looks = {key: _look(0) for key in "ab"}
    assert _copies([_clip("a", video_id="v", shot=3), _clip("b", video_id="v", shot=3)], looks) == {}
    assert _copies([_clip("a", video_id="v", shot=3), _clip("b", video_id="v", shot=4)], looks) == {"b": "a"}
    assert _copies([_clip("a"), _clip("b", duration=5.3)], looks) == {}
    assert _copies([_clip("a"), _clip("b", duration=5.2)], looks) == {"b": "a"}
    assert _copies([_clip("a"), _clip("b", kind="image")], looks) == {}


def test_a_clip_without_a_look_has_no_copies() -> None:
    assert _copies([_clip("a"), _clip("b")], {"a": _look(0)}) == {}
    assert _copies([], {}) == {}


def test_equal_hashes_make_a_copy_only_if_the_embeddings_nearly_agree() -> None:
    config = DuplicateConfig(min_similarity=0.97, min_hash_similarity=0.9, max_hash_distance=2)
    near, far = {"a": _look(0, (5,)), "b": _look(20, (5,))}, {"a": _look(0, (5,)), "b": _look(40, (5,))}
    assert _copies([_clip("a"), _clip("b")], near, config) == {"b": "a"}
    assert _copies([_clip("a"), _clip("b")], far, config) == {}
    apart = {"a": _look(0, (0,)), "b": _look(20, (0b111,))}
    assert _copies([_clip("a"), _clip("b")], apart, config) == {}


def test_hash_distance_is_the_mean_of_differing_bits() -> None:
    assert hash_distance((0b1010, 0), (0b0110, 0)) == 1.0
    assert hash_distance((1,), (1, 2)) == hash_distance((), ()) == 64.0


@given(st.lists(st.tuples(st.floats(0, 90), st.sampled_from([1.0, 5.0]), st.integers(1, 3)), max_size=8), st.randoms())
@settings(max_examples=50)
def test_the_order_of_the_clips_does_not_matter_and_every_copy_names_one_that_stays(
    found: list[tuple[float, float, int]], random: object
) -> None:
    clips = [
        _clip(f"clip {number}", duration=seconds, bitrate=float(rate))
        for number, (_, seconds, rate) in enumerate(found)
    ]
    looks = {f"clip {number}": _look(degrees) for number, (degrees, _, _) in enumerate(found)}
    copies = _copies(clips, looks)
    assert not set(copies) & set(copies.values())
    getattr(random, "shuffle")(clips)  # noqa: B009
    assert _copies(clips, looks) == copies
