"""Split on videos whose cuts are known: exact spans, stills inside their clips, one decode, a reason where nothing is.

python -m pytest tests/pipeline/stages/split/test_stage.py
"""

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.stage import Result, Row
from pipeline.stages.split.stage import OUTPUTS, Split
from schemas.config import SplitConfig
from schemas.contract import STATUS_COLUMNS
from schemas.errors import MediaError
from tests.films import flat, make_film, shots, texture, video_row

LENGTHS = (50, 61, 53)
FPS = 24
_EVEN = [index / FPS for index in range(sum(LENGTHS))]
_UNEVEN = [time + 0.008 * (index * 7 % 5) for index, time in enumerate(_EVEN)]


@pytest.fixture(scope="module")
def split() -> Split:
    # The one detector that needs no network: what follows is the same for all of them.
    return Split(SplitConfig(detector="adaptive"), threads=1)


def _process(split: Split, row: Row) -> Result:
    """Process a row and hold all its tables against their contracts."""
    result = split.process(row)
    assert result.values is not None
    status = dict(zip((column.name for column in STATUS_COLUMNS), ("ok", None, 1), strict=True))
    OUTPUTS[0].contract.table([{**result.values, **status}])
    for output in OUTPUTS[1:]:
        output.contract.table(result.others.get(output.folder, []))
    return result


@pytest.mark.parametrize(
    ("name", "times", "start"),
    [
        ("even.mp4", _EVEN, 0.0),
        ("late.mp4", _EVEN, 3.5),
        ("uneven.mp4", _UNEVEN, 0.0),
        ("uneven_and_late.mkv", _UNEVEN, 3.5),
    ],
)
def test_clips_are_exactly_the_shots_and_stills_lie_inside(
    name: str, times: list[float], start: float, split: Split, tmp_path: Path
) -> None:
    shown = make_film(tmp_path / name, shots(LENGTHS), times=times, start=start)
    result = _process(split, video_row(tmp_path / name))
    assert result.values is not None
    assert (result.values["decoded_frames"], result.values["clips"], result.values["shots"]) == (len(times), 3, 3)
    assert result.counters == {"decoded_frames": len(times), "damaged_packets": 0, "videos_decoded": 1}
    edges = np.cumsum([0, *LENGTHS])
    clips, stills = result.others["clips"], result.others["stills"]
    assert [(clip["start_frame"], clip["end_frame"]) for clip in clips] == list(pairwise(edges))
    assert [clip["start_time"] for clip in clips] == pytest.approx([shown[edge] for edge in edges[:-1]], abs=0.001)
    assert [clip["end_time"] for clip in clips[:-1]] == [clip["start_time"] for clip in clips[1:]]
    assert result.values["boundaries"] == [clip["start_time"] for clip in clips[1:]]
    assert result.values["boundary_probabilities"] == [1.0, 1.0]
    for clip in clips:
        inside = [still for still in stills if still["clip_id"] == clip["clip_id"]]
        assert len(inside) >= 3
        assert all(clip["start_time"] <= still["time"] < clip["end_time"] for still in inside)
        assert [still["ordinal"] for still in inside] == list(range(len(inside)))
        assert clip["fps"] == pytest.approx(FPS, rel=0.05)


def test_stills_show_their_own_shot(split: Split, tmp_path: Path) -> None:
    colours = [(200, 40, 40), (40, 200, 40), (40, 40, 200)]
    make_film(tmp_path / "film.mp4", [image for colour in colours for image in flat(colour, 50, (96, 64))])
    result = _process(split, video_row(tmp_path / "film.mp4"))
    shot = {clip["clip_id"]: clip["shot"] for clip in result.others["clips"]}
    assert len(shot) == 3
    for still, stored in zip(result.others["stills"], result.others["still_images"], strict=True):
        assert stored["still_id"] == still["still_id"]
        with Image.open(io.BytesIO(stored["image"])) as image:
            assert image.size == (still["width"], still["height"]) == (96, 64)
            mean = np.asarray(image).mean(axis=(0, 1))
        assert mean == pytest.approx(colours[shot[still["clip_id"]]], abs=6)


def test_long_shots_are_divided(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([120], (96, 64)))
    divide = Split(SplitConfig(detector="adaptive", min_seconds=1, max_seconds=2), threads=1)
    clips = _process(divide, video_row(tmp_path / "film.mp4")).others["clips"]
    assert [(clip["start_frame"], clip["end_frame"], clip["shot"]) for clip in clips] == [
        (0, 40, 0), (40, 80, 0), (80, 120, 0),
    ]  # fmt: skip


def test_frames_beside_a_boundary_are_left_off_where_it_is_asked_for(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([60, 60], (96, 64)))
    trimmed = Split(SplitConfig(detector="adaptive", trim_frames=3), threads=1)
    clips = _process(trimmed, video_row(tmp_path / "film.mp4")).others["clips"]
    assert [(clip["start_frame"], clip["end_frame"]) for clip in clips] == [(0, 57), (63, 120)]


