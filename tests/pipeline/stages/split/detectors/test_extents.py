"""Extents of transitions, from the ramp if one fits and from the marks if not; and the boundaries that follow.

python -m pytest tests/pipeline/stages/split/detectors/test_extents.py
"""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.extents import find_extents
from pipeline.stages.split.detectors.fused import Marks, find_boundaries
from pipeline.stages.split.detectors.thumbnails import HEIGHT, WIDTH, Thumbnails
from tests.films import texture

RATE, COUNT = 60.0, 240
OLD, NEW = 80, 160  # the frames between are mixed
Images = NDArray[np.float64]


@pytest.fixture
def thumbnails() -> Iterator[Thumbnails]:
    stored = Thumbnails()
    yield stored
    stored.clear()


def _panned(seed: int, speed: float) -> Images:
    """A slow pan, in pixels of 48 per frame."""
    wide = cv2.GaussianBlur(texture(seed, 200, 27), (0, 0), 3)
    shifts = [np.array([[1, 0, -10 - speed * index], [0, 1, 0]], np.float64) for index in range(COUNT)]
    return np.stack([cv2.warpAffine(wide, shift, (48, 27)) for shift in shifts]).astype(np.float64)


def _push(thumbnails: Thumbnails, images: Images) -> None:
    for index, image in enumerate(np.clip(np.round(images), 0, 255).astype(np.uint8)):
        thumbnails.push(index / RATE, image)


def _dissolve(speed: float) -> Images:
    share = np.clip((np.arange(COUNT) - (OLD - 1)) / (NEW - OLD + 1), 0, 1)[:, None, None, None]
    return (1 - share) * _panned(1, speed) + share * _panned(2, speed)


def _marks(blends: NDArray[np.float32], begins: NDArray[np.float32] | None = None) -> Marks:
    none = np.zeros(COUNT, np.float32)
    return Marks(np.stack([none, none], axis=1), np.stack([none if begins is None else begins, blends, none], axis=1))


def _blends(first: int, last: int, probability: float) -> NDArray[np.float32]:
    blends = np.zeros(COUNT, np.float32)
    blends[first : last + 1] = probability
    return blends


@pytest.mark.parametrize("speed", [0.0, 0.01])
def test_faint_ends_are_found_and_a_slow_pan_does_not_lengthen_them(thumbnails: Thumbnails, speed: float) -> None:
    _push(thumbnails, _dissolve(speed))
    extents = find_extents(thumbnails, thumbnails.times, (OLD + 6, NEW - 7), (0, COUNT))
    assert extents.fitted
    assert OLD - 3 <= extents.end_of_old <= OLD
    assert NEW <= extents.start_of_new <= NEW + 3


def test_a_slow_pan_that_was_marked_by_mistake_gets_no_more_than_the_margin(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _panned(1, 0.5))
    extents = find_extents(thumbnails, thumbnails.times, (100, 139), (0, COUNT))
    assert not extents.fitted
    assert (extents.end_of_old, extents.start_of_new) == (96, 144)


def test_marks_far_from_the_ramp_do_not_count(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _dissolve(0.0))
    extents = find_extents(thumbnails, thumbnails.times, (OLD - 30, NEW + 30), (0, COUNT))
    assert extents.fitted
    assert OLD - 13 <= extents.end_of_old <= OLD
    assert NEW <= extents.start_of_new <= NEW + 13


def test_the_next_transition_is_not_used(thumbnails: Thumbnails) -> None:
    images = _dissolve(0.0)
    images[NEW + 5 :] = texture(7, 48, 27)
    _push(thumbnails, images)
    extents = find_extents(thumbnails, thumbnails.times, (OLD + 4, NEW - 5), (0, NEW + 5))
    assert extents.fitted
    assert NEW <= extents.start_of_new <= NEW + 3


def test_a_ramp_does_not_make_a_transition_of_what_the_head_doubts(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _dissolve(0.0))
    assert find_boundaries(_marks(_blends(OLD, NEW - 1, 0.8)), thumbnails, 0.5, 0.85) == []
    (boundary,) = find_boundaries(_marks(_blends(OLD, NEW - 1, 0.9)), thumbnails, 0.5, 0.85)
    assert boundary.probability == pytest.approx(0.9)
    assert boundary.end_of_old <= OLD < NEW <= boundary.start_of_new


@pytest.mark.parametrize(("backing", "count"), [(0.0, 0), (0.05, 0), (0.15, 1)])
def test_a_drawn_transition_that_the_other_members_deny_is_none(
    thumbnails: Thumbnails, backing: float, count: int
) -> None:
    _push(thumbnails, _dissolve(0.0))
    marks = _drawn(_blends(OLD + 5, OLD + 8, backing), _blends(OLD, NEW - 1, 0.99))
    assert len(find_boundaries(marks, thumbnails, 0.5, 0.2)) == count


