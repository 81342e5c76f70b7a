"""The timeline: jumps back and forth, reordered frames, missing timestamps, and frames held on purpose.

python -m pytest tests/pipeline/media/test_timeline.py
"""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.timeline import COUNTED_HOLD, PacketStamps, Timeline, make_timeline, timeline_of

INTERVAL = 1 / 25


def stamps(*recordings: list[float], group: int = 12, delay: int = 2) -> PacketStamps:
    """Packets of consecutive recordings, in coded order with one reordered frame in each pair."""
    packets = PacketStamps()
    for times in recordings:
        order = list(range(len(times)))
        for index in range(1, len(order) - 1, 2):
            order[index], order[index + 1] = order[index + 1], order[index]
        for number, index in enumerate(order):
            decoded = times[0] + (number - delay) * INTERVAL if number < delay else times[number - delay]
            packets.add(times[index], decoded, INTERVAL, is_shown=True, is_key=number % group == 0)
    return packets


def even(count: int, start: float = 0.0) -> list[float]:
    return [start + index * INTERVAL for index in range(count)]


def spans(timeline: Timeline) -> list[float]:
    return [edge for segment in timeline.segments for edge in (segment.start, segment.end)]


def test_a_recording_without_a_jump_is_one_segment() -> None:
    timeline = make_timeline(stamps(even(100, 1.48)), INTERVAL)
    assert spans(timeline) == pytest.approx([1.48, 5.48])
    assert timeline.interval == pytest.approx(INTERVAL)
    assert timeline.seconds == pytest.approx(4.0)
    assert timeline.has_one_clock
    assert not timeline.is_variable


@given(st.integers(30, 200), st.integers(30, 200), st.floats(0, 5), st.floats(-5, 0))
def test_a_recording_whose_timestamps_begin_anew_follows_the_end_of_the_last(
    first: int, second: int, start: float, back: float
) -> None:
    earlier = start + back
    timeline = make_timeline(stamps(even(first, start), even(second, earlier)), INTERVAL)
    end = start + first * INTERVAL
    assert spans(timeline) == pytest.approx([start, end, end, end + second * INTERVAL])
    assert [segment.first_packet for segment in timeline.segments] == [0, first]
    assert timeline.shift_of(first - 1) == 0
    assert timeline.shift_of(first) == pytest.approx(end - earlier)
    assert not timeline.has_one_clock


@pytest.mark.parametrize("gap", [0.3, 2.0, 1800.0, 1e6])
def test_a_pause_ends_a_segment_and_the_clock_goes_on(gap: float) -> None:
    times = [*even(50), *even(50, 2.0 + gap)]
    timeline = make_timeline(stamps(times), INTERVAL)
    assert spans(timeline) == pytest.approx([0.0, 2.0, 2.0 + gap, 4.0 + gap])
    assert timeline.seconds == pytest.approx(4.0)
    assert timeline.has_one_clock


def test_a_dropped_frame_or_a_pulldown_is_no_pause() -> None:
    times = [time for index, time in enumerate(even(100)) if index not in (20, 21, 40, 41, 42)]
    assert len(make_timeline(stamps(times), INTERVAL).segments) == 1


def test_where_the_rate_varies_a_second_is_no_pause() -> None:
    times = [index * 0.04 + 0.9 * (index // 10) for index in range(60)]
    uneven = [time + 0.012 * (index % 3) for index, time in enumerate(times)]
    timeline = make_timeline(stamps(uneven), INTERVAL)
    assert timeline.is_variable
    assert len(timeline.segments) == 1


def test_empty_chunks_of_avi_hold_a_frame_on_purpose_but_not_for_ever() -> None:
    times = [*even(50), *even(50, 7.0), *even(50, 30.0)]
    assert len(make_timeline(stamps(times), INTERVAL).segments) == 3
    assert len(make_timeline(stamps(times), INTERVAL, hold=COUNTED_HOLD).segments) == 2


def test_packets_without_timestamps_follow_at_the_nominal_rate() -> None:
    packets = PacketStamps()
    for _ in range(50):
        packets.add(None, None, 0.0, is_shown=True, is_key=True)
    assert spans(make_timeline(packets, 0.04)) == pytest.approx([0.0, 2.0])


def test_what_an_edit_list_hides_is_in_no_segment() -> None:
    packets = PacketStamps()
    for index in range(100):
        packets.add(-2.0 + index * INTERVAL, -2.0 + index * INTERVAL, INTERVAL, is_shown=index >= 50, is_key=True)
    timeline = make_timeline(packets, INTERVAL)
    assert spans(timeline) == pytest.approx([0.0, 2.0])
    assert packets.frames == 50


@given(st.lists(st.floats(-1e7, 1e7), min_size=1, max_size=80), st.booleans())
def test_whatever_the_timestamps_are_segments_rise_and_hold_every_shown_packet(times: list[float], key: bool) -> None:
    packets = PacketStamps()
    for time in times:
        packets.add(time, None, math.nan, is_shown=True, is_key=key)
    timeline = make_timeline(packets, INTERVAL)
    assert all(before.end <= after.start + 1e-6 for before, after in pairwise(timeline.segments))
    assert all(segment.start < segment.end for segment in timeline.segments)
    for number, time in enumerate(times):
        shown = time + timeline.shift_of(number)
        segment = timeline.segments[timeline.segment_at(shown)]
        assert segment.start - 0.001 <= shown <= segment.end + 0.001


def test_a_timeline_survives_its_table() -> None:
    timeline = make_timeline(stamps(even(40, 1.0), even(40, 0.5)), INTERVAL)
    assert timeline_of(timeline.columns()) == timeline
