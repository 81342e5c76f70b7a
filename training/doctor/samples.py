"""A few of a stage's samples as latents: encoded here, or read from the latent cache.

samples, findings = encode_few(selection, config, codec, text_encoder)
"""

import numpy as np

from schemas.errors import MediaError
from training.config import TrainConfig
from training.data.batch import LatentSample
from training.data.captions import CaptionChoice
from training.data.planned import PlannedSample
from training.data.reading import PixelReader
from training.data.selection import Selection
from training.data.step_plan import planned
from training.doctor.findings import Finding, error, fact, warning
from training.encoders.base import TextEncoder, VideoCodec
from training.latents.read import LatentShards
from training.latents.reader import LatentReader

_SAMPLES = 3
_CHECKED = 1000


def few(selection: Selection, count: int = _SAMPLES) -> list[PlannedSample]:
    """Samples from the shorter half of the stage (in tokens), spread over the dataset."""
    order = np.argsort(selection.row_lengths, kind="stable")
    half = order[: max(count, len(order) // 2)]
    return [planned(selection, int(selection.rows[half[index]])) for index in _spread(len(half), count)]


def encode_few(
    selection: Selection, config: TrainConfig, codec: VideoCodec, text: TextEncoder
) -> tuple[list[LatentSample], list[Finding]]:
    """Samples read from the dataset and encoded; one that cannot be read is a finding."""
    read = PixelReader(selection.index.uri, _choice(config))
    samples, findings = [], []
    for sample in few(selection):
        try:
            pixels = read(sample)
        except MediaError as refused:
            findings.append(warning("data", f"sample {sample.sample_id}: {refused}"))
            continue
        mean, std = codec.encode(pixels.pixels)
        embeddings = text.encode([pixels.caption])[0]
        samples.append(
            LatentSample(
                sample_id=sample.sample_id,
                clip_id=sample.clip_id,
                shape=sample.shape,
                mean=mean,
                std=std,
                text=embeddings,
            )
        )
    if findings and not samples:
        findings.append(error("data", "none of the sampled clips can be read; run `just verify` on the dataset"))
    return samples, findings


def cached_few(selection: Selection, config: TrainConfig, cache: LatentShards) -> list[LatentSample]:
    """Samples read from the cache. Raises `DatasetError` for one that it lacks."""
    identities = (cache.settings.codec_identity, cache.settings.text_identity)
    read = LatentReader(config.data.latents, _choice(config), *identities)
    return [read(sample) for sample in few(selection)]


def check_cached(selection: Selection, stage: str, cache: LatentShards) -> list[Finding]:
    """Look up to 1,000 of the stage's samples up in the cache, spread over the dataset.

    Raises `DatasetError` for one that the cache lacks.
    """
    indices = _spread(len(selection), _CHECKED)
    for index in indices:
        sample = planned(selection, int(selection.rows[index]))
        cache.row(sample.sample_id, sample.shape)
    return [fact(f"stage {stage}", f"the latent cache has all {len(indices)} samples looked up")]


def _spread(length: int, count: int) -> list[int]:
    """Up to `count` evenly spaced indices of a list."""
    return sorted({int(index) for index in np.linspace(0, length - 1, min(count, length))})


def _choice(config: TrainConfig) -> CaptionChoice:
    """Captions as in training, without dropout."""
    return CaptionChoice({str(name): share for name, share in config.data.captions.items()}, 0.0, config.seed)
