"""Encoders by name, and settings that contradict each other."""

from typing import Any

import pytest

from schemas.errors import ConfigError
from training.config import EncoderSettings
from training.encoders.registry import open_codec, open_text


def test_the_packaged_ones_open_without_any_setting() -> None:
    assert open_codec(EncoderSettings()).channels == 16
    assert open_codec(EncoderSettings(codec="linear-frames")).temporal_stride == 1
    assert open_text(EncoderSettings(), 32).length == 32


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"codec": "liner"}, "did you mean 'linear'"),
        ({"codec": "linear", "codec_weights": "x"}, "encoders.codec_weights"),
        ({"codec": "cogvideox"}, "encoders.codec_weights = ''"),
        ({"codec": "linear-frames", "codec_weights": "x"}, "linear-frames is packaged with its own"),
        ({"codec": "image-vae"}, "holds an AutoencoderKL "),
        ({"codec": "tiny-vae"}, "holds an AutoencoderTiny "),
        ({"codec": "cogvideox", "codec_weights": "nowhere"}, "'nowhere' holds no VAE"),
    ],
)
def test_a_codec_that_cannot_be_says_why(settings: dict[str, Any], named: str) -> None:
    changed = EncoderSettings().model_copy(update=settings)
    with pytest.raises(ConfigError, match=named):
        open_codec(changed)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"text": "minlm"}, "did you mean 'minilm'"),
        ({"text": "minilm", "text_weights": "x"}, "encoders.text_weights"),
        ({"text": "t5"}, "encoders.text_weights is empty"),
    ],
)
def test_a_text_encoder_that_cannot_be_says_why(settings: dict[str, Any], named: str) -> None:
    changed = EncoderSettings().model_copy(update=settings)
    with pytest.raises(ConfigError, match=named):
        open_text(changed, 32)
