"""What each sample shows: spans inside their clip, apart from one another, each with stills, and none outside.

python -m pytest tests/pipeline/stages/select/test_sample_spans.py
"""

from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.stage import Row
from pipeline.stages.select.sample_spans import ShortSamples, is_told_from_outside
from pipeline.stages.split.spans import Span
from pipeline.stages.split.stage import STILL_GRID_SECONDS
from pipeline.stages.split.stills import Candidate, Candidates, choose_stills
from schemas.bucket import BUCKET_SETS
from schemas.config import PackConfig, RunConfig
from schemas.ids import clip_id, still_id
from schemas.outcome_tables import SAMPLE_SPANS
from tests.pipeline.planned_spans import plan_spans

clip_lists = st.lists(
    st.tuples(
        st.floats(0, 1000),  # start
        st.floats(2.2, 30),  # seconds
        st.floats(12, 60),  # frames per second
        st.lists(st.floats(0, 0.999), min_size=1, max_size=20),  # where its stills lie, as shares of it
    ),
    min_size=1,
    max_size=6,
)


def make_clip(name: str, start: float, seconds: float, fps: float = 24.0, kind: str = "video") -> Row:
    """A row of the clips table as far as spans read it."""
    return {
        "clip_id": clip_id(name, start, start + seconds), "kind": kind, "start_time": start,
        "end_time": start + seconds, "duration": seconds, "fps": fps, "crop_width": 64, "crop_height": 64,
    }  # fmt: skip


def make_stills(clip: Row, times: list[float]) -> list[Row]:
    """Rows of the stills table at these times."""
    return [
        {
            "still_id": still_id(clip["clip_id"], place),
            "clip_id": clip["clip_id"],
            "time": time,
            "hash": place,
            "signature": bytes(192),
        }
        for place, time in enumerate(sorted(times))
    ]


def config(**changes: object) -> RunConfig:
    return RunConfig(pack=PackConfig.model_validate({"buckets": ["64x64x17@8", "64x64x1"]} | changes))


@given(clip_lists, st.integers(1, 5))
@settings(max_examples=200)
def test_spans_lie_in_their_clip_apart_from_one_another_each_with_the_stills_inside_it(
    clip_values: list[tuple[float, float, float, list[float]]], most: int
) -> None:
    clips = [make_clip(f"film{number}", *clip[:3]) for number, clip in enumerate(clip_values)]
    stills = [
        still
        for clip, (start, seconds, _, shares) in zip(clips, clip_values, strict=True)
        for still in make_stills(clip, [start + share * seconds for share in shares])
    ]
    spans = plan_spans(clips, stills, config(max_samples_per_clip=most))
    assert spans.equals(plan_spans(reversed(clips), reversed(stills), config(max_samples_per_clip=most)))
    for clip in clips:
        of_clip = [row for row in spans.to_pylist() if row["clip_id"] == clip["clip_id"]]
        assert 1 <= len(of_clip) <= most
        assert [row["ordinal"] for row in of_clip] == list(range(len(of_clip)))
        assert of_clip[0]["start_time"] == clip["start_time"]
        assert all(row["start_time"] < row["end_time"] <= clip["end_time"] for row in of_clip)
        assert all(before["end_time"] <= after["start_time"] for before, after in pairwise(of_clip))
        mine = {still["still_id"]: still for still in stills if still["clip_id"] == clip["clip_id"]}
        for row in of_clip:
            inside = [still for still in mine.values() if row["start_time"] <= still["time"] < row["end_time"]]
            assert row["stills"], "a sample of which nothing can be said"
            assert all(still["still_id"] in mine for still in row["stills"])
            assert [still["time"] for still in row["stills"]] == sorted(still["time"] for still in row["stills"])
            if inside:
                assert {still["still_id"] for still in row["stills"]} == {still["still_id"] for still in inside}
            else:
                assert len(row["stills"]) == 1


