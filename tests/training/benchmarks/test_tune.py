"""The benchmark of one film in miniature: what is drawn, what is judged, and that all of it runs."""

from pathlib import Path

import numpy as np

from training.benchmarks.tune import CAPTION, COLOURS, HEADINGS, SIDE, Sizes, draw_film, draw_stills, run, share_of


def test_the_films_colours_stand_in_no_still_together_and_captions_are_true() -> None:
    pictures, captions = draw_stills(200, np.random.default_rng(0))
    assert pictures.shape == (200, SIDE, SIDE, 3)
    assert not any("red" in caption and "blue" in caption for caption in captions)
    for picture, caption in zip(pictures, captions, strict=True):
        _, colour, _, _, _, ground, _ = caption.split()
        assert tuple(picture[0, 0]) in (COLOURS[ground], COLOURS[colour])
        assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 2
        assert (picture == COLOURS[colour]).all(axis=2).any()


def test_a_share_is_the_part_of_the_circle_that_has_the_colour() -> None:
    film = draw_film().pixels
    assert share_of(film, "red", "red") == share_of(film, "blue", "blue") == 1
    yellow = np.where((film == COLOURS["red"]).all(axis=3, keepdims=True), np.array(COLOURS["yellow"], np.uint8), film)
    assert share_of(yellow, "yellow", "red") == 1
    yellow[:4] = film[:4]
    assert share_of(yellow, "yellow", "red") == 0.5


def test_it_runs_from_stills_to_a_table(tmp_path: Path) -> None:
    sizes = Sizes(stills=8, image_steps=2, batch=2, tune_steps=2, moves=2)
    rows, films = run(tmp_path, sizes, lambda line: None)
    assert all(len(row) == len(HEADINGS) for row in rows)
    assert films[0][0] == f"source: {CAPTION}"
    assert len(films) == 7
