"""Videos marked by people: every annotation format is read, typing errors cost a line, and the judge counts right.

python -m pytest tests/pipeline/benchmarks/test_marked.py
"""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.benchmarks.shots.causes import LIGHT, MOVES, PART, PASSES, TWICE, WHOLE, find_cause
from pipeline.benchmarks.shots.marked import (
    Mark,
    NoBoundary,
    parse_clipshots,
    parse_shot_listing,
    parse_shots,
    parse_table,
    read_marked,
)
from pipeline.benchmarks.shots.marked_judge import Tally, judge_marked
from pipeline.stages.split.detectors.base import Boundary
from schemas.errors import InputError
from tests.films import texture


@st.composite
def films(draw: st.DrawFn) -> tuple[list[tuple[int, int]], int]:
    """Boundaries of a video (last frame of the old shot, first of the new one), and how many frames it has."""
    shots = draw(st.lists(st.tuples(st.integers(1, 80), st.integers(0, 9)), min_size=1, max_size=12))
    start, marked = 0, []
    for length, mixed in shots:
        start += length
        marked.append((start - 1, start + mixed))
        start += mixed
    return marked, start + draw(st.integers(1, 50))


def _marks(marked: list[tuple[int, int]]) -> list[Mark]:
    return [Mark(Boundary(last + 1, first), "cut" if first == last + 1 else "gradual") for last, first in marked]


@given(films())
def test_every_format_says_the_same(video: tuple[list[tuple[int, int]], int]) -> None:
    marked, frames = video
    expected = _marks(marked)
    rows = "".join(f"a\t{mark.kind}\t{last}\t{first}\n" for mark, (last, first) in zip(expected, marked, strict=True))
    assert parse_table("film\tkind\tlast\tfirst\n" + rows) == {"a": expected}
    transitions = {"a.mp4": {"transitions": marked, "frame_num": frames}}
    assert parse_clipshots(json.dumps(transitions)) == {"a": expected}
    listing = f"a.mp4 {frames}\n" + "".join(f"{last},{first}\n" for last, first in marked) + "\nb.mp4 10\n"
    assert parse_shot_listing(listing) == {"a": expected, "b": []}
    starts, ends = [0, *(first for _, first in marked)], [*(last for last, _ in marked), frames - 1]
    shots = "".join(f"{start}\t{end}\n" for start, end in zip(starts, ends, strict=True))
    assert parse_shots(shots) == expected


@given(st.text(max_size=200))
def test_no_text_breaks_a_parser_and_no_mark_runs_backwards(text: str) -> None:
    videos = [*parse_table(text).values(), *parse_clipshots(text).values(), *parse_shot_listing(text).values()]
    marks = [mark for video in (*videos, parse_shots(text) or []) for mark in video]
    assert all(mark.boundary.end_of_old <= mark.boundary.start_of_new for mark in marks)


def test_typing_errors_of_public_files_cost_a_line_at_the_most(caplog: pytest.LogCaptureFixture) -> None:
    text = "7.mp4 900\n10,11\n568,,569\n295.296\n722,57\n178,179,\nno numbers\n"
    boundaries = [mark.boundary.end_of_old for mark in parse_shot_listing(text)["7"]]
    assert boundaries == [11, 569, 296, 179]
    assert "from frame 722 to 57" in caplog.text
    assert "no numbers" in caplog.text


