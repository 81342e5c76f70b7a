"""Near-duplicates: the best copy stays, pieces of one shot are none, the order of the clips does not matter.

python -m pytest tests/pipeline/stages/select/test_duplicates.py
"""

from collections.abc import Mapping, Sequence

import cv2
import faiss
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.demo.sources import photograph
from pipeline.engine.progress import Progress
from pipeline.media.encode import encode_jpeg
from pipeline.stage import Row
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from pipeline.stages.select import neighbours
from pipeline.stages.select.duplicates import find_copies
from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.features import ClipFeatures
from pipeline.stages.split.stills import difference_hash
from schemas.config import DuplicateConfig
from tests.pipeline.stages.select.stored_features import empty_files, places_of, store_features, wanted

CONFIG = DuplicateConfig(min_similarity=0.97)
Look = tuple[NDArray[np.float32], tuple[int, ...]]


def _clip(key: str, **changes: object) -> Row:
    known: Row = {"clip_id": key, "video_id": f"of {key}", "shot": 0, "kind": "video", "duration": 5.0}
    return {**known, "width": 384, "height": 256, "fps": 24.0, "bitrate": 1e6, **changes}


def _look(degrees: float, hashes: tuple[int, ...] = ()) -> Look:
    """A look that many degrees away from the others in the plane."""
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], np.float32) * 7, hashes


def _copies(clips: Sequence[Row], features: Mapping[str, Look], config: DuplicateConfig = CONFIG) -> dict[str, str]:
    known = {clip["clip_id"]: clip for clip in clips}
    with empty_files() as files:
        if features:
            vectors = np.array([vector for vector, _ in features.values()], np.float32)
            rows = [known.get(key, _clip(key)) for key in features]
            store_features(files, rows, vectors, [hashes for _, hashes in features.values()])
        return _named(_find(clips, files, config))


def _find(clips: Sequence[Row], files: FeatureFiles, config: DuplicateConfig = CONFIG) -> pa.Table:
    return find_copies(wanted(clips), files, config, Progress())


def _named(copies: pa.Table) -> dict[str, str]:
    return {row["id"]: row["duplicate_of"] for row in copies.to_pylist()}


def test_the_copy_with_most_pixels_then_rate_then_bytes_then_score_stays() -> None:
    features = {key: _look(0) for key in "abcde"}
    clips = [
        _clip("a"),
        _clip("b", aesthetic=5.0),
        _clip("c", bitrate=2e6),
        _clip("d", fps=30.0),
        _clip("e", width=640),
    ]
    assert _copies(clips, features) == {"a": "e", "b": "e", "c": "e", "d": "e"}
    assert _copies(clips[:4], features) == {"a": "d", "b": "d", "c": "d"}
    assert _copies(clips[:3], features) == {"a": "c", "b": "c"}
    assert _copies(clips[:2], features) == {"a": "b"}
    assert _copies([_clip("a", aesthetic=None), _clip("b", aesthetic=-1.0)], features) == {"a": "b"}
    assert _copies([_clip("a"), _clip("b")], features) == {"b": "a"}


def test_frame_rates_that_differ_by_rounded_times_are_equal() -> None:
    features = {key: _look(0) for key in "ab"}
    assert _copies([_clip("a", fps=23.976), _clip("b", fps=23.9801, bitrate=1e5)], features) == {"b": "a"}


def test_only_what_looks_alike_is_a_copy_and_the_nearest_is_named() -> None:
    features = {"a": _look(0), "b": _look(25), "c": _look(15), "d": _look(60)}  # cos 13 degrees = 0.974
    clips = [_clip(key, bitrate=bitrate) for key, bitrate in (("a", 4e6), ("b", 3e6), ("c", 2e6), ("d", 1e6))]
    assert _copies(clips, features) == {"c": "b"}


def test_a_copy_of_a_copy_names_one_that_stays() -> None:
    features = {"a": _look(0), "b": _look(10), "c": _look(20)}
    clips = [_clip(key, bitrate=bitrate) for key, bitrate in (("a", 3e6), ("b", 2e6), ("c", 1e6))]
    assert _copies(clips, features) == {"b": "a"}


