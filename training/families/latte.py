"""Latte: spatial and temporal attention, noise prediction with a learned variance.

It starts from scratch, from Latte's weights or from PixArt-alpha's.

    just train demo --recipe latte-demo
    just train <dataset> --recipe latte-pixart --set model.weights=models/PixArt-XL-2-512x512
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from schemas.errors import ConfigError
from training.checkpoints.files import check_scheduler, read_json, read_weights
from training.checkpoints.fit import check_fit
from training.config import TrainConfig
from training.diffusion.schedule import TIMESTEPS, NoiseSchedule
from training.families.base import Family, Opened, Published, preset_of
from training.models.latte.config import PRESETS, LatteConfig
from training.models.latte.flops import training_flops
from training.models.latte.initialise import initialise
from training.models.latte.model import Latte
from training.models.latte.pixart import start_from_pixart
from training.models.latte.weights import from_diffusers, to_diffusers
from training.models.segment import Segment
from training.settings.latte import LatteSettings

OURS, LATTE, PIXART = "CutroomLatte", "LatteTransformer3DModel", "PixArtTransformer2DModel"
_RELEASED_PIXART = "Transformer2DModel"  # the class name in PixArt-alpha's released folders; their norm identifies them
_SCHEDULER = {
    "num_train_timesteps": TIMESTEPS,
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "prediction_type": "epsilon",
}
# Options that may be changed for a model that has weights: the weights do not depend on them.
_FREE = ("frames", "text_length", "padding")
# What run configurations and the `config.json` of our own format call these options.
_SAVED_NAMES = {"head_dim": "head_width", "text_dim": "text_width", "caption_dim": "caption_width"}


@dataclass(frozen=True, slots=True)
class LatteFamily:
    """See `Family`."""

    sizes: LatteConfig
    schedule: NoiseSchedule = field(default_factory=lambda: NoiseSchedule("linear"))

    def module(self) -> Latte:
        """See `Family`."""
        return Latte(self.sizes)

    def initialise(self, model: nn.Module, seed: int) -> None:
        """See `Family`."""
        assert isinstance(model, Latte)
        initialise(model, seed)

    def shallow(self) -> Family:
        """See `Family`; one spatial and one temporal block, or one joint block."""
        return replace(self, sizes=replace(self.sizes, layers=1 if self.sizes.joint else 2))

    def blocks(self, model: nn.Module) -> Sequence[nn.Module]:
        """See `Family`."""
        return model.blocks() if isinstance(model, Latte) else []

    def smallest(self, device: torch.device) -> Segment:
        """See `Family`; a clip, since images skip the temporal layers: two frames of one patch, and one token."""
        sizes = self.sizes
        latents = torch.zeros(2 * sizes.patch_frames, sizes.in_channels, sizes.patch, sizes.patch, device=device)
        return Segment(latents, torch.zeros(1, sizes.text_dim, device=device), 0)

    def flops(self, lengths: Sequence[int]) -> float:
        """See `Family`; an estimate for frames of the configuration's size: a length does not determine the shape."""
        return training_flops(self.sizes, lengths)

    def published(self, weights: Mapping[str, Tensor]) -> Published:
        """diffusers' `LatteTransformer3DModel` where its output is the same, else our own format."""
        scheduler = {
            "_class_name": "DDIMScheduler",
            **_SCHEDULER,
            "timestep_spacing": "trailing",
            "clip_sample": False,
            "set_alpha_to_one": True,
            "steps_offset": 0,
        }
        try:
            config, converted = self.sizes.to_diffusers(), to_diffusers(self.sizes, weights)
        except ConfigError as reason:
            return Published(
                model=OURS,
                pipeline=None,
                config={_SAVED_NAMES.get(name, name): value for name, value in asdict(self.sizes).items()},
                scheduler=scheduler,
                weights=weights,
                note=f"written in cutroom's own format: {reason}",
            )
        return Published(model=LATTE, pipeline="LattePipeline", config=config, scheduler=scheduler, weights=converted)