def test_a_sample_without_a_still_inside_takes_the_one_nearest_to_its_middle() -> None:
    clip = make_clip("film", 0.0, 8.5)
    told = config(buckets=["64x64x17@8"], max_samples_per_clip=4)

    def times(*stills: float) -> list[list[float]]:
        spans = plan_spans([clip], make_stills(clip, list(stills)), told).to_pylist()
        return [[still["time"] for still in span["stills"]] for span in spans]

    assert times(0.5, 2.125, 4.25, 7.0) == [[0.5], [2.125], [4.25], [7.0]], "a span's end belongs to what follows"
    assert times(2.125, 4.2) == [[2.125], [2.125, 4.2], [4.2], [4.2]]
    assert times() == [[], [], [], []]


def test_a_picture_has_one_sample_told_from_its_only_still() -> None:
    clip = make_clip("picture", 0.0, 0.0, fps=0.0, kind="image")
    (row,) = plan_spans([clip], make_stills(clip, [0.0]), config()).to_pylist()
    assert (row["bucket"], row["start_time"], row["end_time"]) == ("64x64x1", 0.0, 0.0)
    assert [still["time"] for still in row["stills"]] == [0.0]


def test_no_clip_is_no_sample() -> None:
    assert plan_spans([], [], config()).equals(SAMPLE_SPANS.empty())


def split_stills(clip: Row, still_seconds: float) -> list[Row]:
    """The stills that split takes of a film's one clip: from its half-second grid those nearest to the wanted times."""
    frames = round(clip["duration"] * clip["fps"])
    times = [clip["start_time"] + frame / clip["fps"] for frame in range(frames)]
    span = Span(shot=0, start_frame=0, end_frame=frames, start_time=times[0], end_time=clip["end_time"])
    with Candidates() as candidates:
        for frame, time in enumerate(times):
            if candidates.last is None or time - candidates.last >= min(STILL_GRID_SECONDS, still_seconds):
                candidates.add(Candidate(time, frame, 64, 64, frame, bytes(192), b"jpeg"))
        known = {**clip, "video_id": "v", "width": clip["crop_width"], "height": clip["crop_height"]}
        return [still.row for still in choose_stills(known, span, candidates, still_seconds)]


@given(st.sampled_from(sorted(BUCKET_SETS)), st.floats(0, 100), st.floats(2, 20), st.floats(16, 60))
@settings(max_examples=300)
def test_samples_of_every_named_bucket_set_hold_a_still(name: str, start: float, seconds: float, fps: float) -> None:
    clip = {**make_clip("film", start, seconds, fps), "crop_width": 1920, "crop_height": 1080}
    told = RunConfig(pack=PackConfig(buckets=[name], max_samples_per_clip=99))
    assume(name != "cogvideox-1.5" or seconds > 5.1)  # no bucket of that set holds less
    short = ShortSamples()
    spans = plan_spans([clip], split_stills(clip, told.split.still_seconds), told, short).to_pylist()
    assert spans
    assert not any(is_told_from_outside(span) for span in spans)
    assert short.note(told.split.still_seconds) is None


def test_samples_too_short_for_the_stills_are_counted_and_the_setting_is_named() -> None:
    clip = make_clip("film", 0.0, 4.0, fps=30.0)
    told = config(buckets=["64x64x9@15"], max_samples_per_clip=6)
    short, none = ShortSamples(), ShortSamples()
    spans = plan_spans([clip], split_stills(clip, 2.0), told, short).to_pylist()
    without = [span for span in spans if is_told_from_outside(span)]
    assert 0 < len(without) < len(spans) == 6
    note = short.note(2.0)
    assert note is not None
    assert f"{len(without)} of 6 samples (of 0.60 s and more) contain no still" in note
    assert "split.still_seconds = 2 is too long" in note
    plan_spans([clip], split_stills(clip, 0.3), told, none)
    assert none.note(0.3) is None


@pytest.mark.parametrize("kind", ["video", "image"])
def test_only_a_film_can_be_told_from_outside(kind: str) -> None:
    seconds = 4.0 if kind == "video" else 0.0
    clip = make_clip("x", 0.0, seconds, fps=24.0 if seconds else 0.0, kind=kind)
    first, *_ = plan_spans([clip], make_stills(clip, [3.9 if seconds else 0.0]), config()).to_pylist()
    assert is_told_from_outside(first) == (kind == "video")
