"""A few of a stage's samples as the model would get them: encoded here, or read from the latent cache.

python -m pytest tests/training/doctor/test_run.py
"""

import numpy as np

from schemas.errors import MediaError
from training.config import TrainConfig
from training.data.batch import LatentSample
from training.data.captions import CaptionChoice
from training.data.planned import PlannedSample
from training.data.reading import PixelReader
from training.data.selection import Selection
from training.data.steps import planned
from training.doctor.findings import Finding, error, fact, warning
from training.encoders.base import TextEncoder, VideoCodec
from training.latents.read import LatentShards
from training.latents.reader import LatentReader

_SAMPLES = 3
_LOOKED_UP = 1000


def few(selection: Selection, count: int = _SAMPLES) -> list[PlannedSample]:
    """Samples of the cheapest half of the stage, spread over the dataset."""
    order = np.argsort(selection.row_lengths, kind="stable")
    half = order[: max(count, len(order) // 2)]
    return [planned(selection, int(selection.rows[half[place]])) for place in _spread(len(half), count)]


def encode_few(
    selection: Selection, config: TrainConfig, codec: VideoCodec, text: TextEncoder
) -> tuple[list[LatentSample], list[Finding]]:
    """Samples read from the dataset and encoded; one that cannot be read is a finding."""
    read = PixelReader(selection.index.uri, _choice(config))
    samples, findings = [], []
    for one in few(selection):
        try:
            pixels = read(one)
        except MediaError as refused:
            findings.append(warning("data", f"sample {one.sample_id}: {refused}"))
            continue
        mean, deviation = codec.encode(pixels.pixels)
        states = text.encode([pixels.caption])[0]
        samples.append(
            LatentSample(
                sample_id=one.sample_id,
                clip_id=one.clip_id,
                shape=one.shape,
                mean=mean,
                deviation=deviation,
                text=states,
            )
        )
    if findings and not samples:
        findings.append(error("data", "none of the samples looked at can be read; run `just verify` on the dataset"))
    return samples, findings


def cached_few(selection: Selection, config: TrainConfig, cache: LatentShards) -> list[LatentSample]:
    """Samples read from the cache. Raises `DatasetError` for one that it lacks."""
    identities = (cache.settings.codec_identity, cache.settings.text_identity)
    read = LatentReader(config.data.latents, _choice(config), *identities)
    return [read(one) for one in few(selection)]


def check_cached(selection: Selection, stage: str, cache: LatentShards) -> list[Finding]:
    """Whether the cache has up to 1,000 of the stage's samples, spread over the dataset. Raises as `row` does."""
    places = _spread(len(selection), _LOOKED_UP)
    for place in places:
        one = planned(selection, int(selection.rows[place]))
        cache.row(one.sample_id, one.shape)
    return [fact(f"stage {stage}", f"the latent cache has all {len(places)} samples looked up")]


def _spread(length: int, count: int) -> list[int]:
    """Up to `count` places in a list, evenly."""
    return sorted({int(place) for place in np.linspace(0, length - 1, min(count, length))})


def _choice(config: TrainConfig) -> CaptionChoice:
    """Captions as in training, without dropout."""
    return CaptionChoice({str(name): share for name, share in config.data.captions.items()}, 0.0, config.seed)
