"""Stills of a labelled file, made as the pipeline makes them, so that a head learns from what it will be shown.

python -m pytest tests/pipeline/readers/teaching/test_pictures.py
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from pipeline.media.decode import Decoder, TimedFrame
from pipeline.media.encode import encode_jpeg
from pipeline.media.picture import PictureMaker
from pipeline.media.picture_file import read_picture
from pipeline.media.probe import MediaInfo, probe
from pipeline.stages.split.spans import Span, still_times
from schemas.config import SplitConfig
from schemas.errors import InputError, MediaError

# Seconds are written with few decimals, presentation times are fractions.
TIME_TOLERANCE = 0.001


def stills_of(path: Path, moments: Sequence[float | None]) -> list[list[bytes]]:
    """The stills of each moment, as JPEG: the frame on display so many seconds after the first, in any order.

    None stands for the whole file: stills as `split` takes them of a clip. A picture is its own only still. One pass
    over the file. Raises `MediaError` for a file that the pipeline would refuse, `InputError` for a moment after its
    end.
    """
    facts = probe(str(path), path.stat().st_size)
    latest = max((one for one in moments if one is not None), default=0.0)
    if latest > facts.duration + TIME_TOLERANCE:
        raise InputError(f"{path.name} lasts {facts.duration:.2f} s, but a label is for {latest:g} s; correct it")
    if facts.kind == "image":
        return [[_picture(path, facts)] for _ in moments]
    whole = Span(shot=0, start_frame=0, end_frame=facts.frames, start_time=0.0, end_time=facts.duration)
    every = still_times(whole, SplitConfig().still_seconds)
    wanted = sorted((time, place) for place, one in enumerate(moments) for time in (every if one is None else [one]))
    found: list[list[bytes]] = [[] for _ in moments]
    for (_, place), still in zip(wanted, _on_display(path, facts, [time for time, _ in wanted]), strict=True):
        found[place].append(still)
    return found


def _on_display(path: Path, facts: MediaInfo, seconds: Sequence[float]) -> Iterator[bytes]:
    geometry = facts.geometry
    maker, size = PictureMaker(geometry), geometry.fitted(SplitConfig().still_short_side)
    wanted = list(seconds)
    shown: TimedFrame | None = None
    with Decoder(str(path), facts.track) as decoder:
        for timed in decoder.frames():
            while shown is not None and wanted and timed.time - facts.start_time > wanted[0] + TIME_TOLERANCE:
                wanted.pop(0)
                yield encode_jpeg(maker.rgb(shown.frame, *size))
            if not wanted:
                return
            shown = timed
        if shown is None:
            raise MediaError("no frame can be decoded")
        yield from (encode_jpeg(maker.rgb(shown.frame, *size)) for _ in wanted)


def _picture(path: Path, facts: MediaInfo) -> bytes:
    size = facts.geometry.fitted(SplitConfig().still_short_side)
    return encode_jpeg(np.asarray(cv2.resize(read_picture(str(path)), size, interpolation=cv2.INTER_AREA), np.uint8))
