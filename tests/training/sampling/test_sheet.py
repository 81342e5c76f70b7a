"""The sheet shows the first and the last frame of every clip and cuts captions, not pictures."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ImageFont

from training.sampling.sheet import Pixels, contact_sheet, sheet_frames, wrap


def colours(frames: int, width: int = 64, height: int = 32) -> Pixels:
    clip = np.zeros((frames, height, width, 3), np.uint8)
    clip[:, :, :, 0] = np.linspace(0, 255, frames).astype(np.uint8)[:, None, None]
    clip[:, :, :, 2] = 200
    return clip


def test_frames_are_spread_over_the_clip_and_rows_stand_below_one_another() -> None:
    assert sheet_frames(1) == [0]
    assert sheet_frames(3) == [0, 1, 2]
    assert sheet_frames(17) == [0, 3, 6, 10, 13, 16]
    sheet = contact_sheet("linear codec", [("a red car", colours(17)), ("a field", colours(1, 32, 32))])
    blue = (sheet[:, :, 2] == 200) & (sheet[:, :, 1] == 0)
    rows = np.flatnonzero(blue.any(axis=1))
    starts = [int(row) for row in rows if row - 1 not in rows]
    assert len(starts) == 2
    first, second = blue[starts[0]], blue[starts[1]]
    assert first.sum() == 6 * 192
    assert second.sum() == 192
    reds = sheet[starts[0], np.flatnonzero(first)[::192] + 5, 0].tolist()
    assert reds == sorted(reds)
    assert (reds[0], reds[-1]) == (0, 255)
    assert (sheet[: starts[0]] < 128).any(), "the title is written"
    assert (sheet[starts[0] + 96 : starts[1]] < 128).any(), "the caption is written below its row"


def test_what_the_model_is_stands_between_title_and_rows() -> None:
    rows = [("a red car", colours(17))]
    plain, told = (
        contact_sheet("a run", rows),
        contact_sheet("a run", rows, ["A small model. " * 20, "Expect mosaics."]),
    )
    more = told.shape[0] - plain.shape[0]
    assert more >= 3 * 20, "a long sentence takes its lines, the next one its own"
    assert (told[: more + 20] < 128).any()
    assert (told[more + 30 :] == plain[30:]).all(), "the rows are the same, further down"


def test_no_samples_are_a_sheet_with_a_title() -> None:
    assert contact_sheet("nothing", []).shape[1] > 100


@settings(max_examples=30)
@given(st.text(max_size=300), st.integers(40, 900))
def test_captions_never_leave_the_sheet(caption: str, width: int) -> None:
    font = ImageFont.load_default(15)
    lines = wrap(caption, font, width)
    assert len(lines) <= 2
    assert all(font.getlength(line) <= width or len(line) <= 4 for line in lines)
    if font.getlength(" ".join(caption.split())) <= width:
        assert lines == [" ".join(caption.split())]
