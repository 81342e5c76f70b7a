"""Stills of a labelled file, extracted as the pipeline does, so that a head is trained on what it will score.

stills = stills_of(Path("talks/a.mp4"), [12.5, None])
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from pipeline.media.decode import Decoder, TimedFrame
from pipeline.media.encode import encode_jpeg
from pipeline.media.image_file import read_image
from pipeline.media.probe import MediaInfo, probe
from pipeline.media.rgb import RgbConverter
from pipeline.stages.split.spans import Span, still_times
from schemas.config import SplitConfig
from schemas.errors import InputError, MediaError

# Seconds are written with few decimals, presentation times are fractions.
TIME_TOLERANCE = 0.001


def stills_of(path: Path, moments: Sequence[float | None]) -> list[list[bytes]]:
    """For each moment its stills as JPEG: the frame displayed that many seconds after the first one.

    Moments may come in any order; None stands for the whole file: stills as `split` takes them from a clip. An image is
    its own only still. One pass over the file. Raises `MediaError` for a file that the pipeline would refuse,
    `InputError` for a moment after its end.
    """
    facts = probe(str(path), path.stat().st_size)
    latest = max((moment for moment in moments if moment is not None), default=0.0)
    if latest > facts.duration + TIME_TOLERANCE:
        raise InputError(f"{path.name} lasts {facts.duration:.2f} s, but a label is for {latest:g} s; correct it")
    if facts.kind == "image":
        return [[_still_of_image(path, facts)] for _ in moments]
    span = Span(shot=0, start_frame=0, end_frame=facts.frames, start_time=0.0, end_time=facts.duration)
    every = still_times(span, SplitConfig().still_seconds)
    requested = sorted(
        (time, index) for index, moment in enumerate(moments) for time in (every if moment is None else [moment])
    )
    stills: list[list[bytes]] = [[] for _ in moments]
    for (_, index), still in zip(requested, _on_display(path, facts, [time for time, _ in requested]), strict=True):
        stills[index].append(still)
    return stills


def _on_display(path: Path, facts: MediaInfo, seconds: Sequence[float]) -> Iterator[bytes]:
    geometry = facts.geometry
    converter, size = RgbConverter(geometry), geometry.fitted(SplitConfig().still_short_side)
    remaining = list(seconds)
    displayed: TimedFrame | None = None
    with Decoder(str(path), facts.track) as decoder:
        for timed in decoder.frames():
            while displayed is not None and remaining and timed.time - facts.start_time > remaining[0] + TIME_TOLERANCE:
                remaining.pop(0)
                yield encode_jpeg(converter.rgb(displayed.frame, *size))
            if not remaining:
                return
            displayed = timed
        if displayed is None:
            raise MediaError("no frame can be decoded")
        yield from (encode_jpeg(converter.rgb(displayed.frame, *size)) for _ in remaining)


def _still_of_image(path: Path, facts: MediaInfo) -> bytes:
    size = facts.geometry.fitted(SplitConfig().still_short_side)
    return encode_jpeg(np.asarray(cv2.resize(read_image(str(path)), size, interpolation=cv2.INTER_AREA), np.uint8))
