"""Overlays apart from scene text, on drawn clips made to have each and made not to.

python -m pytest tests/pipeline/stages/score/scorers/test_overlay.py
"""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pipeline.stages.score.scorers.text_area import TextArea
from tests.films import Picture, moving, texture
from tests.pipeline.stages.score.scorers.samples import jpeg

STILLS, SIZE, STEP = 4, (480, 320), 45
Paint = Callable[[Picture], None]


@pytest.fixture(scope="module")
def scorer() -> TextArea:
    return TextArea(threads=1)


def words(picture: Picture, text: str, place: tuple[int, int], size: float = 1.0) -> None:
    """White letters with a black rim, as captions have."""
    for colour, thick in (((0, 0, 0), 7), ((255, 255, 255), 2)):
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, size, colour, thick, cv2.LINE_AA)


def clip(
    paint: Paint = lambda picture: None, in_scene: Paint = lambda picture: None, step: int = STEP
) -> list[Picture]:
    """Stills of a window that moves over a texture; `in_scene` paints on the texture, `paint` on each still."""
    canvas = texture(4, SIZE[0] + STILLS * STEP, SIZE[1])
    in_scene(canvas)
    stills = [picture.copy() for picture in moving(canvas, STILLS, SIZE, (step, 0))]
    for still in stills:
        paint(still)
    return stills


def measure(scorer: TextArea, stills: list[Picture]) -> dict[str, float]:
    return scorer.score([jpeg(still) for still in stills])


def caption(picture: Picture) -> None:
    words(picture, "LATE NEWS TODAY", (100, 270))


def corner(picture: Picture) -> None:
    words(picture, "MY TV", (375, 35), 0.9)


def logo(picture: Picture) -> None:
    cv2.circle(picture, (440, 36), 17, (255, 255, 255), 5, cv2.LINE_AA)
    cv2.line(picture, (428, 48), (452, 24), (20, 20, 20), 4, cv2.LINE_AA)


def test_a_caption_that_stays_over_a_moving_picture_is_an_overlay(scorer: TextArea) -> None:
    scores = measure(scorer, clip(caption))
    assert scores["overlay_text"] > 0.03
    assert scores["scene_text"] < 0.01
    assert scores["corner_mark"] == 0
    assert scores["overlay_text"] + scores["scene_text"] == pytest.approx(scores["text_area"])


def test_text_that_moves_with_the_scene_is_not(scorer: TextArea) -> None:
    scores = measure(scorer, clip(in_scene=lambda canvas: words(canvas, "OLD BAKERY", (190, 150))))
    assert scores["overlay_text"] == 0
    assert scores["scene_text"] > 0.02


def test_both_are_told_apart_in_one_clip(scorer: TextArea) -> None:
    scores = measure(scorer, clip(caption, in_scene=lambda canvas: words(canvas, "OLD BAKERY", (190, 150))))
    assert scores["overlay_text"] > 0.03
    assert scores["scene_text"] > 0.02


def test_subtitles_that_change_their_words_stay(scorer: TextArea) -> None:
    stills = clip()
    for still, (text, left) in zip(
        stills, [("WHO IS IT?", 150), ("THE OLD MAN", 135), ("OH", 215), ("YES HIM", 170)], strict=True
    ):
        words(still, text, (left, 290))
    scores = measure(scorer, stills)
    assert scores["overlay_text"] > 0.6 * scores["text_area"] > 0


def test_where_nothing_changes_text_is_counted_with_the_scene(scorer: TextArea) -> None:
    """A slide, a title card, a sign before a fixed camera."""
    scores = measure(scorer, clip(caption, step=0))
    assert scores["overlay_text"] == 0
    assert scores["scene_text"] > 0.03
    brighter = [
        cv2.convertScaleAbs(still, alpha=1, beta=-12.0 * place) for place, still in enumerate(clip(caption, step=0))
    ]
    assert measure(scorer, [np.asarray(still, np.uint8) for still in brighter])["overlay_text"] == 0


def test_text_on_a_black_bar_is_laid_over(scorer: TextArea) -> None:
    def bar(picture: Picture) -> None:
        picture[250:] = 0
        words(picture, "AS HE SAID", (130, 295))

    assert measure(scorer, clip(bar))["overlay_text"] > 0.02
    assert measure(scorer, clip(bar, step=0))["overlay_text"] == 0


def test_a_stray_box_counts_against_all_stills(scorer: TextArea) -> None:
    """Text that one still of four holds is neither an overlay nor a mark, though every still with text has it there."""
    stills = clip()
    corner(stills[1])
    scores = measure(scorer, stills)
    assert scores["scene_text"] > 0
    assert (scores["overlay_text"], scores["corner_mark"]) == (0, 0)


@pytest.mark.parametrize("mark", [corner, logo])
def test_a_mark_that_stays_in_a_corner_is_found(scorer: TextArea, mark: Paint) -> None:
    assert measure(scorer, clip(mark))["corner_mark"] == 1


def test_a_mark_that_leaves_counts_for_the_stills_that_have_it(scorer: TextArea) -> None:
    stills = clip()
    for still in stills[:3]:
        corner(still)
    assert measure(scorer, stills)["corner_mark"] == 0.75


@pytest.mark.parametrize("seed", [4, 5, 6])
def test_without_a_mark_there_is_none(scorer: TextArea, seed: int) -> None:
    canvas = texture(seed, SIZE[0] + STILLS * STEP, SIZE[1])
    for step in (0, 3, STEP):
        stills = list(moving(canvas, STILLS, SIZE, (step, 0)))
        for still in stills:
            still[:30] = still[-30:] = 0  # the edge of a bar stays, and is no mark
        assert measure(scorer, stills)["corner_mark"] == 0


def test_a_thing_in_the_scenes_corner_is_no_mark(scorer: TextArea) -> None:
    assert measure(scorer, clip(in_scene=logo))["corner_mark"] == 0
    assert measure(scorer, clip(logo, step=0))["corner_mark"] == 0


def test_a_single_still_tells_nothing_of_overlays(scorer: TextArea) -> None:
    scores = measure(scorer, clip(caption)[:1])
    assert scores["overlay_text"] == scores["corner_mark"] == 0
    assert scores["scene_text"] == scores["text_area"] > 0
