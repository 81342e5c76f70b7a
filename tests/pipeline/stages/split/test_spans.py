"""From boundaries to clips: inside one shot, no overlap, nothing lost, long enough.

python -m pytest tests/pipeline/stages/split/test_spans.py
"""

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.spans import Span, find_confidences, find_shots, make_spans, still_times

# Seconds on screen of each frame: anything from 60 frames/s to a late frame.
intervals = st.lists(st.sampled_from([1 / 60, 1 / 24, 0.05, 0.1, 0.3]), min_size=1, max_size=120)
edge_lists = st.tuples(st.floats(0, 5), intervals).map(lambda lists: list(accumulate(lists[1], initial=lists[0])))


@st.composite
def videos(draw: st.DrawFn) -> tuple[list[float], list[tuple[int, int]]]:
    """The edges of a video's frames, and its shots."""
    edges = draw(edge_lists)
    frames = len(edges) - 1
    cuts = draw(st.lists(st.integers(0, frames), unique=True, max_size=8).map(sorted))
    boundaries = [Boundary(first, last) for first, last in zip(cuts[::2], cuts[1::2], strict=False)]
    return edges, find_shots(boundaries, frames)


@given(videos(), st.floats(0.5, 3), st.floats(3, 10))
def test_clips_lie_inside_their_shots_in_order_and_are_long_enough(
    video: tuple[list[float], list[tuple[int, int]]], least: float, factor: float
) -> None:
    edges, shots = video
    spans = make_spans(shots, edges, least, least * factor)
    for span in spans:
        start, end = shots[span.shot]
        assert start <= span.start_frame < span.end_frame <= end
        assert (span.start_time, span.end_time) == (edges[span.start_frame], edges[span.end_frame])
        assert span.duration >= least - 0.001
    assert all(before.end_frame <= after.start_frame for before, after in pairwise(spans))


@given(videos(), st.floats(0.5, 2), st.floats(3, 10))
def test_nothing_of_a_shot_that_is_long_enough_is_lost(
    video: tuple[list[float], list[tuple[int, int]]], least: float, factor: float
) -> None:
    edges, shots = video
    spans = make_spans(shots, edges, least, least * factor)
    for number, (start, end) in enumerate(shots):
        frames = [frame for span in spans if span.shot == number for frame in range(span.start_frame, span.end_frame)]
        long_enough = edges[end] - edges[start] >= least - 0.001
        assert frames == (list(range(start, end)) if long_enough else [])


@given(videos(), st.floats(0.5, 2), st.floats(3, 10))
def test_long_shots_are_divided_evenly_into_as_few_pieces_as_the_limit_allows(
    video: tuple[list[float], list[tuple[int, int]]], least: float, factor: float
) -> None:
    edges, shots = video
    longest_frame = max((after - before for before, after in pairwise(edges)), default=0.0)
    spans = make_spans(shots, edges, least, least * factor)
    for number in {span.shot for span in spans}:
        lengths = [span.duration for span in spans if span.shot == number]
        assert max(lengths) - min(lengths) <= 2 * longest_frame + 1e-9
        assert max(lengths) <= least * factor + longest_frame + 0.001
        assert len(lengths) == 1 or sum(lengths) > (len(lengths) - 1) * least * factor


def test_mixed_frames_belong_to_no_shot_and_a_cut_loses_none() -> None:
    assert find_shots([Boundary(10, 10), Boundary(20, 25)], 40) == [(0, 10), (10, 20), (25, 40)]
    assert find_shots([], 40) == [(0, 40)]
    assert find_shots([Boundary(0, 5), Boundary(38, 40)], 40) == [(5, 38)]


def test_trimming_takes_frames_off_both_sides_of_a_boundary_and_none_off_the_ends_of_the_video() -> None:
    assert find_shots([Boundary(10, 10), Boundary(20, 25)], 40, trim=2) == [(0, 8), (12, 18), (27, 40)]
    assert find_shots([Boundary(10, 10), Boundary(13, 13)], 40, trim=2) == [(0, 8), (15, 40)]


@given(videos(), st.integers(0, 3))
def test_every_shot_but_the_first_has_the_confidence_of_a_boundary_before_it(
    video: tuple[list[float], list[tuple[int, int]]], trim: int
) -> None:
    edges, shots = video
    boundaries = [Boundary(end, start, 1 / (start + 2)) for (_, end), (start, _) in pairwise(shots)]
    trimmed = find_shots(boundaries, len(edges) - 1, trim)
    sure = find_confidences(boundaries, trimmed)
    assert len(sure) == max(0, len(trimmed) - 1)
    assert set(sure) <= {boundary.probability for boundary in boundaries}


def test_where_a_shot_has_no_frame_left_the_surer_boundary_counts() -> None:
    boundaries = [Boundary(10, 10, 0.6), Boundary(12, 12, 0.9), Boundary(30, 30, 0.7)]
    shots = find_shots(boundaries, 40, trim=1)
    assert (shots, find_confidences(boundaries, shots)) == ([(0, 9), (13, 29), (31, 40)], [0.9, 0.7])


def test_rounding_of_stamps_does_not_cost_a_clip() -> None:
    edges = [round(index / 24, 3) - 0.0004 * (index == 48) for index in range(49)]
    assert len(make_spans([(0, 48)], edges, 2.0, 20.0)) == 1
    assert not make_spans([(0, 47)], edges, 2.0, 20.0)


@given(st.floats(0, 100), st.floats(0.5, 60), st.floats(0.2, 10))
def test_stills_are_wanted_inside_the_clip_evenly_and_at_least_three(
    start: float, seconds: float, every: float
) -> None:
    span = Span(shot=0, start_frame=0, end_frame=1000, start_time=start, end_time=start + seconds)
    times = still_times(span, every)
    assert len(times) >= 3
    assert span.start_time < times[0]
    assert times[-1] < span.end_time
    gaps = [after - before for before, after in pairwise(times)]
    assert gaps == pytest.approx([span.duration / len(times)] * len(gaps), abs=1e-6)
    assert max(gaps) <= every + 0.001


def test_there_are_never_more_stills_than_frames() -> None:
    span = Span(shot=0, start_frame=3, end_frame=5, start_time=0.0, end_time=1_000_000.0)
    assert still_times(span, 2.0) == [250_000.0, 750_000.0]


@given(st.lists(st.sampled_from([1 / 24, 0.5, 3.0, 7.0]), min_size=1, max_size=200), st.floats(1, 10))
def test_no_clip_is_longer_than_the_limit_however_long_frames_stay(holds: list[float], limit: float) -> None:
    edges = list(accumulate(holds, initial=0.0))
    spans = make_spans([(0, len(holds))], edges, 0.01, limit)
    assert all(span.duration <= limit + 0.002 for span in spans)
    assert [frame for span in spans for frame in range(span.start_frame, span.end_frame)] == list(range(len(holds)))
