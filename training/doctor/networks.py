"""Checks of the encoders against the model: channels, widths, the latents' statistics, and one forward pass.

A VAE that is not there (`latent_input`), another model's VAE, or a wrong scale train for days without an error.

    python -m pytest tests/training/doctor
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from schemas.errors import CutroomError
from training.data.batch import LatentSample
from training.doctor.findings import Finding, error, fact, warning
from training.encoders.base import TextEncoder, VideoCodec
from training.families.base import Family, Sizes
from training.models.repeat import repeat_first_frame
from training.models.segment import Segment

_PIXELS = 3
# Latents of a few clips lie in these ranges with any VAE in use; a factor forgotten or applied twice mostly does not.
_MEAN, _LEAST, _MOST = 0.75, 0.3, 3.0
_TIMESTEP = 500


def check_widths(codec: VideoCodec, text: TextEncoder, sizes: Sizes) -> Iterator[Finding]:
    """Channels and widths of what meets."""
    yield fact("encoders", f"codec {codec.name}, {codec.identity}")
    yield fact("encoders", f"text {text.name}, {text.identity}")
    if codec.channels != sizes.in_channels:
        yield error("encoders", _channels(codec, sizes))
    if sizes.out_channels != codec.channels * (2 if sizes.learns_variance else 1):
        yield error(
            "encoders",
            f"the model predicts {sizes.out_channels} channels, the codec has {codec.channels}; take its VAE",
        )
    if not sizes.reads_captions:
        return
    if text.width != sizes.text_width:
        yield error(
            "encoders",
            f"{text.name} gives states {text.width} wide, the model takes {sizes.text_width}; set encoders.text to the "
            "encoder that the model was made for (T5 XXL: 4096, minilm: 384)",
        )
    if text.length != sizes.text_length:
        yield error(
            "encoders", f"{text.name} gives {text.length} tokens, the model was made for {sizes.text_length}; open the "
            "text encoder with the model's text_length",
        )  # fmt: skip


def _channels(codec: VideoCodec, sizes: Sizes) -> str:
    found = f"{codec.name} gives {codec.channels} channels, the model takes {sizes.in_channels}"
    if codec.channels == _PIXELS:
        return f"{found}: these are pixels that no VAE has encoded; set encoders.codec"
    if sizes.in_channels == 2 * codec.channels:
        return f"{found}: the model is an image-to-video one; set model.weights to a text-to-video model"
    return f"{found}; set encoders.codec and encoders.codec_weights to the VAE that the model was made for"


def check_latents(samples: Sequence[LatentSample], channels: int) -> Iterator[Finding]:
    """Statistics of a few samples' latents, as the model gets them: mean near 0, deviation near 1."""
    if not samples:
        return
    for sample in samples:
        if sample.mean.shape[1] != channels:
            yield error("latents", f"sample {sample.sample_id} has {sample.mean.shape[1]} channels, wanted {channels}")
            return
        if not (torch.isfinite(sample.mean).all() and torch.isfinite(sample.text).all()):
            yield error(
                "latents", f"sample {sample.sample_id}: latents or text states are not finite; look at the clip"
            )
            return
    values = torch.cat([sample.mean.transpose(0, 1).flatten(1) for sample in samples], dim=1)
    means, spreads = values.mean(1), values.std(1)
    mean, spread = float(values.mean()), float(values.std())
    posterior = max(float(sample.deviation.max()) for sample in samples)
    yield fact(
        "latents",
        f"of {len(samples)} samples: mean {mean:.2f} (channels {means.min():.2f} to {means.max():.2f}), deviation "
        f"{spread:.2f} (channels {spreads.min():.2f} to {spreads.max():.2f}), posterior's at most {posterior:.3f}",
    )
    if abs(mean) > _MEAN or not _LEAST < spread < _MOST:
        names = ", ".join(sample.sample_id for sample in samples)
        yield warning(
            "latents",
            f"mean {mean:.2f} and deviation {spread:.2f} are far from 0 and 1, for which the noise levels are made "
            f"(samples {names}): is the VAE the model's, and is it scaled once? Flat clips also look so",
        )


def check_forward(samples: Sequence[LatentSample], family: Family) -> Iterator[Finding]:
    """One pack through a model of these sizes with few blocks: shapes and numbers come out as they should."""
    if not samples:
        return
    shallow = family.shallow()
    model = shallow.module().eval()
    shallow.initialise(model, 0)
    generator = torch.Generator().manual_seed(0)
    segments = []
    for sample in samples:
        latents = repeat_first_frame(sample.mean, family.sizes.patch_frames)
        noise = torch.randn(latents.shape, generator=generator)
        segments.append(Segment(0.5**0.5 * (latents + noise), sample.text, _TIMESTEP, sample.shape.fps))
    try:
        with torch.inference_mode():
            found: list[Tensor] = model(segments)
    except CutroomError as refused:
        yield error("forward", f"samples {', '.join(one.sample_id for one in samples)}: {refused}")
        return
    for sample, segment, one in zip(samples, segments, found, strict=True):
        if one.shape[0] != segment.latents.shape[0] or not torch.isfinite(one).all():
            yield error(
                "forward", f"sample {sample.sample_id}: the model gives {tuple(one.shape)}, or no finite numbers"
            )
    shapes = ", ".join(str(sample.shape) for sample in samples)
    yield fact("forward", f"{len(samples)} samples ({shapes}) in one pack pass a block of the model")