@pytest.mark.parametrize(("many_hot", "count"), [(0.7, 0), (0.9, 1)])
def test_doubtful_marks_without_a_line_in_time_stand_where_transnet_is_sure(
    thumbnails: Thumbnails, many_hot: float, count: int
) -> None:
    _push(thumbnails, _panned(1, 0.5))
    marks = _marks(_blends(100, 139, 0.3))
    marks.answers[120, 1] = many_hot
    assert len(find_boundaries(marks, thumbnails, 0.5, 0.2)) == count


def test_marks_that_hardly_any_time_divides_are_one_transition_and_those_of_two_shots_are_not(
    thumbnails: Thumbnails,
) -> None:
    _push(thumbnails, _dissolve(0.0))
    broken = np.maximum(_blends(OLD, OLD + 30, 0.9), _blends(OLD + 40, NEW - 1, 0.3))
    assert len(find_boundaries(_marks(broken), thumbnails, 0.5, 0.2)) == 1
    apart = np.maximum(_blends(20, 30, 0.9), _blends(50, 60, 0.9))
    assert len(find_boundaries(_marks(apart), thumbnails, 0.5, 0.2)) == 2


def test_a_sure_cut_explains_faint_marks_beside_it_and_no_strong_ones(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _panned(1, 0.0))
    begins = np.zeros(COUNT, np.float32)
    begins[120] = 0.99
    assert find_boundaries(_marks(_blends(117, 121, 0.6), begins), thumbnails, 0.5, 0.2) == [Boundary(120, 120)]
    (boundary,) = find_boundaries(_marks(_blends(117, 121, 0.9), begins), thumbnails, 0.5, 0.2)
    assert not boundary.is_cut
    begins[120] = 0.8
    (boundary,) = find_boundaries(_marks(_blends(117, 121, 0.6), begins), thumbnails, 0.5, 0.2)
    assert not boundary.is_cut


def test_a_transition_near_the_end_of_a_video_is_left_out_even_if_its_margin_goes_beyond_the_end(
    thumbnails: Thumbnails,
) -> None:
    _push(thumbnails, _panned(1, 0.0))
    (boundary,) = find_boundaries(_marks(_blends(200, COUNT - 2, 0.9)), thumbnails, 0.5, 0.2)
    assert boundary.end_of_old <= 200
    assert boundary.start_of_new == COUNT
    assert find_boundaries(_marks(_blends(200, COUNT - 1, 0.9)), thumbnails, 0.5, 0.2) == []


def _held(thumbnails: Thumbnails, level: float, hold: int) -> None:
    """A fade out from frame 80 on, `hold` frames of one colour from frame 100 on, and a fade in just as long."""
    frame = np.arange(COUNT)
    strength = np.clip(np.maximum((100 - frame) / 20, (frame - 100 - hold) / 20), 0, 1)[:, None, None, None]
    shots = np.where((frame < 100)[:, None, None, None], _panned(1, 0.0), _panned(2, 0.0))
    _push(thumbnails, strength * shots + (1 - strength) * level)


@pytest.mark.parametrize("level", [0.0, 255.0])
def test_a_fade_that_is_marked_on_both_sides_of_its_black_or_white_is_one_transition(
    thumbnails: Thumbnails, level: float
) -> None:
    _held(thumbnails, level, 60)
    blends = np.maximum(_blends(82, 97, 0.9), _blends(162, 177, 0.6))
    (boundary,) = find_boundaries(_marks(blends), thumbnails, 0.5, 0.85)
    assert 75 <= boundary.end_of_old <= 81
    assert 179 <= boundary.start_of_new <= 185


def test_black_before_a_cut_is_left_out_with_the_fade_that_leads_to_it(thumbnails: Thumbnails) -> None:
    _held(thumbnails, 0.0, 60)
    begins = np.zeros(COUNT, np.float32)
    begins[150] = 0.9
    assert find_boundaries(_marks(_blends(84, 97, 0.9), begins), thumbnails, 0.5, 0.85)[0].start_of_new >= 160


def test_what_fades_in_from_black_at_the_beginning_of_a_video_is_no_boundary_of_black(thumbnails: Thumbnails) -> None:
    images = _panned(1, 0.0)
    images[:60] = 0
    _push(thumbnails, images)
    assert thumbnails.empty[:60].all()
    assert not thumbnails.empty[60:].any()
    (boundary,) = find_boundaries(_marks(_blends(62, 80, 0.9)), thumbnails, 0.5, 0.6)
    assert boundary.end_of_old >= 58


def test_what_only_transnet_takes_for_a_cut_is_left_out_with_its_neighbours(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _panned(1, 0.0))
    begins = np.zeros(COUNT, np.float32)
    begins[[60, 120]] = 0.9, 0.03
    marks = _marks(np.zeros(COUNT, np.float32), begins)
    marks.answers[[59, 119], 0] = 0.95
    assert find_boundaries(marks, thumbnails, 0.5, 0.85) == [Boundary(60, 60), Boundary(118, 122)]


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_images_without_advancing_timestamps_or_for_too_long_have_no_ramp(
    thumbnails: Thumbnails, seconds: float
) -> None:
    for index, image in enumerate(_dissolve(0.0).astype(np.uint8)):
        thumbnails.push(index * seconds, image)
    assert not find_extents(thumbnails, thumbnails.times, (OLD, NEW - 1), (0, COUNT)).fitted


