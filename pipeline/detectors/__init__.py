"""Shot detectors: each sees every frame of the one decode pass once and names the boundaries at the end.

base        the protocol, and what a boundary is
transnet    TransNetV2, in windows as the frames come
adaptive    PySceneDetect's AdaptiveDetector
fused       the default: both, combined
"""

from collections.abc import Callable

from pipeline.detectors.base import Detector
from schemas.config import SplitConfig


def _fused(config: SplitConfig, threads: int) -> Detector:
    from pipeline.detectors.fused import FusedDetector

    return FusedDetector(config.cut_probability, config.supported_probability, threads)


def _transnet(config: SplitConfig, threads: int) -> Detector:
    from pipeline.detectors.transnet import TransNetDetector

    return TransNetDetector(config.cut_probability, threads)


def _adaptive(config: SplitConfig, threads: int) -> Detector:
    from pipeline.detectors.adaptive import AdaptiveCuts

    return AdaptiveCuts()


DETECTORS: dict[str, Callable[[SplitConfig, int], Detector]] = {
    "fused": _fused,
    "transnet": _transnet,
    "adaptive": _adaptive,
}
