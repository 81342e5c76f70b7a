import logging
import socket

import numpy as np
import pytest

from pipeline.stages.score.scorers.text_area import TextArea
from schemas.errors import ConfigError, MediaError
from tests.pipeline.stages.score.scorers.samples import jpeg, photograph, with_text


@pytest.fixture(scope="module")
def scorer() -> TextArea:
    return TextArea(threads=1)


def test_drawn_text_is_found_on_a_photograph(scorer: TextArea) -> None:
    assert scorer.score([photograph("chelsea")])["text_area"] < 0.002
    score = scorer.score([with_text("chelsea", "BREAKING NEWS", "and some more", "of the same")])["text_area"]
    assert 0.05 < score < 0.5


def test_a_large_object_is_no_line_of_text(scorer: TextArea) -> None:
    """The detector alone takes the cup for one line that covers three quarters of the picture."""
    assert scorer.score([photograph("coffee")])["text_area"] < 0.01


def test_more_text_covers_more(scorer: TextArea) -> None:
    line = "cut to the chase"
    shares = [scorer.score([with_text("rocket", *[line] * lines)])["text_area"] for lines in (0, 1, 3, 6)]
    assert shares == sorted(shares)
    assert shares[0] < 0.002


def test_mean_and_maximum_over_stills(scorer: TextArea) -> None:
    plain, texted = photograph("chelsea"), with_text("chelsea", "BREAKING NEWS")
    most = scorer.score([texted])["text_area"]
    scores = scorer.score([plain, texted])
    assert (scores["text_area"], scores["text_area_max"]) == pytest.approx((most / 2, most))
    assert set(scores) == set(scorer.measures)


def test_a_blank_picture_has_no_text(scorer: TextArea) -> None:
    assert set(scorer.score([jpeg(np.zeros((64, 64, 3), np.uint8))]).values()) == {0}


def test_works_offline_and_silently(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object, **named: object) -> None:
        raise AssertionError("the text scorer opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with caplog.at_level(logging.DEBUG):
        TextArea(threads=1).score([photograph("chelsea")])
    assert capfd.readouterr() == ("", "")


def test_bad_input_is_named(scorer: TextArea) -> None:
    with pytest.raises(MediaError, match="at least one still"):
        scorer.score([])
    with pytest.raises(MediaError, match="not a JPEG"):
        scorer.score([b"broken"])
    with pytest.raises(ConfigError, match=r"other\.onnx"):
        TextArea(threads=1, weights="other.onnx")
