"""Opens the codec and the text encoder that the configuration names.

codec = open_codec(config.encoders, device="cuda")
text_encoder = open_text(config.encoders, length=226)
"""

from collections.abc import Callable
from typing import TypeVar

import torch

from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from training.config import EncoderSettings
from training.encoders.base import TextEncoder, VideoCodec
from training.encoders.clip import ClipText
from training.encoders.cogvideox_vae import open_vae
from training.encoders.image_vae import Kind, open_image_vae
from training.encoders.linear import open_linear
from training.encoders.linear_frames import open_linear_frames
from training.encoders.minilm import MiniLM
from training.encoders.t5 import T5

Device = torch.device | str
_Opener = TypeVar("_Opener")


def open_codec(settings: EncoderSettings, device: Device = "cpu") -> VideoCodec:
    """The video codec. Raises `ConfigError` for unusable settings, `StageError` for weights that do not load."""
    return _named(_CODECS, "encoders.codec", settings.codec)(settings, device)


def open_text(settings: EncoderSettings, length: int, device: Device = "cpu") -> TextEncoder:
    """The text encoder, for captions of `length` tokens. Raises the same errors as `open_codec`."""
    return _named(_TEXTS, "encoders.text", settings.text)(settings, length, device)


def _named(openers: dict[str, _Opener], setting: str, name: str) -> _Opener:
    if name not in openers:
        raise ConfigError(f"{setting} = {name!r}; {did_you_mean(name, openers)}")
    return openers[name]


def _linear(settings: EncoderSettings, device: Device) -> VideoCodec:
    _no_weights(settings)
    return open_linear()


def _linear_frames(settings: EncoderSettings, device: Device) -> VideoCodec:
    _no_weights(settings)
    return open_linear_frames()


def _no_weights(settings: EncoderSettings) -> None:
    if settings.codec_weights:
        raise ConfigError(f"encoders.codec_weights is set, but {settings.codec} is packaged with its own; leave it out")


def _image_vae(settings: EncoderSettings, device: Device) -> VideoCodec:
    kind: Kind = "tiny-vae" if settings.codec == "tiny-vae" else "image-vae"
    return open_image_vae(kind, settings.codec_weights, _precision(settings), settings.codec_tiling, device)


def _cogvideox(settings: EncoderSettings, device: Device) -> VideoCodec:
    return open_vae(settings.codec_weights, _precision(settings), settings.codec_tiling, device)


def _minilm(settings: EncoderSettings, length: int, device: Device) -> TextEncoder:
    if settings.text_weights:
        raise ConfigError("encoders.text_weights is set, but minilm is packaged with its own; leave it out")
    return MiniLM(length, device)


def _t5(settings: EncoderSettings, length: int, device: Device) -> TextEncoder:
    return T5(settings.text_weights, length, _precision(settings), device, settings.text_padding)


def _clip(settings: EncoderSettings, length: int, device: Device) -> TextEncoder:
    return ClipText(settings.text_weights, length, _precision(settings), device)


def _precision(settings: EncoderSettings) -> torch.dtype:
    return torch.bfloat16 if settings.precision == "bfloat16" else torch.float32


_CODECS: dict[str, Callable[[EncoderSettings, Device], VideoCodec]] = {
    "linear": _linear,
    "cogvideox": _cogvideox,
    "linear-frames": _linear_frames,
    "image-vae": _image_vae,
    "tiny-vae": _image_vae,
}
_TEXTS: dict[str, Callable[[EncoderSettings, int, Device], TextEncoder]] = {"minilm": _minilm, "t5": _t5, "clip": _clip}
