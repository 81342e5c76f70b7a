"""Signals of change: the same whether frames come at once or in pieces, and each high where it should be.

python -m pytest tests/pipeline/stages/split/detectors/test_signals.py
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.stages.split.detectors.signals import NAMES, Signals
from tests.films import texture

Thumbnails = NDArray[np.uint8]


def _thumbnail(seed: int) -> NDArray[np.float64]:
    return texture(seed, 48, 27).astype(float)


def _dissolve(count: int) -> Thumbnails:
    share = np.linspace(0, 1, count)[:, None, None, None]
    return np.asarray(np.round((1 - share) * _thumbnail(1) + share * _thumbnail(2)), np.uint8)


def _measure(frames: Thumbnails) -> dict[str, NDArray[np.float32]]:
    signals = Signals().push(frames, last=True)
    assert signals.shape == (len(frames), len(NAMES))
    return dict(zip(NAMES, signals.T, strict=True))


@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_pieces_give_what_the_whole_gives(lengths: list[int]) -> None:
    frames = np.random.default_rng(sum(lengths)).integers(0, 256, (sum(lengths), 27, 48, 3), dtype=np.uint8)
    signals, pieces, start = Signals(), [], 0
    for index, length in enumerate(lengths):
        pieces.append(signals.push(frames[start : start + length], last=index == len(lengths) - 1))
        start += length
    np.testing.assert_array_equal(np.concatenate(pieces), Signals().push(frames, last=True))


def test_a_dissolve_is_a_straight_line_and_motion_is_not() -> None:
    moving = np.stack([np.roll(_thumbnail(1), 2 * index, axis=1) for index in range(60)]).astype(np.uint8)
    assert _measure(_dissolve(60))["bend over 8"][10:50].max() < 0.05
    assert _measure(moving)["bend over 8"][10:50].min() > 0.3


def test_a_cut_stands_out_in_the_shortest_difference_and_stays_in_the_longer_ones() -> None:
    frames = np.concatenate([np.repeat(_thumbnail(seed)[None], 40, axis=0) for seed in (1, 2)]).astype(np.uint8)
    measured = _measure(frames)
    assert np.flatnonzero(measured["difference over 1"]).tolist() == [40]
    assert np.flatnonzero(measured["difference over 8"]).tolist() == list(range(40, 48))


def test_colours_stay_in_motion_and_change_with_the_scene() -> None:
    moving = np.stack([np.roll(_thumbnail(1), 2 * index, axis=1) for index in range(60)]).astype(np.uint8)
    still, changed = _measure(moving), _measure(_dissolve(60))
    assert still["colours over 16"].max() == 0
    assert still["ends over 16"][30] > 1
    # The distance of the values in order, as it is defined.
    frames = _dissolve(60)[[14, 46]].reshape(2, -1, 3).astype(float)
    assert np.expm1(changed["colours over 16"][30]) == pytest.approx(
        np.abs(np.diff(np.sort(frames, axis=1), axis=0)).mean(), rel=1e-5
    )


def _wipe(count: int) -> Thumbnails:
    passed = np.arange(48)[None, :] < np.linspace(0, 48, count)[:, None]
    return np.where(passed[:, None, :, None], _thumbnail(2), _thumbnail(1)).astype(np.uint8)


def test_a_transition_goes_straight_and_in_a_wipe_every_place_changes_at_once() -> None:
    dissolve, wipe = _measure(_dissolve(33)), _measure(_wipe(33))
    for measured in (dissolve, wipe):
        assert measured["straightness over 16"][16] > 0.9
    assert wipe["steps over 16"][16] == pytest.approx(wipe["ends over 16"][16], abs=0.01)
    assert dissolve["steps over 16"][16] < dissolve["ends over 16"][16] - 1


def test_light_and_contrast_are_shares() -> None:
    frames = np.stack([np.zeros((27, 48, 3)), np.full((27, 48, 3), 255)]).astype(np.uint8)
    measured = _measure(frames)
    assert measured["light"].tolist() == pytest.approx([0, 1])
    assert measured["contrast"].tolist() == [0, 0]
