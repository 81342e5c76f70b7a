"""Demo videos as files: frames and times match the ground truth, bytes are the same each time, and frames move.

python -m pytest tests/pipeline/demo
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from pipeline.demo.editing import DemoVideo, Shot, frames, presentation_times, truth
from pipeline.demo.moves import Move, View
from pipeline.demo.scenes import SCENES, Rendered
from pipeline.demo.writer import write_video

RED_CUP = Move("coffee", View(0, 0.5, 0.7), View(1, 0.5, 0.7))
ZOOM = Move("chelsea", View(0.5, 0.3, 1), View(0.55, 0.25, 0.6))


def _video(key: str = "some/where/film.mp4") -> DemoVideo:
    shots = (Shot(RED_CUP, 0.8), Shot(Rendered("sea", 1), 0.8), Shot(Rendered("clouds"), 0.8, dissolve=0.4))
    return DemoVideo(key=key, width=384, height=256, fps=10, shots=shots)


def _changes(images: Iterable[npt.NDArray[np.uint8]]) -> list[float]:
    return [float(np.abs(after.astype(float) - before).mean()) for before, after in pairwise(images)]


def _decode(path: Path) -> tuple[list[npt.NDArray[np.generic]], list[float]]:
    with av.open(path) as container:
        decoded = list(container.decode(video=0))
    return [frame.to_ndarray(format="rgb24") for frame in decoded], [frame.time for frame in decoded]


@pytest.mark.parametrize(
    "video",
    [_video(), replace(_video("late.mp4"), start_seconds=1.6), replace(_video("variable.mkv"), dropped_share=0.3)],
    ids=lambda video: video.key,
)
def test_file_holds_the_promised_frames_at_the_promised_times(video: DemoVideo, tmp_path: Path) -> None:
    write_video(video, tmp_path)
    images, times = _decode(tmp_path / video.key)
    assert len(images) == truth(video)[-1].end_frame
    assert times == pytest.approx(presentation_times(video), abs=0.001)
    # The frames are the video's own, in their original colours.
    expected = list(frames(video))
    errors = [np.abs(a.astype(float) - b).mean() for a, b in zip(images, expected, strict=True)]
    assert max(errors) < 4


def test_largest_change_is_at_the_cut() -> None:
    video = _video()
    assert int(np.argmax(_changes(frames(video)))) + 1 == truth(video)[1].start_frame


@pytest.mark.parametrize("ending", ["mp4", "mkv"])
def test_bytes_are_the_same_each_time(ending: str, tmp_path: Path) -> None:
    # An encoder that reads stale memory differs only occasionally: repeat, and dirty the memory in between.
    video = DemoVideo(key=f"film.{ending}", width=576, height=384, fps=12, shots=(Shot(ZOOM, 1.0),))
    contents = set()
    for attempt in range(5):
        litter = [np.full(size, attempt, dtype=np.uint8) for size in (100_000 * attempt + 7, 3_000 * attempt + 1)]
        write_video(video, tmp_path / str(attempt))
        contents.add((tmp_path / str(attempt) / video.key).read_bytes())
        del litter
    assert len(contents) == 1


def test_turned_video_is_stored_lying_and_marked_for_a_quarter_turn(tmp_path: Path) -> None:
    video = replace(_video("turned.mp4"), rotation=90)
    write_video(video, tmp_path)
    with av.open(tmp_path / video.key) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height) == (video.height, video.width)
    upright = np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)
    assert np.abs(upright.astype(float) - next(frames(video))).mean() < 4


def test_file_is_tagged_bt709_limited(tmp_path: Path) -> None:
    video = _video()
    write_video(video, tmp_path)
    with av.open(tmp_path / video.key) as container:
        frame = next(container.decode(video=0))
    assert (frame.color_range, frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1, 1)


@pytest.mark.parametrize("scene", sorted(set(SCENES) - {"slide"}))
def test_scenes_move_and_their_variants_differ(scene: str) -> None:
    first, later = (frame.astype(float) for frame in Rendered(scene, 0).frames([0.0, 0.5], 384, 256))
    other = next(Rendered(scene, 1).frames([0.0], 384, 256)).astype(float)
    assert first.std() > 10
    assert np.abs(later - first).mean() > 0.3
    assert np.abs(other - first).mean() > 8


def test_move_is_smooth() -> None:
    changes = _changes(RED_CUP.frames(np.linspace(0, 4, 97).tolist(), 384, 256))
    steps = [abs(after - before) for before, after in pairwise(changes)]
    assert min(changes) > 0.5
    assert max(steps) < 0.12 * max(changes)
