"""The demo's videos: enough shots worth training on, and consistent ground truth.

python -m pytest tests/pipeline/demo
"""

from itertools import pairwise

import pytest

from pipeline.demo.editing import DemoVideo, Shot, ShotContent, kept_ticks, presentation_times, truth
from pipeline.demo.moves import Move, View
from pipeline.demo.sources import RealClip
from pipeline.demo.videos import EXACT_COPIES, REAL, STILLS, TRUNCATED, VIDEOS

PAN = Move("coffee", View(0, 0.5, 0.7), View(1, 0.5, 0.7))
ZOOM = Move("chelsea", View(0.5, 0.5, 1), View(0.5, 0.5, 0.6))


def _dissolved() -> DemoVideo:
    shots = (Shot(PAN, 1.0), Shot(ZOOM, 1.0, dissolve=0.4), Shot(PAN, 0.5))
    return DemoVideo(key="a/film.mp4", width=384, height=256, fps=10, shots=shots)


def _seconds_alone(video: DemoVideo) -> list[tuple[ShotContent, float]]:
    times = [*presentation_times(video), video.start_seconds + (kept_ticks(video)[-1] + 1) / video.fps]
    return [
        (shot.content, times[span.clean_end] - times[span.clean_start])
        for shot, span in zip(video.shots, truth(video), strict=True)
    ]


def test_bucket_is_worth_training_on() -> None:
    videos = [video for video in (*REAL.values(), *VIDEOS) if "slides" not in video.key]
    alone = [shot for video in videos for shot in _seconds_alone(video)]
    # Real clips count only where they are whole: an edit that quotes one shows nothing new.
    quoted = {shot.content for video in VIDEOS for shot in video.shots if isinstance(shot.content, RealClip)}
    whole = {shot.content for video in REAL.values() for shot in video.shots}
    distinct = {image for image, seconds in alone if seconds >= 2.2 - 1e-9} - (quoted - whole)
    assert len(videos) >= 16
    assert len(distinct) >= 48
    assert len(STILLS) == 10
    assert {still.key.rsplit(".")[-1] for still in STILLS} == {"jpg", "png", "webp"}


def test_sizes_rates_and_length_stay_within_what_a_run_can_bear() -> None:
    everything = (*REAL.values(), *VIDEOS)
    assert all(min(video.width, video.height) >= 256 and max(video.width, video.height) >= 384 for video in everything)
    assert {video.fps for video in VIDEOS} == {12, 24, 25, 30}
    assert sum(len(kept_ticks(video)) for video in everything) <= 8000
    keys = [video.key for video in everything]
    assert len(set(keys)) == len(keys)
    assert set(EXACT_COPIES.values()) | set(TRUNCATED.values()) <= set(keys)


@pytest.mark.parametrize("video", [*REAL.values(), *VIDEOS], ids=lambda video: video.key)
def test_truth_tiles_the_video(video: DemoVideo) -> None:
    shots = truth(video)
    assert shots[0].start_frame == 0
    assert shots[-1].end_frame == len(presentation_times(video))
    assert all(before.end_frame == after.start_frame for before, after in pairwise(shots))
    assert all(shot.start_frame <= shot.clean_start < shot.clean_end <= shot.end_frame for shot in shots)
    assert all((a.clean_end < b.clean_start) == (b.transition == "dissolve") for a, b in pairwise(shots))


def test_truth_of_bikes_is_where_its_cuts_are() -> None:
    assert [shot.start_frame for shot in truth(REAL["bikes"])] == [0, 30, 76, 137, 187, 242]


def test_dissolve_is_parted_in_its_middle() -> None:
    first, second, third = truth(_dissolved())
    assert (first.start_frame, first.clean_end, first.end_frame) == (0, 6, 8)
    assert (second.transition, second.start_frame, second.clean_start, second.end_frame) == ("dissolve", 8, 10, 16)
    assert (third.transition, third.start_frame, third.clean_start, third.end_frame) == ("cut", 16, 16, 21)
