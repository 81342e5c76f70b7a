"""Encoders by name, and settings that contradict each other."""

from typing import Any

import pytest

from schemas.errors import ConfigError
from training.config import EncoderSettings
from training.encoders.registry import open_codec, open_text


def test_the_packaged_ones_open_without_any_setting() -> None:
    assert open_codec(EncoderSettings()).channels == 16
    assert open_text(EncoderSettings(), 32).length == 32


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"codec": "liner"}, "did you mean 'linear'"),
        ({"codec": "linear", "codec_weights": "x"}, "encoders.codec_weights"),
    ],
)
def test_a_codec_that_cannot_be_says_why(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        open_codec(EncoderSettings.model_construct(**settings))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"text": "minlm"}, "did you mean 'minilm'"),
        ({"text": "minilm", "text_weights": "x"}, "encoders.text_weights"),
    ],
)
def test_a_text_encoder_that_cannot_be_says_why(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        open_text(EncoderSettings.model_construct(**settings), 32)
