"""Which clips have pictures on the page, and how large they are.

python -m pytest tests/captioning/report/test_thumbnails.py
"""

import base64
from dataclasses import replace

import cv2
import numpy as np

from captioning.report.thumbnails import MOST_PER_SAMPLE, choose_thumbnails, shown_stills, thumbnail
from tests.captioning.report.made_report import make_pictures, make_report

REPORT = make_report(40)
PICTURES = make_pictures()


def test_a_thumbnail_has_its_short_side_at_200_and_is_not_enlarged() -> None:
    for width, height, size in ((320, 640, (200, 400)), (512, 300, (341, 200)), (64, 48, (64, 48))):
        text = thumbnail(make_pictures(width, height)("one"))
        assert text
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)
        assert picture is not None
        assert picture.shape[1::-1] == size


def test_what_is_no_picture_has_no_thumbnail() -> None:
    assert thumbnail(b"") is None
    assert thumbnail(b"<svg onload=alert(1)>") is None


def test_all_clips_have_theirs_where_there_is_room() -> None:
    chosen, left_out = choose_thumbnails(REPORT.samples, REPORT.worst, PICTURES)
    assert left_out == 0
    assert set(chosen) == {still for view in REPORT.samples for still in shown_stills(view)}


def test_the_worst_have_theirs_whatever_they_take_and_the_others_by_a_seed() -> None:
    chosen, left_out = choose_thumbnails(REPORT.samples, REPORT.worst, PICTURES, most_bytes=1)
    worst = {still for view in REPORT.samples if view.record.sample_id in REPORT.worst for still in shown_stills(view)}
    assert set(chosen) == worst
    assert left_out == 20
    room = sum(map(len, chosen.values())) + 30_000
    once, again, other = (
        choose_thumbnails(REPORT.samples, REPORT.worst, PICTURES, most_bytes=room, seed=seed) for seed in (1, 1, 2)
    )
    assert once == again
    assert set(once[0]) != set(other[0])
    assert sum(map(len, once[0].values())) <= room
    assert 0 < once[1] < 20


def test_a_long_clip_shows_its_first_and_last_and_some_between() -> None:
    view = next(view for view in REPORT.samples if len(view.record.frames) == 4)
    assert len(shown_stills(view)) == 4
    frames = tuple(replace(view.record.frames[0], still_id=f"s{index:02d}") for index in range(30))
    long = replace(view, record=replace(view.record, frames=frames))
    assert len(set(shown_stills(long))) == MOST_PER_SAMPLE
    assert (shown_stills(long)[0], shown_stills(long)[-1]) == ("s00", "s29")
