"""Motion-compensated differences: low for a pan, high for a cut.

python -m pytest tests/pipeline/stages/split/detectors/test_motion.py
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.stages.split.detectors.motion import NAMES, MotionStream


def _scene(seed: int) -> NDArray[np.uint8]:
    """A smooth image [27, 120, 3], wider than a thumbnail."""
    noise = np.random.default_rng(seed).integers(0, 255, (27, 120, 3)).astype(np.uint8)
    return np.asarray(cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 4), None, 0, 255, cv2.NORM_MINMAX), np.uint8)  # type: ignore[call-overload]


def _measure(thumbnails: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    stream = MotionStream()
    for thumbnail in thumbnails:
        stream.push(thumbnail)
    return stream.finish()


def _column(signals: NDArray[np.float32], name: str) -> NDArray[np.float32]:
    return signals[:, NAMES.index(name)]


def test_a_pan_is_explained_and_a_cut_is_not() -> None:
    scene, other = _scene(0), _scene(1)
    pan = [np.ascontiguousarray(scene[:, 2 * index : 2 * index + 48]) for index in range(12)]
    signals = _measure([*pan, *[np.ascontiguousarray(other[:, :48])] * 4])
    assert signals.shape == (16, len(NAMES))
    left, way = _column(signals, "left over 1"), _column(signals, "way over 1")
    assert left[12] > 2 * left[1:12].max()
    np.testing.assert_allclose(np.expm1(way[2:12]), 2, atol=0.7)  # two pixels a frame
    assert not signals[13:, :3].any()  # nothing moves after the cut
    # Frames up to eight after a cut still differ from the one eight before.
    assert (_column(signals, "left over 8")[12:] > left[1:12].max()).all()


def test_each_video_begins_anew_and_may_be_empty() -> None:
    stream = MotionStream()
    assert stream.finish().shape == (0, len(NAMES))
    thumbnails = [np.ascontiguousarray(_scene(seed)[:, :48]) for seed in range(3)]
    first, again = _measure(thumbnails), _measure(thumbnails)
    np.testing.assert_array_equal(first, again)
    assert not first[0].any()
    assert first[1, 0] > 0
