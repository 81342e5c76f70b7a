"""Interlaced video through probe, decoder and split: recognised, decoded as whole frames, and its combing measured.

python -m pytest tests/pipeline/stages/split/test_interlaced.py
"""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.media.decode import Decoder, TimedFrame
from pipeline.media.fields import compare_fields, luma_lines
from pipeline.media.probe import probe
from pipeline.media.tracks import track_of
from pipeline.stage import Result
from pipeline.stages.split.stage import Split
from schemas.config import SplitConfig
from tests.films import video_row
from tests.interlaced_films import scanned, write_film

SPANS = ((0, 20), (1, 9), (11, 30), (12, 14), (13, 40), (24, 36), (50, 75))


@pytest.mark.parametrize("name", ["film.mpg", "film.ts", "film.mkv"])
@pytest.mark.parametrize(
    ("kind", "scan"), [("top", "interlaced"), ("telecine", "telecine"), ("progressive", "progressive")]
)
def test_a_span_of_interlaced_video_is_the_slice_of_the_whole(kind: str, scan: str, name: str, tmp_path: Path) -> None:
    path = write_film(tmp_path / name, scanned(kind, 75, (8, 1)))
    row = video_row(path)
    assert (row["scan"], row["field_order"]) == (scan, None if scan == "progressive" else "top")
    with Decoder(str(path), track_of(row)) as decoder:
        whole = [(timed.time, timed.frame.to_ndarray()) for timed in decoder.frames()]
    edges = [time for time, _ in whole] + [whole[-1][0] + 1]
    for first, last in SPANS:
        with Decoder(str(path), track_of(row)) as decoder:
            span = [(timed.time, timed.frame.to_ndarray()) for timed in decoder.span(edges[first], edges[last])]
        assert [time for time, _ in span] == edges[first:last]
        assert all(np.array_equal(image, right) for (_, image), (_, right) in zip(span, whole[first:last], strict=True))


def test_interlaced_video_is_decoded_as_whole_frames_and_watched_as_it_is(tmp_path: Path) -> None:
    path = write_film(tmp_path / "film.mpg", scanned("bottom", 50, (8, 1)))
    seen: list[TimedFrame] = []

    def watch(frames: Iterator[TimedFrame]) -> Iterator[TimedFrame]:
        for timed in frames:
            seen.append(timed)
            yield timed

    with Decoder(str(path), probe(str(path), path.stat().st_size).track, watch=watch) as decoder:
        frames = list(decoder.frames())
    assert len(frames) == len(seen) == 50
    for timed, combed in ((frames, 0), (seen, 49)):
        lines = [luma_lines(timed_frame.frame) for timed_frame in timed]
        assert sum(compare_fields(*pair).combed is not None for pair in itertools.pairwise(lines)) == combed


@pytest.mark.parametrize(("kind", "least", "most"), [("top", 1, 1), ("telecine", 0.2, 0.6), ("progressive", 0, 0)])
def test_clips_say_how_much_of_the_source_is_combed_while_their_stills_are_whole(
    kind: str, least: float, most: float, tmp_path: Path
) -> None:
    path = write_film(tmp_path / "film.mpg", scanned(kind, 100, (8, 1)))
    result: Result = Split(SplitConfig(detector="adaptive"), threads=1).process(video_row(path))
    clip, *_ = result.others["clips"]
    assert least <= clip["interlaced"] <= most
    still = np.asarray(Image.open(io.BytesIO(result.others["still_images"][1]["image"])).convert("L"), int)
    # Between lines of one field and those of the next a combed image changes more than within a field.
    across, within = np.abs(np.diff(still, axis=0)).mean(), np.abs(still[2:] - still[:-2]).mean()
    assert across < within


def test_an_image_has_no_fields(tmp_path: Path) -> None:
    Image.fromarray(scanned("top", 1)[0]).save(tmp_path / "image.png")
    row = video_row(tmp_path / "image.png")
    assert (row["scan"], row["field_order"]) == ("progressive", None)
    result = Split(SplitConfig(detector="adaptive"), threads=1).process(row)
    assert result.others["clips"][0]["interlaced"] is None
