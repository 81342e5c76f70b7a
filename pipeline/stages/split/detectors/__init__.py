"""Shot detectors: each sees every frame of the one decode pass once and names the boundaries at the end.

base        the protocol, and what a boundary is
transnet    TransNetV2 (`transnet_stream`: the network itself, each frame once)
adaptive    PySceneDetect's AdaptiveDetector: no network at all
fused       the default: TransNetV2 and cheap signals of change (`signals`), weighed by a small network (`head`)
"""

from collections.abc import Callable

from pipeline.stages.split.detectors.base import Detector
from schemas.config import SplitConfig


def _fused(config: SplitConfig, threads: int) -> Detector:
    from pipeline.stages.split.detectors.fused import FusedDetector

    return FusedDetector(*config.thresholds(), threads, config.network_precision)


def _transnet(config: SplitConfig, threads: int) -> Detector:
    from pipeline.stages.split.detectors.transnet import TransNetDetector

    return TransNetDetector(config.thresholds()[0], threads, config.network_precision)


def _adaptive(config: SplitConfig, threads: int) -> Detector:
    from pipeline.stages.split.detectors.adaptive import AdaptiveCuts

    return AdaptiveCuts()


DETECTORS: dict[str, Callable[[SplitConfig, int], Detector]] = {
    "fused": _fused,
    "transnet": _transnet,
    "adaptive": _adaptive,
}
