"""The benchmark of one film in miniature: what is drawn, what is judged, and that all of it runs."""

from pathlib import Path

import numpy as np

from training.benchmarks.tune import CAPTION, COLOURS, HEADINGS, SIDE, Sizes, draw_stills, draw_video, run, share_of


def test_the_films_colours_stand_in_no_still_together_and_captions_are_true() -> None:
    images, captions = draw_stills(200, np.random.default_rng(0))
    assert images.shape == (200, SIDE, SIDE, 3)
    assert not any("red" in caption and "blue" in caption for caption in captions)
    for image, caption in zip(images, captions, strict=True):
        _, colour, _, _, _, ground, _ = caption.split()
        assert tuple(image[0, 0]) in (COLOURS[ground], COLOURS[colour])
        assert len(np.unique(image.reshape(-1, 3), axis=0)) == 2
        assert (image == COLOURS[colour]).all(axis=2).any()


def test_a_share_is_the_part_of_the_circle_that_has_the_colour() -> None:
    video = draw_video().pixels
    assert share_of(video, "red", "red") == share_of(video, "blue", "blue") == 1
    yellow = np.where(
        (video == COLOURS["red"]).all(axis=3, keepdims=True), np.array(COLOURS["yellow"], np.uint8), video
    )
    assert share_of(yellow, "yellow", "red") == 1
    yellow[:4] = video[:4]
    assert share_of(yellow, "yellow", "red") == 0.5


def test_it_runs_from_stills_to_a_table(tmp_path: Path) -> None:
    sizes = Sizes(stills=8, image_steps=2, batch=2, tune_steps=2, moves=2)
    rows, videos = run(tmp_path, sizes, lambda line: None)
    assert all(len(row) == len(HEADINGS) for row in rows)
    assert videos[0][0] == f"source: {CAPTION}"
    assert len(videos) == 7
