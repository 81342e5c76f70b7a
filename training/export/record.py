"""`cutroom.json`: what is needed besides the weights to sample a model as it was trained.

diffusers' files state neither the grid of positions and the scale of latents in training, nor the model's origin. This
file does, and `just sample` reads it.

    write_record(folder, ModelRecord(text_length=226, shape="720x480x49@8"))
    record = read_record(folder)
"""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from schemas.config import Section
from schemas.errors import ConfigError
from schemas.in_our_words import what_is_wrong
from training.checkpoints.files import read_json
from training.config import EncoderSettings, SamplingConfig

FILE = "cutroom.json"


class ModelRecord(Section):
    """A model's origin, and how it is sampled."""

    format: Literal[1] = 1
    grid: Literal["slice"] = "slice"
    """Positions start at 0 for every clip and are sliced from one table; diffusers' pipelines stretch them."""
    snr_shift: float = 1.0
    """Shift of the signal-to-noise ratio in training (CogVideoX)."""
    text_length: int
    """Tokens of a caption."""
    shape: str = ""
    """The default shape for sampling, as a bucket: a shape that the last stage trained."""
    encoders: EncoderSettings = EncoderSettings()
    """The run's encoders of latents and text embeddings."""
    codec: str = ""
    """Name of the codec."""
    codec_identity: str = ""
    latent_scale: Literal["unit"] = "unit"
    """`unit`: the codec returns latents as the model takes them (a VAE's times its `scaling_factor`)."""
    text: str = ""
    """Name of the text encoder."""
    text_identity: str = ""
    recipe: str = ""
    stage: str = ""
    step: int = 0
    sampling: SamplingConfig = SamplingConfig()
    """The run's sampling settings."""
    data: str = ""
    """Digest of the training data."""
    weights: str = ""
    """Path that the weights were read from."""


def write_record(folder: Path, record: ModelRecord) -> None:
    """Write `cutroom.json`."""
    (folder / FILE).write_text(record.model_dump_json(indent=2) + "\n")


def read_record(folder: Path) -> ModelRecord | None:
    """The record of a folder; None if there is none. Raises `ConfigError` for an invalid one."""
    if not (folder / FILE).is_file():
        return None
    try:
        return ModelRecord.model_validate(read_json(folder / FILE, ""))
    except ValidationError as error:
        location, _, value, words = what_is_wrong(error)[0]
        where = ".".join(map(str, location))
        raise ConfigError(f"{folder / FILE}: {where} = {value!r} {words}; was it written by a later version?") from None
