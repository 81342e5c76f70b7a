"""Checks of the encoders against the model: channels, dimensions, the latents' statistics, and one forward pass.

A skipped VAE (`latent_input`), another model's VAE, or a wrong scale otherwise train for days without an error.

    findings = [*check_widths(codec, text_encoder, sizes), *check_latents(samples, sizes.in_channels)]
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
# Latents of a few clips are within these ranges for any VAE in use, but usually not if the scale is missing or doubled.
_MEAN, _MIN_STD, _MAX_STD = 0.75, 0.3, 3.0
_TIMESTEP = 500


def check_widths(codec: VideoCodec, text: TextEncoder, sizes: Sizes) -> Iterator[Finding]:
    """Whether channels, embedding dimension and token count of encoders and model agree."""
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
    if text.hidden_size != sizes.text_dim:
        yield error(
            "encoders",
            f"{text.name} gives embeddings of {text.hidden_size} dimensions, the model takes {sizes.text_dim}; set "
            "encoders.text to the model's text encoder (T5 XXL: 4096, minilm: 384)",
        )
    if text.length != sizes.text_length:
        yield error(
            "encoders", f"{text.name} gives {text.length} tokens, the model takes {sizes.text_length}; open the text "
            "encoder with the model's text_length",
        )  # fmt: skip


def _channels(codec: VideoCodec, sizes: Sizes) -> str:
    mismatch = f"{codec.name} gives {codec.channels} channels, the model takes {sizes.in_channels}"
    if codec.channels == _PIXELS:
        return f"{mismatch}: these are pixels that no VAE has encoded; set encoders.codec"
    if sizes.in_channels == 2 * codec.channels:
        return f"{mismatch}: the model is an image-to-video one; set model.weights to a text-to-video model"
    return f"{mismatch}; set encoders.codec and encoders.codec_weights to the model's VAE"


def check_latents(samples: Sequence[LatentSample], channels: int) -> Iterator[Finding]:
    """Statistics of a few samples' scaled latents: the mean should be near 0, the standard deviation near 1."""
    if not samples:
        return
    for sample in samples:
        if sample.mean.shape[1] != channels:
            yield error(
                "latents", f"sample {sample.sample_id} has {sample.mean.shape[1]} channels, expected {channels}"
            )
            return
        if not (torch.isfinite(sample.mean).all() and torch.isfinite(sample.text).all()):
            yield error(
                "latents", f"sample {sample.sample_id}: latents or text embeddings are not finite; inspect the clip"
            )
            return
    values = torch.cat([sample.mean.transpose(0, 1).flatten(1) for sample in samples], dim=1)
    means, stds = values.mean(1), values.std(1)
    mean, std = float(values.mean()), float(values.std())
    posterior = max(float(sample.std.max()) for sample in samples)
    yield fact(
        "latents",
        f"of {len(samples)} samples: mean {mean:.2f} (channels {means.min():.2f} to {means.max():.2f}), std "
        f"{std:.2f} (channels {stds.min():.2f} to {stds.max():.2f}), posterior's at most {posterior:.3f}",
    )
    if abs(mean) > _MEAN or not _MIN_STD < std < _MAX_STD:
        names = ", ".join(sample.sample_id for sample in samples)
        yield warning(
            "latents",
            f"mean {mean:.2f} and std {std:.2f} are far from 0 and 1, which the noise schedule assumes (samples "
            f"{names}): check that the VAE is the model's and its scale is applied once; flat clips can cause this too",
        )


def check_forward(samples: Sequence[LatentSample], family: Family) -> Iterator[Finding]:
    """Run one pack through a shallow model of the same sizes: predictions have the right shapes and are finite."""
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
            predictions: list[Tensor] = model(segments)
    except CutroomError as refused:
        yield error("forward", f"samples {', '.join(sample.sample_id for sample in samples)}: {refused}")
        return
    for sample, segment, prediction in zip(samples, segments, predictions, strict=True):
        if prediction.shape[0] != segment.latents.shape[0] or not torch.isfinite(prediction).all():
            yield error(
                "forward",
                f"sample {sample.sample_id}: the prediction {tuple(prediction.shape)} is misshapen or not finite",
            )
    shapes = ", ".join(str(sample.shape) for sample in samples)
    yield fact("forward", f"{len(samples)} samples ({shapes}) in one pack pass a block of the model")
