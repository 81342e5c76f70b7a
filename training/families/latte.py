"""Latte: spatial and temporal attention, noise prediction with a learned variance; from scratch, Latte or PixArt-alpha.

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
from schemas.nearest import did_you_mean
from training.checkpoints.files import check_scheduler, read_json, read_weights
from training.checkpoints.fit import check_fit
from training.config import LatteSettings, TrainConfig
from training.diffusion.schedule import TIMESTEPS, NoiseSchedule
from training.families.base import Family, Opened, Published
from training.models.latte.config import PRESETS, LatteConfig
from training.models.latte.flops import training_flops
from training.models.latte.initialise import initialise
from training.models.latte.model import Latte
from training.models.latte.pixart import start_from_pixart
from training.models.latte.weights import from_diffusers, to_diffusers
from training.models.segment import Segment

OURS, LATTE, PIXART = "CutroomLatte", "LatteTransformer3DModel", "PixArtTransformer2DModel"
_RELEASED_PIXART = "Transformer2DModel"  # the name that PixArt-alpha's released folders have, told by their norm
_SCHEDULER = {
    "num_train_timesteps": TIMESTEPS,
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "beta_schedule": "linear",
    "prediction_type": "epsilon",
}
# Of these a model that has weights already may be given others: they are no part of them.
_FREE = ("frames", "text_length", "padding")


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
        """One spatial and one temporal block, or one that is both."""
        return replace(self, sizes=replace(self.sizes, layers=1 if self.sizes.joint else 2))

    def blocks(self, model: nn.Module) -> Sequence[nn.Module]:
        """See `Family`."""
        return model.blocks() if isinstance(model, Latte) else []

    def smallest(self, device: torch.device) -> Segment:
        """A clip, since temporal layers pass pictures by: two frames of one patch, and one token."""
        sizes = self.sizes
        latents = torch.zeros(2 * sizes.patch_frames, sizes.in_channels, sizes.patch, sizes.patch, device=device)
        return Segment(latents, torch.zeros(1, sizes.text_width, device=device), 0)

    def flops(self, lengths: Sequence[int]) -> float:
        """Estimated for frames of the configuration's size, since a length does not tell frames from places."""
        return training_flops(self.sizes, lengths)

    def published(self, weights: Mapping[str, Tensor]) -> Published:
        """diffusers' `LatteTransformer3DModel` where it computes the same, and a form of our own where it does not."""
        scheduler = {
            "_class_name": "DDIMScheduler",
            **_SCHEDULER,
            "timestep_spacing": "trailing",
            "clip_sample": False,
            "set_alpha_to_one": True,
            "steps_offset": 0,
        }
        try:
            config, theirs = self.sizes.to_diffusers(), to_diffusers(self.sizes, weights)
        except ConfigError as reason:
            return Published(
                model=OURS,
                pipeline=None,
                config=asdict(self.sizes),
                scheduler=scheduler,
                weights=weights,
                note=f"written in cutroom's own form: {reason}",
            )
        return Published(model=LATTE, pipeline="LattePipeline", config=config, scheduler=scheduler, weights=theirs)


def open_latte(config: TrainConfig) -> Opened:
    """A preset, or what `model.weights` holds. Raises `ConfigError` for an unknown preset and for other weights."""
    settings = config.model.latte
    if config.model.weights:
        sizes, weights = load_latte(Path(config.model.weights), settings, config.seed)
        if config.model.lora.rank and _kind(_folder(Path(config.model.weights))) == PIXART:
            raise ConfigError(
                f"model.lora.rank = {config.model.lora.rank} with PixArt-alpha's weights: what is new would stay "
                "frozen at zero; train it whole (stages: trains), and put adapters on the Latte that comes out"
            )
        return Opened(LatteFamily(sizes), weights)
    preset = config.model.preset
    if preset not in PRESETS:
        raise ConfigError(f"model.preset {preset!r} is not known; {did_you_mean(preset, PRESETS)}")
    return Opened(LatteFamily(replace(PRESETS[preset], **_options(settings))), None)


def load_latte(
    path: Path, settings: LatteSettings | None = None, seed: int = 0
) -> tuple[LatteConfig, Mapping[str, Tensor]]:
    """Config and weights of a folder: our own form, diffusers' Latte, or PixArt-alpha with new temporal layers.

    Raises `ConfigError` for anything else, and for settings that the weights do not have.
    """
    settings, folder = settings or LatteSettings(), _folder(path)
    kind, options = _kind(folder), _options(settings)
    found = read_json(folder / "config.json", "")
    known = {name: value for name, value in found.items() if not name.startswith("_")}
    check_scheduler(folder.parent, _SCHEDULER, "Latte is trained and sampled here")
    if kind == PIXART:
        sizes = LatteConfig.from_pixart(known, **options)
        return sizes, start_from_pixart(sizes, read_weights(folder), seed, settings.temporal_start).weights
    if kind == OURS:
        sizes, weights = _ours(folder, known), read_weights(folder)
    elif kind == LATTE:
        sizes, weights = LatteConfig.from_diffusers(known), from_diffusers(read_weights(folder))
    else:
        raise ConfigError(f"{folder} holds a {kind}; a Latte starts from {LATTE}, {PIXART}, or a folder of just export")
    check_fit(lambda: Latte(sizes), weights, str(folder))
    if settings.temporal_start != LatteSettings().temporal_start:
        raise ConfigError(
            f"model.latte.temporal_start = {settings.temporal_start} says how layers begin that PixArt-alpha lacks, "
            f"but the weights in {folder} have them; leave it out"
        )
    free = {name: options.pop(name) for name in _FREE if name in options}
    for name, value in options.items():
        if getattr(sizes, name) != value:
            raise ConfigError(
                f"model.latte.{name} = {value}, but the weights in {folder} are of a model with "
                f"{getattr(sizes, name)}; set it to that, or to null"
            )
    return replace(sizes, **free), weights


def is_latte(path: Path) -> bool:
    """Whether a folder holds a Latte, in our form or diffusers'."""
    files = (path / "config.json", path / "transformer" / "config.json")
    return any(file.is_file() and read_json(file, "").get("_class_name") in (OURS, LATTE) for file in files)


def _folder(path: Path) -> Path:
    return path if (path / "config.json").is_file() else path / "transformer"


def _kind(folder: Path) -> str:
    found = read_json(folder / "config.json", "give a folder in diffusers' format")
    name = str(found.get("_class_name"))
    if name == _RELEASED_PIXART and found.get("norm_type") == "ada_norm_single":
        return PIXART
    return name


def _ours(folder: Path, known: Mapping[str, Any]) -> LatteConfig:
    try:
        return LatteConfig(**known)
    except TypeError as error:
        raise ConfigError(f"{folder / 'config.json'}: {error}; was it written by a later version?") from None


def _options(settings: LatteSettings) -> dict[str, Any]:
    found = settings.model_dump(exclude={"temporal_start"})
    return {name: value for name, value in found.items() if value is not None}