def open_latte(config: TrainConfig) -> Opened:
    """A preset, or the model in `model.weights`. Raises `ConfigError` for an unknown preset and for other weights."""
    settings = config.model.latte
    if config.model.weights:
        sizes, weights = load_latte(Path(config.model.weights), settings, config.seed)
        if config.model.lora.rank and _class_name(_folder(Path(config.model.weights))) == PIXART:
            raise ConfigError(
                f"model.lora.rank = {config.model.lora.rank} with PixArt-alpha's weights: the new temporal layers "
                "would stay frozen at zero; train all weights (stages: trains) first, and add "
                "adapters to the resulting Latte"
            )
        return Opened(LatteFamily(sizes), weights)
    return Opened(LatteFamily(replace(preset_of(config, PRESETS), **_options(settings))), None)


def load_latte(
    path: Path, settings: LatteSettings | None = None, seed: int = 0
) -> tuple[LatteConfig, Mapping[str, Tensor]]:
    """Config and weights of a folder: our own format, diffusers' Latte, or PixArt-alpha with new temporal layers.

    Raises `ConfigError` for any other model, and for settings that contradict the weights.
    """
    settings, folder = settings or LatteSettings(), _folder(path)
    class_name, options = _class_name(folder), _options(settings)
    config = read_json(folder / "config.json", "")
    fields = {name: value for name, value in config.items() if not name.startswith("_")}
    check_scheduler(folder.parent, _SCHEDULER, "Latte is trained and sampled here")
    if class_name == PIXART:
        sizes = LatteConfig.from_pixart(fields, **options)
        return sizes, start_from_pixart(sizes, read_weights(folder), seed, settings.temporal_start).weights
    if class_name == OURS:
        sizes, weights = _read_own(folder, fields), read_weights(folder)
    elif class_name == LATTE:
        sizes, weights = LatteConfig.from_diffusers(fields), from_diffusers(read_weights(folder))
    else:
        raise ConfigError(
            f"{folder} holds a {class_name}; a Latte starts from {LATTE}, {PIXART}, or a folder of just export"
        )
    check_fit(lambda: Latte(sizes), weights, str(folder))
    _check_settings(settings, sizes, str(folder))
    return replace(sizes, **{name: options[name] for name in _FREE if name in options}), weights


def _check_settings(settings: LatteSettings, sizes: LatteConfig, folder: str) -> None:
    """Raise `ConfigError` for settings that contradict a model that has weights."""
    if settings.temporal_start != LatteSettings().temporal_start:
        raise ConfigError(
            f"model.latte.temporal_start = {settings.temporal_start} initialises layers that PixArt-alpha lacks, "
            f"but the weights in {folder} have them; leave it out"
        )
    for name, value in _options(settings).items():
        if name not in _FREE and getattr(sizes, name) != value:
            raise ConfigError(
                f"model.latte.{_SAVED_NAMES.get(name, name)} = {value}, but the weights in {folder} are of a model "
                f"with {getattr(sizes, name)}; set it to that, or to null"
            )


def is_latte(path: Path) -> bool:
    """Whether a folder holds a Latte, in our own or diffusers' format."""
    files = (path / "config.json", path / "transformer" / "config.json")
    return any(file.is_file() and read_json(file, "").get("_class_name") in (OURS, LATTE) for file in files)


def _folder(path: Path) -> Path:
    return path if (path / "config.json").is_file() else path / "transformer"


def _class_name(folder: Path) -> str:
    config = read_json(folder / "config.json", "give a folder in diffusers' format")
    name = str(config.get("_class_name"))
    if name == _RELEASED_PIXART and config.get("norm_type") == "ada_norm_single":
        return PIXART
    return name


def _read_own(folder: Path, saved: Mapping[str, Any]) -> LatteConfig:
    try:
        return LatteConfig(**_as_fields(saved))
    except TypeError as error:
        raise ConfigError(f"{folder / 'config.json'}: {error}; was it written by a later version?") from None


def _options(settings: LatteSettings) -> dict[str, Any]:
    """The settings that are not null, by the field of `LatteConfig` that they set."""
    saved = settings.model_dump(exclude={"temporal_start"})
    return _as_fields({name: value for name, value in saved.items() if value is not None})


def _as_fields(saved: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: field for field, name in _SAVED_NAMES.items()}
    return {fields.get(name, name): value for name, value in saved.items()}
