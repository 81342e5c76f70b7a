"""Short ways to write caption records."""

from collections.abc import Mapping, Sequence
from typing import Any

from captioning.quality.check import CheckResult
from captioning.quality.corpus import Corpus
from captioning.quality.records import CaptionRecord, FrameCaption
from captioning.quality.registry import CHECKS


def clip(dense: str, *frames: str, key: str = "a", source: str = "film.mp4", **values: Any) -> CaptionRecord:
    """A record with a caption and frame captions, two seconds apart."""
    captions = tuple(FrameCaption(still_id=f"{key}-{at}", time=2.0 * at, text=text) for at, text in enumerate(frames))
    return CaptionRecord(sample_id=key, source=source, dense=dense, frames=captions, **values)


def run_check(check: str, records: Sequence[CaptionRecord], **values: Any) -> Mapping[str, CheckResult]:
    """What a check sees on records."""
    return CHECKS[check].run(Corpus.of(records, **values))


def why(check: str, dense: str, *frames: str, **values: Any) -> str:
    """What a check says of one clip; empty if nothing."""
    seen = run_check(check, [clip(dense, *frames, **values)])
    return seen["a"].why if "a" in seen else "not judged"
