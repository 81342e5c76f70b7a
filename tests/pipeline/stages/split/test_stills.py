"""Stills: near the wanted times, inside their clip, and without its bars.

python -m pytest tests/pipeline/stages/split/test_stills.py
"""

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.stage import Row
from pipeline.stages.split.spans import Span
from pipeline.stages.split.stills import Candidates, choose_stills, difference_hash, make_candidate, make_still
from tests.films import texture

IMAGE = texture(3, 400, 300)


def _clip(left: int = 0, top: int = 0, width: int = 1600, height: int = 1200) -> Row:
    box = {"crop_left": left, "crop_top": top, "crop_width": width, "crop_height": height}
    return {"clip_id": "v-0-4000", "video_id": "v", "width": 1600, "height": 1200, **box}


def test_the_candidates_nearest_to_the_wanted_times_are_kept_as_they_are() -> None:
    stills = [make_candidate(index / 2, 12 * index, texture(index, 400, 300)) for index in range(20)]
    span = Span(shot=0, start_frame=48, end_frame=144, start_time=2.0, end_time=6.0)
    with Candidates() as candidates:
        for still in stills:
            candidates.add(still)
        chosen = choose_stills(_clip(), span, candidates, still_seconds=2)
        again = choose_stills(_clip(), span, candidates, still_seconds=2)
    assert [still.row["time"] for still in chosen] == [2.5, 4.0, 5.5]
    assert [still.image_row["image"] for still in chosen] == [stills[index].image for index in (5, 8, 11)]
    assert chosen == again
    assert {(still.row["width"], still.row["height"]) for still in chosen} == {(400, 300)}


@pytest.mark.parametrize(("left", "top"), [(0, 140), (202, 0), (202, 140)])
def test_bars_are_cut_off_and_the_hash_is_of_what_is_left(left: int, top: int) -> None:
    barred = texture(3, 1600, 1200)
    barred[:top] = barred[1200 - top :] = 0
    barred[:, :left] = barred[:, 1600 - left :] = 0
    small = np.asarray(cv2.resize(barred, (400, 300), interpolation=cv2.INTER_AREA), np.uint8)
    still = make_still(_clip(left, top, 1600 - 2 * left, 1200 - 2 * top), 0, make_candidate(0.0, 0, small))
    row = still.row
    with Image.open(io.BytesIO(still.image)) as image:
        pixels = np.asarray(image)
    assert pixels.shape == (row["height"], row["width"], 3)
    assert pixels.max(axis=2).min() > 40
    assert abs(row["width"] - (1600 - 2 * left) / 4) <= 4
    assert abs(row["height"] - (1200 - 2 * top) / 4) <= 4
    inside = IMAGE[-(-top // 4) : 300 - -(-top // 4), -(-left // 4) : 400 - -(-left // 4)]
    assert (row["hash"] ^ difference_hash(inside)).bit_count() <= 4