def test_thumbnails_are_read_back_while_more_are_pushed_and_forgotten_at_the_end(thumbnails: Thumbnails) -> None:
    assert thumbnails.read(0, 3).shape == (0, HEIGHT, WIDTH, 3)
    for level in range(10):
        thumbnails.push(level / 10, np.full((27, 48, 3), level, np.uint8))
        assert thumbnails.read(level, level + 1).max() == level
    assert thumbnails.read(2, 5)[:, 0, 0, 0].tolist() == [2, 3, 4]
    assert thumbnails.times.tolist() == [level / 10 for level in range(10)]
    thumbnails.clear()
    assert len(thumbnails.times) == 0
    thumbnails.push(0.5, np.full((27, 48, 3), 77, np.uint8))
    assert thumbnails.read(0, 1).max() == 77


def _certain(*frames: int) -> NDArray[np.float32]:
    """TransNetV2's probabilities: sure that a shot ends with these frames, and 0 elsewhere."""
    answers = np.zeros((COUNT, 2), np.float32)
    answers[list(frames), 0] = 0.95
    return answers


def test_the_head_has_no_veto_over_a_cut_that_the_network_is_sure_of(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _panned(1, 0.0))
    (boundary,) = find_boundaries(Marks(_certain(119), np.zeros((COUNT, 3), np.float32)), thumbnails, 0.5, 0.2)
    assert boundary.end_of_old <= 120 <= boundary.start_of_new
    assert boundary.probability == pytest.approx(0.95)
    (boundary,) = find_boundaries(Marks(_certain(119) * 0.65, np.zeros((COUNT, 3), np.float32)), thumbnails, 0.5, 0.2)
    assert boundary.probability == pytest.approx(0.95 * 0.65)
    doubtful = _certain(119) * 0.6
    assert find_boundaries(Marks(doubtful, np.zeros((COUNT, 3), np.float32)), thumbnails, 0.5, 0.2) == []


def test_a_cut_that_both_see_is_one_boundary_as_sure_as_the_surer_of_them(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _panned(1, 0.0))
    begins = np.zeros((COUNT, 3), np.float32)
    begins[121, 0] = 0.6
    (boundary,) = find_boundaries(Marks(_certain(119, 120), begins), thumbnails, 0.5, 0.2)
    assert (boundary.end_of_old, boundary.start_of_new) == (121, 121)
    assert boundary.probability == pytest.approx(0.95)


def test_the_network_counts_at_the_ends_of_a_video(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _panned(1, 0.0))
    boundaries = find_boundaries(Marks(_certain(0, COUNT - 1), np.zeros((COUNT, 3), np.float32)), thumbnails, 0.5, 0.2)
    assert boundaries == [Boundary(0, 3)]


def test_what_follows_no_line_in_time_must_be_the_surer(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _panned(1, 0.5))
    assert find_boundaries(_marks(_blends(100, 139, 0.45)), thumbnails, 0.5, 0.2) == []
    assert len(find_boundaries(_marks(_blends(100, 139, 0.55)), thumbnails, 0.5, 0.2)) == 1
    thumbnails.clear()
    _push(thumbnails, _dissolve(0.0))
    assert len(find_boundaries(_marks(_blends(OLD, NEW - 1, 0.25)), thumbnails, 0.5, 0.2)) == 1


def _drawn(seen: NDArray[np.float32], drawn: NDArray[np.float32]) -> Marks:
    none = np.zeros(COUNT, np.float32)
    return Marks(np.stack([none, none], axis=1), np.stack([none, seen, drawn], axis=1))


def test_what_the_member_for_drawn_transitions_alone_sees_counts_where_a_line_in_time_fits(
    thumbnails: Thumbnails,
) -> None:
    faint, marks = _blends(100, 139, 0.15), _blends(OLD, NEW - 1, 0.9)
    _push(thumbnails, _dissolve(0.0))
    (boundary,) = find_boundaries(_drawn(faint, marks), thumbnails, 0.5, 0.2)
    assert boundary.end_of_old <= OLD < NEW <= boundary.start_of_new
    thumbnails.clear()
    _push(thumbnails, _panned(1, 0.5))
    assert find_boundaries(_drawn(faint, _blends(100, 139, 0.9)), thumbnails, 0.5, 0.2) == []


def test_what_both_see_ends_where_the_member_for_drawn_transitions_says(thumbnails: Thumbnails) -> None:
    _push(thumbnails, _panned(1, 0.5))
    drawn = _blends(100, 139, 0.3)
    (boundary,) = find_boundaries(_drawn(_blends(110, 120, 0.9), drawn), thumbnails, 0.5, 0.2)
    assert (boundary.end_of_old, boundary.start_of_new) == (96, 144)
