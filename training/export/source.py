"""The source of a model to sample or export: weights, sizes, and how they were trained.

An exported folder holds everything; a diffusers folder everything but the grid; a SAT checkpoint only the weights, so
the rest must be passed.

    source = open_source("exported/demo")
    source = open_source("sat/transformer", positions="rotary", shift=1.0)
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor

from schemas.errors import ConfigError
from training.checkpoints.files import VAES, read_json
from training.config import EncoderSettings, LoraConfig
from training.diffusion.schedule import VelocitySchedule
from training.export.adapters import Adapters, merge_adapters, read_adapters
from training.export.record import ModelRecord, read_record
from training.families.base import Family
from training.families.cogvideox import CogVideoXFamily
from training.families.latte import LatteFamily, is_latte, load_latte
from training.models.cogvideox.config import PRESETS, CogVideoXConfig, Positions
from training.models.cogvideox.load import load_transformer
from training.models.lora import split_adapters

# The shifts in the published models' scheduler configurations.
_SHIFTS = {"2b": 3.0, "5b": 1.0, "1.5-5b": 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A model and its origin. `state` are the plain model's weights; adapters are separate."""

    name: str
    family: Family
    state: Mapping[str, Tensor]
    record: ModelRecord
    adapters: Adapters | None = None

    @property
    def checkpoint(self) -> str:
        """A description of the weights for the user."""
        record = self.record
        return f"{self.name}, {record.recipe} {record.stage}, step {record.step}" if record.step else self.name

    def merged(self) -> "Source":
        """The same with the adapters merged into the weights."""
        if self.adapters is None:
            return self
        state = merge_adapters(self.family.module, self.state, self.adapters)
        return replace(self, state=state, adapters=None)

    def with_encoders(self, vae: str = "", text: str = "") -> "Source":
        """The same with another VAE or T5."""
        change = {"codec": codec_of(Path(vae)), "codec_weights": vae} if vae else {}
        change |= {"text": "t5", "text_weights": text} if text else {}
        encoders = self.record.encoders.model_copy(update=change)
        return replace(self, record=self.record.model_copy(update={"encoders": encoders}))


def open_source(path: str | Path, positions: Positions | None = None, shift: float | None = None) -> Source:
    """Open an exported or diffusers folder (CogVideoX or Latte) or a SAT checkpoint.

    `positions` and `shift` are needed where neither the files nor the published models determine them. Raises
    `ConfigError` for weights that are missing, unreadable or do not fit.
    """
    folder, known = Path(path), read_record(Path(path))
    family: Family
    if is_latte(folder):
        sizes, state = load_latte(folder)
        family = LatteFamily(sizes)
        record = known or ModelRecord(
            text_length=sizes.text_length,
            encoders=EncoderSettings(codec="image-vae", text="t5", text_padding="zero"),
            weights=str(path),
        )
    else:
        config, state = load_transformer(folder, positions)
        record = known or ModelRecord(
            snr_shift=_shift(folder, config) if shift is None else shift,
            text_length=config.text_length,
            encoders=EncoderSettings(codec="cogvideox", text="t5"),
            weights=str(path),
        )
        family = CogVideoXFamily(config, VelocitySchedule(record.snr_shift))
    included = {}
    if (folder / "vae/config.json").is_file():
        included["codec_weights"] = str(folder)
    if (folder / "text_encoder/config.json").is_file():
        included["text_weights"] = str(folder)
    record = record.model_copy(update={"encoders": record.encoders.model_copy(update=included)})
    name = folder.resolve().name
    return Source(name=name, family=family, state=state, record=record, adapters=read_adapters(folder))


def codec_of(folder: Path) -> str:
    """The codec setting for the VAE of a folder, or of a pipeline's folder. Raises `ConfigError` if there is none."""
    inside = folder if (folder / "config.json").is_file() else folder / "vae"
    name = str(read_json(inside / "config.json", "name the folder of a VAE in diffusers' format").get("_class_name"))
    codecs = {class_name: codec for codec, class_name in VAES.items()}
    if name not in codecs:
        raise ConfigError(f"{inside} holds a {name}; a VAE is one of {', '.join(codecs)}")
    return codecs[name]


def trained_source(
    name: str, family: Family, state: Mapping[str, Tensor], record: ModelRecord, lora: LoraConfig
) -> Source:
    """The weights that a run trained. `state` is its model's state dict, with adapters if `lora.rank` is above 0."""
    plain, trained = split_adapters(state)
    if not lora.rank:
        return Source(name=name, family=family, state=plain, record=record)
    facts = {"r": lora.rank, "lora_alpha": lora.alpha, "target_modules": list(lora.targets)}
    return Source(name=name, family=family, state=plain, record=record, adapters=Adapters(trained, facts))


def _shift(path: Path, config: CogVideoXConfig) -> float:
    for folder in (path, path.parent):
        if (folder / "scheduler/scheduler_config.json").is_file():
            return float(read_json(folder / "scheduler/scheduler_config.json", "")["snr_shift_scale"])
    for preset, shift in _SHIFTS.items():
        published = PRESETS[preset]
        if (config.heads, config.layers, config.patch_frames) == (
            published.heads,
            published.layers,
            published.patch_frames,
        ):
            return shift
    raise ConfigError(
        f"{path} does not state the shift of its noise schedule and is not a published model; set --snr-shift"
    )