@pytest.mark.parametrize(
    ("lengths", "reason"),
    [([30], "its only shot lasts 1.25 s, less than"), ([20, 30], "the longest of its 2 shots lasts 1.25 s")],
)
def test_a_video_without_a_clip_says_why(lengths: list[int], reason: str, split: Split, tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots(lengths, (96, 64)))
    result = _process(split, video_row(tmp_path / "film.mp4"))
    assert result.values is not None
    assert reason in result.values["reason"]
    assert result.values["decoded_frames"] == sum(lengths)
    assert result.others == {"clips": [], "stills": [], "still_images": []}


def test_short_clips_have_three_stills_too(tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([20, 14, 20, 15], (96, 64)))
    short = Split(SplitConfig(detector="adaptive", min_seconds=0.5), threads=1)
    result = _process(short, video_row(tmp_path / "film.mp4"))
    assert len(result.others["clips"]) == 4
    for clip in result.others["clips"]:
        assert sum(still["clip_id"] == clip["clip_id"] for still in result.others["stills"]) >= 3


def test_a_frame_that_nothing_follows_for_seconds_ends_its_clip(split: Split, tmp_path: Path) -> None:
    # A recording that paused: nobody knows what was on screen, and a frozen frame is not video.
    times = [*(index / 24 for index in range(60)), *(8.0 + index / 24 for index in range(60))]
    make_film(tmp_path / "paused.mkv", shots([60, 60]), times=times)
    result = _process(split, video_row(tmp_path / "paused.mkv"))
    spans = [(clip["start_time"], clip["end_time"]) for clip in result.others["clips"]]
    assert [time for span in spans for time in span] == pytest.approx([0.0, 2.5, 8.0, 10.5], abs=0.002)
    assert result.values is not None
    assert [part["cause"] for part in result.values["parts"]] == ["start", "no frame for 5.5 s"]


def test_each_part_of_a_video_that_changes_its_size_has_its_own_geometry(split: Split, tmp_path: Path) -> None:
    make_film(tmp_path / "large.ts", shots([60], (192, 128)))
    make_film(tmp_path / "small.ts", shots([60], (96, 64), seed=9))
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "large.ts").read_bytes() + (tmp_path / "small.ts").read_bytes())
    result = _process(split, video_row(joined))
    clips, stills = result.others["clips"], result.others["stills"]
    assert [(clip["width"], clip["height"], clip["start_frame"]) for clip in clips] == [(192, 128, 0), (96, 64, 60)]
    assert clips[1]["start_time"] == pytest.approx(clips[0]["end_time"])
    sizes = {(still["clip_id"], still["width"], still["height"]) for still in stills}
    assert sizes == {(clips[0]["clip_id"], 192, 128), (clips[1]["clip_id"], 96, 64)}
    assert result.values is not None
    assert "from 192x128 to 96x64" in result.values["parts"][1]["cause"]
    assert result.values["boundary_probabilities"] == [1.0]


def test_a_source_that_was_written_to_since_it_was_listed_fails(split: Split, tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([60], (96, 64)))
    row = video_row(tmp_path / "film.mp4")
    make_film(tmp_path / "film.mp4", shots([70], (96, 64)))
    with pytest.raises(MediaError, match="changed since it was listed"):
        split.process(row)
    (tmp_path / "film.mp4").unlink()
    with pytest.raises(MediaError, match="removed since it was listed"):
        split.process(row)


def test_rotated_videos_give_upright_clips_and_stills(split: Split, tmp_path: Path) -> None:
    make_film(tmp_path / "film.mp4", shots([50], (96, 64)), rotation=90)
    result = _process(split, video_row(tmp_path / "film.mp4"))
    assert [(clip["width"], clip["height"]) for clip in result.others["clips"]] == [(64, 96)]
    assert {(still["width"], still["height"]) for still in result.others["stills"]} == {(64, 96)}


def test_an_image_becomes_one_clip_with_one_still(split: Split, tmp_path: Path) -> None:
    Image.fromarray(texture(1, 1200, 800)).save(tmp_path / "still.png")
    result = _process(split, video_row(tmp_path / "still.png"))
    (clip,), (still,) = result.others["clips"], result.others["stills"]
    assert (clip["kind"], clip["width"], clip["height"], clip["duration"], clip["motion"]) == (
        "image", 1200, 800, 0.0, None,
    )  # fmt: skip
    assert (still["clip_id"], still["width"], still["height"]) == (clip["clip_id"], 768, 512)
    assert result.counters["decoded_frames"] == 1


def test_a_video_that_fails_leaves_nothing_for_the_next(split: Split, tmp_path: Path) -> None:
    make_film(tmp_path / "good.mp4", shots([50, 50], (96, 64)))
    row = video_row(tmp_path / "good.mp4")
    alone = split.process(row)
    (tmp_path / "bad.mp4").write_bytes(b"no film")
    status = (tmp_path / "bad.mp4").stat()
    bad = {"uri": str(tmp_path / "bad.mp4"), "bytes": status.st_size, "version": str(status.st_mtime_ns)}
    with pytest.raises(MediaError, match="not a video"):
        split.process({**row, **bad})
    assert split.process(row) == alone
