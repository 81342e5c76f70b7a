"""The frames of a sample: each the nearest in time, all from the clip, and only those that were captioned.

python -m pytest tests/pipeline/stages/encode/test_sample_frames.py
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pipeline.media.decode import Decoder, TimedFrame
from pipeline.media.geometry import Geometry
from pipeline.media.rgb import RgbConverter
from pipeline.stages.encode import sample_frames
from pipeline.stages.encode.framing import frame_sample
from pipeline.stages.encode.sample_frames import read_frames
from schemas.bucket import Assignment, Bucket, Shape, assign
from tests.films import flat, make_film, video_row
from tests.pipeline.stages.pack.test_stage import (
    COLOURS,
    FRAMES,
    frames_of,
    make_clips,
    members_of,
    pack_clips,
    stills_of,
)


def test_a_sample_whose_images_are_not_those_that_were_captioned_fails(tmp_path: Path) -> None:
    """The video was replaced by another of the same size and length, and the clock of the file was set back."""
    clips = make_clips(tmp_path)
    stills = [stills_of(clip) for clip in clips]
    images = [image for colour in reversed(COLOURS) for image in flat(colour, FRAMES, (96, 64))]
    make_film(tmp_path / "film.mp4", images, key_interval=25)
    now = video_row(tmp_path / "film.mp4")
    changed = {name: now[name] for name in ("bytes", "version")}
    results = pack_clips(tmp_path, [{**clip, **changed, "stills": of} for clip, of in zip(clips, stills, strict=True)])
    errors = [str(result.error) for result in results if result.error]
    assert len(errors) == 2  # the colour in the middle is the same
    assert all("its frames are not those that were captioned: 2 of 2 stills differ" in error for error in errors)


def test_a_source_that_was_replaced_after_it_was_listed_fails(tmp_path: Path) -> None:
    clips = make_clips(tmp_path)
    stills = [stills_of(clip) for clip in clips]
    make_film(tmp_path / "film.mp4", flat((9, 9, 9), 180, (96, 64)))
    results = pack_clips(tmp_path, [{**clip, "stills": of} for clip, of in zip(clips, stills, strict=True)])
    assert all("changed since it was listed" in str(result.error) for result in results)
    assert len(results) == 3


def test_where_a_decoder_that_starts_in_the_middle_gives_other_images_the_video_is_decoded_from_its_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips = make_clips(tmp_path)
    stills = [stills_of(clip) for clip in clips]
    whole, spans = Decoder.span, []

    def broken(decoder: Decoder, start: float, end: float, floor: float | None = None) -> Any:
        spans.append(start)
        for timed in whole(decoder, start, end, floor):
            green = av.VideoFrame.from_ndarray(flat((0, 135, 0), 1, (96, 64))[0], format="rgb24")
            yield TimedFrame(timed.time, green, timed.aspect)

    monkeypatch.setattr(Decoder, "span", broken)
    results = pack_clips(tmp_path, [{**clip, "stills": of} for clip, of in zip(clips, stills, strict=True)])
    assert [result.error for result in results] == [None] * 3
    assert len(spans) == 3
    members = members_of(tmp_path)
    for clip, colour in zip(clips, COLOURS, strict=True):
        frames = frames_of(members[f"{clip['clip_id']}-64x48x17-8fps-0"]["mp4"])
        assert all(frame.mean(axis=(0, 1)) == pytest.approx(colour, abs=6) for frame in frames)


def test_a_later_sample_starts_with_the_frame_that_is_on_screen(tmp_path: Path) -> None:
    """Frames at 0, 1.9 and 3.9 s: what is wanted at 2.125 s is the one from 1.9 s."""
    path = tmp_path / "held.mkv"
    times = [0.0, 1.9, 3.9, 4.0, 4.1]
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200), (0, 0, 200), (0, 0, 200)]
    make_film(path, [flat(colour, 1)[0] for colour in colours], times=times)
    row = {**video_row(path), "start_time": 2.125, "clip_start": 0.0, "clip_end": 4.2, "stills": []}
    bucket, geometry = Bucket.parse("64x48x17@8"), Geometry(0, 64, 48)
    frames, _ = read_frames(row, bucket, geometry, frame_sample(geometry, (0, 0, 64, 48), bucket))
    shown = [RgbConverter(Geometry(0, 64, 48)).rgb(frame, 64, 48) for frame in (frames[0], frames[-1])]
    assert [int(np.argmax(image.mean(axis=(0, 1)))) for image in shown] == [1, 2]


@dataclass
class _Numbered:
    """A frame that is only a number."""

    time: float
    frame: int


class _FakeDecoder:
    """Frames at given times, without a video."""

    times: list[float] = []
    decoded_frames = 0

    def __init__(self, *_: object) -> None:
        pass

    def __enter__(self) -> "_FakeDecoder":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def span(self, start: float, end: float, floor: float) -> Any:
        before = max((time for time in self.times if floor <= time < start), default=start)
        return (_Numbered(time, index) for index, time in enumerate(self.times) if before <= time < end)

    span_from_beginning = span


class _FakeMaker:
    def __init__(self, *_: object) -> None:
        pass

    def make(self, frame: int) -> int:
        return frame


@given(
    st.floats(7.85, 120),
    st.integers(1, 800),
    st.floats(0, 100),
    st.sampled_from(["64x48x17@8", "64x48x9@15", "64x48x25@8"]),
)
@example(116 / 1.9362, 117, 0.0, "64x48x17@8")  # a clip that fits only by the tolerance of its length
@settings(max_examples=300)
def test_every_planned_sample_gets_all_its_frames_each_the_nearest(
    fps: float, count: int, start: float, text: str
) -> None:
    bucket, times = Bucket.parse(text), [start + index / fps for index in range(count)]
    end = start + count / fps
    assignment = assign(Shape(width=64, height=48, duration=end - start, fps=fps, is_image=False), [bucket])
    assume(isinstance(assignment, Assignment))
    assert isinstance(assignment, Assignment)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_FakeDecoder, "times", times)
        patch.setattr(sample_frames, "Decoder", _FakeDecoder)
        patch.setattr(sample_frames, "StandardFrames", _FakeMaker)
        for ordinal in {0, assignment.samples - 1}:
            first = start + ordinal * bucket.seconds
            row = {"uri": "", "start_time": first, "clip_start": start, "clip_end": end, "stills": []}
            row |= {"stream": 0, "segments": [], "frame_interval": 0.04, "scan": "progressive", "field_order": None}
            geometry = Geometry(0, 64, 48)
            frames, _ = read_frames(row, bucket, geometry, frame_sample(geometry, (0, 0, 64, 48), bucket))
            assert len(frames) == bucket.frames
            for number, frame in enumerate(cast(Any, frames)):
                target = first + number / bucket.fps
                assert abs(times[frame] - target) <= min(abs(time - target) for time in times) + 1e-6
