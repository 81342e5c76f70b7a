"""The stills of a rule: the clips nearest its threshold on both sides, with their values.

python -m pytest tests/pipeline/readers/what_if/test_stills.py
"""

import base64
import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline.dataset.folder import Dataset
from pipeline.readers.history import History
from pipeline.readers.what_if.funnel import Funnel
from pipeline.readers.what_if.stills import EACH, draw_sides, shown_clips, sides_of, thumbnails_of
from pipeline.stage import Output, Row
from schemas.config import RunConfig
from schemas.media_tables import STILL_IMAGES, STILLS
from schemas.rules import parse_rule
from tests.pipeline.funnel_by_rows import funnel_of_rows

SIZES = {"crop_width": 640, "crop_height": 360, "fps": 24.0, "duration": 4.0, "kind": "video"}


def clips(*values: float | str | None, column: str = "motion") -> list[Row]:
    return [{"clip_id": f"v-{index:02}", column: value, **SIZES} for index, value in enumerate(values)]


def funnel_of(rule: str, rows: list[Row]) -> Funnel:
    return funnel_of_rows(rows, [parse_rule(rule)], RunConfig(), {})


def test_the_nearest_to_the_threshold_come_first_on_either_side() -> None:
    rows = clips(0.0, 3.9, 4.1, 9.0, 2.0, None)
    sides = sides_of(funnel_of("motion >= 4", rows), 0)
    assert [value for _, value in sides.dropped] == [3.9, 2.0, 0.0]
    assert [value for _, value in sides.kept] == [4.1, 9.0]
    assert (sides.drops, sides.keeps) == (3, 3)  # what has no value passes, and has nothing to show


def test_both_ends_of_a_middle_and_words_have_sides() -> None:
    rows = clips(*(float(number) for number in range(20)))
    sides = sides_of(funnel_of("motion in middle 80%", rows), 0)
    assert {value for _, value in sides.dropped} == {0.0, 1.0, 18.0, 19.0}
    assert len(sides.kept) == EACH
    words = clips("static", "pan", "static", column="camera")
    sides = sides_of(funnel_of("camera != static", words), 0)
    assert [value for _, value in sides.kept] == ["pan"]
    assert sides.drops == 2


def test_the_page_shows_pictures_with_values_and_without_any_says_nothing() -> None:
    rows = clips(1.0, 5.0, 7.0)
    funnel = funnel_of("motion >= 4", rows)
    assert shown_clips(funnel) == {"v-00", "v-01", "v-02"}
    page = "".join(draw_sides(funnel, {"v-00": "AAAA", "v-02": "BBBB"}.get))
    assert page.index("drops 1") < page.index("AAAA") < page.index("keeps 2") < page.index("BBBB")
    assert page.count("<img") == 2
    assert "<figcaption>7</figcaption>" in page
    assert draw_sides(funnel, lambda clip: None) == []


def test_what_a_file_name_holds_adds_no_element() -> None:
    rows = clips("<script>alert(1)</script>", column="camera")
    rows[0]["clip_id"] = '"><img src=x>'
    page = "".join(draw_sides(funnel_of("camera == pan", rows), lambda clip: "AAAA"))
    assert "<script>" not in page
    assert page.count("<img") == 1


@pytest.fixture
def history(tmp_path: Path) -> History:
    dataset = Dataset(str(tmp_path))
    dataset.write_record({"config": RunConfig().model_dump(), "stages": {"split": {"fingerprint": "f"}}})
    rows = [
        {"still_id": f"{clip}-s{ordinal}", "clip_id": clip, "video_id": "v", "ordinal": ordinal, "time": 1.0 * ordinal,
         "width": 300, "height": 300, "hash": 0, "signature": b"", "image": image}
        for clip in ("v-00", "v-01")
        for ordinal, image in enumerate([_jpeg(0), _jpeg(120), _jpeg(240)])
    ]  # fmt: skip
    rows.append({**rows[0], "still_id": "v-02-s0", "clip_id": "v-02", "image": b"no picture"})
    for folder, contract in (("stills", STILLS), ("still_images", STILL_IMAGES)):
        output = Output(folder=folder, contract=contract, parent="still_id")
        table = contract.table({name: row[name] for name in contract.names} for row in rows)
        dataset.write_part(output, "f", "part-0", table)
    return History(dataset)


def _jpeg(level: int) -> bytes:
    return cv2.imencode(".jpg", np.full((300, 300, 3), level, np.uint8))[1].tobytes()


def test_a_clips_picture_is_its_middle_still_and_small(history: History) -> None:
    images = thumbnails_of(history, ["v-01", "v-02"])
    assert set(images) == {"v-01"}
    image = Image.open(io.BytesIO(base64.b64decode(images["v-01"])))
    assert image.size == (200, 200)
    assert image.convert("L").getpixel((100, 100)) == pytest.approx(120, abs=4)