def test_videos_are_matched_by_name_and_part(tmp_path: Path) -> None:
    for name in (
        "films/a.mkv", "edited/a.mp4", "videos/test/c.mp4", "bbc_01.mp4", "3.mp4", "unmarked.mp4", "films/notes.txt",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("nothing to look at")
    (tmp_path / "boundaries.tsv").write_text("film\tkind\tlast\tfirst\na\tcut\t9\t10\n")
    (tmp_path / "edited_boundaries.tsv").write_text("film\tkind\tlast\tfirst\tnote\na\tunsure\t5\t6\ta screen\n")
    (tmp_path / "edited_no_boundary.tsv").write_text("film\tstart\tend\twhat\na\t1\t2\tflash\n")
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations/test.json").write_text(json.dumps({"c.mp4": {"transitions": [[3, 4]]}}))
    (tmp_path / "annotations/shots").mkdir()
    (tmp_path / "annotations/shots/01_From_Pole_to_Pole.txt").write_text("0 20\n21 40\n")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/3_gt.txt").write_text("0 7\n12 30\n")
    videos = {video.path.relative_to(tmp_path).as_posix(): video for video in read_marked(tmp_path)}
    assert {name: [mark.boundary.end_of_old for mark in video.marks] for name, video in videos.items()} == {
        "films/a.mkv": [10], "edited/a.mp4": [6], "videos/test/c.mp4": [4], "bbc_01.mp4": [21], "3.mp4": [8],
    }  # fmt: skip
    assert (videos["films/a.mkv"].part, videos["edited/a.mp4"].part) == ("films", "edited")


def test_a_folder_without_annotations_says_what_it_takes(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"film")
    with pytest.raises(InputError, match=r"no video with marked boundaries; expected videos beside boundaries\.tsv"):
        read_marked(tmp_path)


FADE, CUT = Mark(Boundary(101, 110), "fade"), Mark(Boundary(200, 200), "cut")


def _judged(*boundaries: tuple[int, int], marks: tuple[Mark, ...] = (FADE, CUT)) -> Tally:
    return judge_marked(marks, [Boundary(*boundary) for boundary in boundaries], 300, 25.0, 2.0)


def test_what_is_exact_is_all_kept() -> None:
    tally = _judged((101, 110), (200, 200))
    assert (tally.f1, tally.f1_of_cuts, tally.f1_of_gradual, tally.purity, tally.coverage, tally.kept_share) == (1,) * 6
    assert (tally.pieces_per_shot, tally.clips, tally.false) == (1, 3, ())


def test_a_missed_cut_costs_its_clip_and_a_false_one_makes_a_piece() -> None:
    tally = _judged((101, 110), (250, 250))
    assert (tally.right, tally.cuts, tally.gradual, tally.false_cuts) == (1, (1, 0), (1, 1), 1)
    assert (tally.clips, tally.pure, tally.kept_share) == (3, 2, (101 + 50) / 291)
    assert (tally.pieces_per_shot, tally.false) == (4 / 3, (Boundary(250, 250),))


@pytest.mark.parametrize(("boundary", "right"), [(203, 1), (204, 0), (198, 1), (197, 1), (196, 0)])
def test_two_frames_are_forgiven(boundary: int, right: int) -> None:
    assert _judged((boundary, boundary), marks=(CUT,)).right == right


def test_each_answer_is_for_one_boundary_and_unsure_ones_are_not_counted() -> None:
    pair = (Mark(Boundary(199, 199), "cut"), Mark(Boundary(201, 201), "cut"))
    assert _judged((200, 200), marks=pair).right == 1
    unsure = _judged((150, 150), marks=(Mark(Boundary(150, 151), "unsure"),))
    assert (unsure.marked, unsure.false_cuts) == (0, 0)


def test_clips_may_reach_two_frames_into_a_transition() -> None:
    assert _judged((103, 108), (200, 200)).purity == 1
    assert _judged((104, 107), (200, 200)).purity == pytest.approx(1 / 3)


@given(films(), st.data())
def test_sums_hold(video: tuple[list[tuple[int, int]], int], data: st.DataObject) -> None:
    marked, frames = video
    cuts = data.draw(st.lists(st.integers(1, frames - 1), unique=True, max_size=9).map(sorted)) if frames > 1 else []
    boundaries = [Boundary(cut, cut) for cut in cuts]
    tally = judge_marked(_marks(marked), boundaries, frames, 25.0, 0.4)
    assert tally.right + len(tally.false) == len(boundaries)
    assert tally.kept <= tally.covered <= tally.good
    assert tally.cuts[0] + tally.gradual[0] == tally.marked
    assert (tally + tally).f1 == tally.f1


def test_places_without_a_boundary_are_read_beside_their_table(tmp_path: Path) -> None:
    (tmp_path / "edited").mkdir()
    (tmp_path / "edited/a.mp4").write_bytes(b"film")
    (tmp_path / "edited_boundaries.tsv").write_text("a\tcut\t5\t6\n")
    (tmp_path / "edited_no_boundary.tsv").write_text("film\tstart\tend\twhat\na\t10\t20\tcamera move: a pan\tdiff\n")
    (video,) = read_marked(tmp_path)
    assert video.no_boundaries == (NoBoundary(10, 20, "camera move"),)


def _wide(seed: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(texture(seed, 96, 54), (0, 0), 2), np.uint8)


def _window(image: NDArray[np.uint8], left: int) -> NDArray[np.uint8]:
    return np.asarray(image[13:40, left : left + 48], np.uint8)


def _filmed(before: NDArray[np.uint8], between: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.stack([before] * 20 + [between] * 2 + [after] * 20)


SCENE = _window(_wide(3), 20)
TITLED = SCENE.copy()
TITLED[:9, :25] = 255


@pytest.mark.parametrize(
    ("between", "after", "cause"),
    [
        (np.full_like(SCENE, 255), SCENE, PASSES),
        (SCENE, np.asarray(SCENE * 0.4, np.uint8), LIGHT),
        (_window(_wide(3), 22), _window(_wide(3), 23), MOVES),
        (TITLED, TITLED, PART),
        (_window(_wide(9), 0), _window(_wide(9), 0), WHOLE),
    ],
)
def test_the_images_say_why_an_answer_is_false(
    between: NDArray[np.uint8], after: NDArray[np.uint8], cause: str
) -> None:
    video = _filmed(SCENE, between, after)
    assert find_cause(Boundary(20, 22), video, [], []) == cause


def test_what_a_person_wrote_and_a_boundary_nearby_come_first() -> None:
    video = _filmed(SCENE, SCENE, SCENE)
    assert find_cause(Boundary(20, 22), video, [Boundary(30, 30)], [NoBoundary(21, 30, "overlay")]) == "overlay"
    assert find_cause(Boundary(20, 22), video, [Boundary(30, 30)], []) == TWICE
