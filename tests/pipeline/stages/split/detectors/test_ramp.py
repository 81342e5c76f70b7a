"""Ramps fitted to synthetic images: dissolves, fades and wipes whose ends are known to a fraction of a frame.

python -m pytest tests/pipeline/stages/split/detectors/test_ramp.py
"""

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.stages.split.detectors.ramp import Ramp, fit_ramp
from pipeline.stages.split.detectors.wipe import fit_wipe
from tests.films import texture

HEIGHT, WIDTH, RATE = 14, 24, 50.0
START, END = 0.5, 1.5  # seconds, of 2
Numbers = NDArray[np.float64]


def _shot(seed: int) -> Numbers:
    return texture(seed, WIDTH, HEIGHT).astype(np.float64)


def _times(dropped: float = 0.0) -> Numbers:
    times = np.arange(100) / RATE
    return np.asarray(times[np.random.default_rng(1).uniform(size=100) >= dropped])


def _grained(images: Numbers) -> NDArray[np.uint8]:
    grain = np.random.default_rng(0).normal(0, 1.5, images.shape)
    return np.clip(np.round(images + grain), 0, 255).astype(np.uint8)


def _dissolve(times: Numbers) -> Numbers:
    share = np.clip((times - START) / (END - START), 0, 1)[:, None, None, None]
    return np.asarray((1 - share) * _shot(1) + share * _shot(2))


def _fade(times: Numbers, level: float, bar: int = 0) -> Numbers:
    share = np.clip((times - START) / (END - START), 0, 1)[:, None, None, None]
    shown = np.where(share < 0.5, _shot(1), _shot(2)) * np.abs(1 - 2 * share) + level * (1 - np.abs(1 - 2 * share))
    shown[:, :bar] = shown[:, HEIGHT - bar :] = 0
    return np.asarray(shown)


def _wipe(times: Numbers, across: float, down: float) -> Numbers:
    """Each pixel of the small image is a mean of 10 x 10 pixels over which the edge moves."""
    rows, columns = np.mgrid[0 : 10 * HEIGHT, 0 : 10 * WIDTH]
    ramp = columns / WIDTH * across + rows / HEIGHT * down
    ramp = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    share = ((times - START) / (END - START))[:, None, None]
    over = np.clip((share * 1.04 - ramp) / 0.04, 0, 1)
    over = over.reshape(len(times), HEIGHT, 10, WIDTH, 10).mean(axis=(2, 4))[..., None]
    return np.asarray((1 - over) * _shot(1) + over * _shot(2))


def _marked(times: Numbers, short: float = 0.1) -> tuple[int, int]:
    """The frames marked by a detector that does not see the faint ends."""
    first, last = np.searchsorted(times, (START + short, END - short))
    return int(first), int(last)


def _assert_near(ramp: Ramp | None, tolerance: float) -> None:
    assert ramp is not None
    assert ramp.exact
    assert (ramp.start, ramp.end) == pytest.approx((START, END), abs=tolerance)


@pytest.mark.parametrize("dropped", [0.0, 0.3])
def test_a_dissolve_ends_where_its_line_does_also_at_a_variable_rate(dropped: float) -> None:
    times = _times(dropped)
    images = _grained(_dissolve(times)).reshape(len(times), -1).astype(np.float64)
    _assert_near(fit_ramp(times, images, *_marked(times)), 0.5 / RATE)


@pytest.mark.parametrize(("level", "bar"), [(0, 0), (255, 0), (255, 2)])
@pytest.mark.parametrize("dropped", [0.0, 0.3])
def test_a_fade_ends_where_its_two_lines_do(level: float, bar: int, dropped: float) -> None:
    times = _times(dropped)
    images = _grained(_fade(times, level, bar)).reshape(len(times), -1).astype(np.float64)
    _assert_near(fit_ramp(times, images, *_marked(times)), 0.5 / RATE)


@pytest.mark.parametrize(("across", "down"), [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1)])
@pytest.mark.parametrize("dropped", [0.0, 0.3])
def test_a_wipe_ends_where_its_edge_leaves_the_frame(across: float, down: float, dropped: float) -> None:
    times = _times(dropped)
    images = _grained(_wipe(times, across, down))
    flat = images.reshape(len(times), -1).astype(np.float64)
    ramp = fit_ramp(times, flat, *_marked(times))
    assert ramp is None or not ramp.exact
    _assert_near(fit_wipe(times, images, *_marked(times)), 1.5 / RATE)


def test_motion_is_no_ramp() -> None:
    times = _times()
    wide = texture(3, 8 * WIDTH, HEIGHT).astype(np.float64)
    moving = _grained(np.stack([wide[:, index : index + WIDTH] for index in range(len(times))]))
    flat = moving.reshape(len(times), -1).astype(np.float64)
    ramp = fit_ramp(times, flat, *_marked(times))
    assert ramp is None or not ramp.exact
    assert fit_wipe(times, moving, *_marked(times)) is None


def test_a_still_image_is_no_ramp() -> None:
    times = _times()
    still = np.full((len(times), HEIGHT, WIDTH, 3), 90, np.uint8)
    assert fit_ramp(times, still.reshape(len(times), -1).astype(np.float64), *_marked(times)) is None
    assert fit_wipe(times, still, *_marked(times)) is None
