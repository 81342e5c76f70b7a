"""Parts: any mid-stream change of format ends one, and every frame is in one, with its display time.

python -m pytest tests/pipeline/media/test_parts.py
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from pipeline.media.decode import Decoder
from pipeline.media.parts import Part, ShownFrame, parts_of
from pipeline.media.probe import probe
from tests.films import make_film, shots

SIZE = (96, 64)


def _join(folder: Path, recordings: Sequence[dict[str, Any]]) -> Path:
    """Recordings of 30 frames each, joined byte by byte."""
    data = b""
    for number, options in enumerate(recordings):
        images = shots([30], options.get("size", SIZE), seed=10 * number)
        made = {name: value for name, value in options.items() if name != "size"}
        make_film(folder / f"{number}.ts", images, **made)
        data += (folder / f"{number}.ts").read_bytes()
    path = folder / "joined.ts"
    path.write_bytes(data)
    return path


def _parts(path: Path) -> list[tuple[Part, list[ShownFrame]]]:
    facts = probe(str(path), path.stat().st_size)
    with Decoder(str(path), facts.track) as decoder:
        return [(part, list(frames)) for part, frames in parts_of(decoder)]


@pytest.mark.parametrize(
    ("second", "cause"),
    [
        ({}, "the stamps jump back"),
        ({"start": 1.34}, "no picture"),
        ({"start": 60.0}, "no frame for 58"),
        ({"start": 1.34, "size": (48, 32)}, "the frame size changes from 96x64 to 48x32"),
        ({"start": 1.34, "pixel_aspect": Fraction(2, 1)}, "the pixel aspect changes from 1 to 2"),
        ({"start": 1.34, "pixel_format": "yuv444p"}, "the orientation or the colours of the frames change"),
    ],
)
def test_what_changes_mid_stream_ends_a_part(second: dict[str, Any], cause: str, tmp_path: Path) -> None:
    parts = _parts(_join(tmp_path, [{}, second]))
    if cause == "no picture":  # a recording that follows directly in the same format continues the part
        assert len(parts) == 1
        return
    assert [len(frames) for _, frames in parts] == [30, 30]
    assert parts[0][0].cause == "start"
    assert cause in parts[1][0].cause
    width, height = second.get("size", SIZE)
    assert parts[1][0].geometry.width == width * second.get("pixel_aspect", 1)
    assert parts[1][0].geometry.height == height


def test_every_frame_is_shown_until_the_next_and_the_last_of_a_part_for_a_frame(tmp_path: Path) -> None:
    parts = _parts(_join(tmp_path, [{}, {"start": 60.0}, {"start": 0.5}]))
    frames = [shown for _, listed in parts for shown in listed]
    assert [shown.index for shown in frames] == list(range(90))
    assert [len(listed) for _, listed in parts] == [30, 30, 30]
    for _, listed in parts:
        assert all(before.end == after.timed.time for before, after in pairwise(listed))
        assert listed[-1].end - listed[-1].timed.time == pytest.approx(1 / 24, abs=0.001)
    assert all(before.end <= after.timed.time + 1e-6 for before, after in pairwise(frames))