def test_pieces_of_one_shot_other_lengths_and_other_kinds_are_no_copies() -> None:
    features = {key: _look(0) for key in "ab"}
    assert _copies([_clip("a", video_id="v", shot=3), _clip("b", video_id="v", shot=3)], features) == {}
    assert _copies([_clip("a", video_id="v", shot=3), _clip("b", video_id="v", shot=4)], features) == {"b": "a"}
    assert _copies([_clip("a"), _clip("b", duration=5.3)], features) == {}
    assert _copies([_clip("a"), _clip("b", duration=5.2)], features) == {"b": "a"}
    assert _copies([_clip("a"), _clip("b", kind="image")], features) == {}


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


def test_many_pieces_of_one_shot_hide_no_copy() -> None:
    """A static camera's shot in a hundred pieces, and a copy of one that is farther from it than all of them."""
    pieces = [_clip(f"piece {number:03}", video_id="camera", bitrate=9e6) for number in range(100)]
    features = {clip["clip_id"]: _look(-3) for clip in pieces} | {"last piece": _look(0), "copied": _look(12)}
    clips = [*pieces, _clip("last piece", video_id="camera", bitrate=2e6), _clip("copied", bitrate=3e6)]
    assert _copies(clips, features) == {"last piece": "copied"}


def make_random(seed: int, count: int) -> tuple[list[Row], NDArray[np.float32], list[list[int]]]:
    """Clips in families, of few lengths, shots and bit rates, some with near hashes."""
    generator = np.random.default_rng(seed)
    width = int(generator.choice([3, 8, 80]))
    families = generator.integers(max(count // 5, 1), size=count)
    vectors = generator.standard_normal((count, width))[families] + 0.2 * generator.standard_normal((count, width))
    codes = generator.integers(2**63, size=(count // 15 + 1, 3), dtype=np.uint64)
    hashes: list[list[int]] = []
    for family in families:
        own = codes[family % len(codes), : generator.integers(4)].tolist()
        for _ in range(generator.integers(12)):
            own = [code ^ (1 << int(generator.integers(64))) if generator.random() < 0.5 else code for code in own]
        hashes.append(own)
    clips = [
        _clip(
            f"clip {number:04}",
            video_id=f"video {generator.integers(count // 3 + 1)}",
            shot=int(generator.integers(2)),
            kind=str(generator.choice(["video", "image"])),
            duration=float(generator.choice([2, 2.1, 2.3, 3])),
            bitrate=float(generator.integers(20)),
        )
        for number in range(count)
    ]
    # Some clips look exactly like others.
    for number in np.flatnonzero(generator.random(count) < 0.25).tolist():
        model = int(generator.integers(count))
        vectors[number], hashes[number] = vectors[model], hashes[model]
        clips[number] |= {name: clips[model][name] for name in ("kind", "duration")}
    return clips, vectors.astype(np.float32), hashes


def plainly(clips: Sequence[Row], files: FeatureFiles, config: DuplicateConfig) -> dict[str, str]:
    """The rule in plain words: from the best down, each is a copy of the most similar better clip that stays."""
    features, places = ClipFeatures(files), places_of(files)
    staying: list[Row] = []
    copies = {}
    for clip in sorted(clips, key=lambda clip: (-clip["bitrate"], clip["clip_id"])):
        similar: list[tuple[float, int, str]] = []
        for other in staying:
            pair = np.array([places[clip["clip_id"]]]), np.array([places[other["clip_id"]]])
            cosine, distance = features.similarities(*pair)[0], features.hash_distances(*pair)[0]
            by_hash = distance <= config.max_hash_distance and cosine >= config.min_hash_similarity
            comparable = clip["kind"] == other["kind"] and abs(clip["duration"] - other["duration"]) <= 0.25
            one_shot = (clip["video_id"], clip["shot"]) == (other["video_id"], other["shot"])
            if comparable and not one_shot and (by_hash or cosine >= config.min_similarity):
                similar.append((-cosine, len(similar), other["clip_id"]))
        if similar:
            copies[clip["clip_id"]] = min(similar)[2]
        else:
            staying.append(clip)
    return copies


@given(
    st.integers(0, 10_000),
    st.integers(1, 60),
    st.sampled_from([0.9, 0.97]),
    st.sampled_from([0.0, 1.5, 5.0, 20.0]),
    st.sampled_from([0.5, 0.75, 0.99]),
)
@settings(max_examples=15, deadline=None)
def test_the_search_finds_what_comparing_all_finds(
    seed: int, count: int, similarity: float, distance: float, hash_similarity: float
) -> None:
    config = DuplicateConfig(min_similarity=similarity, max_hash_distance=distance, min_hash_similarity=hash_similarity)
    clips, vectors, hashes = make_random(seed, count)
    with empty_files() as files:
        assert store_features(files, clips, vectors, hashes) == count
        assert _named(_find(clips, files, config)) == plainly(clips, files, config)


@given(st.lists(st.tuples(st.floats(0, 90), st.sampled_from([1.0, 5.0]), st.integers(1, 3)), max_size=8), st.randoms())
@settings(max_examples=50, deadline=None)
def test_the_order_of_the_clips_does_not_matter_and_every_copy_names_one_that_stays(
    clip_values: list[tuple[float, float, int]], random: object
) -> None:
    clips = [
        _clip(f"clip {number}", duration=seconds, bitrate=float(rate))
        for number, (_, seconds, rate) in enumerate(clip_values)
    ]
    features = {f"clip {number}": _look(degrees) for number, (degrees, _, _) in enumerate(clip_values)}
    copies = _copies(clips, features)
    assert not set(copies) & set(copies.values())
    getattr(random, "shuffle")(clips)  # noqa: B009
    assert _copies(clips, features) == copies


def test_a_large_set_gives_the_same_in_any_order_and_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "EXACT_UP_TO", 1000)
    clips, vectors, hashes = make_random(1, 3000)
    with empty_files() as files:
        store_features(files, clips, vectors, hashes)
        copies = _find(clips, files)
    assert len(copies) > 500
    threads = faiss.omp_get_max_threads()
    try:
        for number in (1, 3):
            faiss.omp_set_num_threads(number)
            with empty_files() as files:
                store_features(files, clips[::-1], vectors[::-1], hashes[::-1])
                assert _find(clips[::-1], files).equals(copies)
            assert faiss.omp_get_max_threads() == number
    finally:
        faiss.omp_set_num_threads(threads)


def _recompressed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 25])
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _pictures() -> dict[str, NDArray[np.uint8]]:
    """Photographs, what people do to them, and what must not be taken for a copy."""
    pictures: dict[str, NDArray[np.uint8]] = {}
    for name in ("chelsea", "coffee", "china", "flower", "rocket"):
        picture = photograph(name)
        height, width = picture.shape[:2]
        half = cv2.resize(picture, (width // 2, height // 2), interpolation=cv2.INTER_AREA).astype(np.uint8)
        pictures |= {
            name: picture,
            f"{name} compressed": _recompressed(picture),
            f"{name} half as large": half,
            f"{name} cropped": picture[height // 50 : -height // 50, width // 50 : -width // 50],
            f"{name} brighter": np.clip(picture * 1.15 + 6, 0, 255).astype(np.uint8),
        }
    pictures["other half of china"] = photograph("china")[:, 320:]
    return pictures


def test_real_copies_are_found_and_other_pictures_are_not() -> None:
    """Runs torch and the search in one process, as the driver may."""
    pictures = _pictures()
    vectors = EfficientNetLite0(threads=1).embed([encode_jpeg(picture) for picture in pictures.values()])
    features = {
        name: (vector, (difference_hash(picture),))
        for (name, picture), vector in zip(pictures.items(), vectors, strict=True)
    }
    clips = [
        _clip(name, kind="image", duration=0.0, fps=0.0, width=picture.shape[1], height=picture.shape[0])
        for name, picture in pictures.items()
    ]
    wanted = {
        name: name.split()[0] for name in pictures if name.split()[-1] in ("compressed", "large", "cropped", "brighter")
    }
    assert _copies(clips, features, DuplicateConfig()) == wanted
