"""The detectors on videos whose cuts are known, one video after the other.

python -m pytest tests/pipeline/stages/split/detectors/test_detectors.py
"""

from collections.abc import Sequence

import pytest

from pipeline.media.analysis_frame import analyse_image
from pipeline.stages.split.detectors import DETECTORS, make_detector
from pipeline.stages.split.detectors.base import Boundary, Detector
from schemas.config import SplitConfig
from tests.films import Picture, shots

DETECTOR_NAMES = ["fused", "transnet", "adaptive"]


@pytest.fixture(scope="module", params=DETECTOR_NAMES)
def detector(request: pytest.FixtureRequest) -> Detector:
    return make_detector(SplitConfig(detector=request.param), 1)


def _boundaries(detector: Detector, images: Sequence[Picture]) -> list[Boundary]:
    for image in images:
        detector.push(analyse_image(image))
    return detector.finish()


def test_hard_cuts_are_found_exactly_in_one_video_after_the_other(detector: Detector) -> None:
    assert _boundaries(detector, shots([15, 21, 12])) == [Boundary(15, 15), Boundary(36, 36)]
    assert _boundaries(detector, shots([24], seed=7)) == []
    assert _boundaries(detector, shots([20, 20], seed=3)) == [Boundary(20, 20)]


def test_nothing_pushed_is_nothing_found(detector: Detector) -> None:
    assert detector.finish() == []


def test_every_detector_of_the_configuration_is_here() -> None:
    assert sorted(DETECTORS) == sorted(DETECTOR_NAMES)
