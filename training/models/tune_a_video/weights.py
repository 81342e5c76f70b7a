"""Weights of an inflated UNet: an image model's from a diffusers folder, and the tuned ones to and from a file.

One video tunes a twelfth of the model, so only that is kept: `tuned.safetensors`, under the names of the published
Tune-A-Video, to be loaded over the image model that it was tuned from.

    model.load_state_dict(first_weights(model, unet_folder("models/stable-diffusion-v1-4"), seed=0))
    save_tuned(model, Path("tuned.safetensors"), {"caption": "a man skis"})
    load_tuned(model, Path("tuned.safetensors"))
"""

import inspect
import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from schemas.errors import ConfigError
from training.checkpoints.files import read_json, read_weights
from training.models.tune_a_video.model import TuneAVideo
from training.models.tune_a_video.tuned_file import HEADER

TUNED = ("*.attn1.to_q.*", "*.attn2.to_q.*", "*.attn_temp.*")
"""Globs over the parameters that are tuned: the queries of self- and cross-attention, and all of the temporal attention
(2212.11565, section 3.2). 74.35 million parameters, 8.2 % of the inflated Stable Diffusion 1.4."""
_CLASS = "UNet2DConditionModel"
_PREFIX = "unet."


def unet_folder(path: str) -> Path:
    """The folder of a UNet in diffusers' format, or a pipeline's `unet`. Raises `ConfigError` if there is none."""
    folder = Path(path).expanduser()
    unet = folder if (folder / "config.json").is_file() else folder / "unet"
    class_name = read_json(
        unet / "config.json", "name the folder of a Stable Diffusion model in diffusers' format"
    ).get("_class_name")
    if class_name != _CLASS:
        raise ConfigError(f"{unet} holds a {class_name}; Tune-A-Video inflates a {_CLASS}")
    return unet


def read_settings(folder: Path) -> dict[str, Any]:
    """A UNet's settings: its `config.json`, completed with diffusers' defaults."""
    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(UNet2DConditionModel.__init__).parameters.items()
        if parameter.default is not inspect.Parameter.empty
    }
    stated = read_json(folder / "config.json", "")
    return {name: stated.get(name, default) for name, default in defaults.items()}


def first_weights(model: TuneAVideo, folder: Path, seed: int) -> dict[str, Tensor]:
    """All weights of the inflated model: the image model's, and temporal ones drawn by `seed` whose output is zero.

    Raises `ConfigError` if the folder's weights do not fit its `config.json`.
    """
    image = {f"{_PREFIX}{name}": weight for name, weight in read_weights(folder).items()}
    start(model, seed)
    state = model.state_dict()
    temporal = {name: weight for name, weight in state.items() if "_temp." in name}
    wrong = sorted(image.keys() ^ (state.keys() - temporal.keys()))
    wrong += [name for name, weight in image.items() if name in state and weight.shape != state[name].shape]
    if wrong:
        raise ConfigError(f"{folder}: {len(wrong)} weights do not fit its config.json, the first is {wrong[0]}")
    return {**image, **temporal}


def start(model: TuneAVideo, seed: int) -> None:
    """Reset all weights to torch's initial ones, in place; the temporal attention's outputs are zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for module in model.modules():
            reset = getattr(module, "reset_parameters", None)
            if reset is not None:
                reset()
    model.zero_temporal()


def save_tuned(model: TuneAVideo, file: Path, facts: Mapping[str, str]) -> None:
    """Write the tuned weights, float32, with facts of the run in the file's header."""
    weights = {
        name.removeprefix(_PREFIX): weight.detach().float().cpu().contiguous()
        for name, weight in model.named_parameters()
        if any(fnmatchcase(name, pattern) for pattern in TUNED)
    }
    # safetensors writes several metadata entries in an order that varies between runs; a single one is deterministic.
    save_file(weights, file, metadata={HEADER: json.dumps({**facts, "norm": model.config.norm}, sort_keys=True)})


def load_tuned(model: TuneAVideo, file: Path) -> None:
    """Load tuned weights over the image model's, in place. Raises `ConfigError` for another UNet's."""
    try:
        weights: dict[str, Tensor] = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{file} cannot be read as tuned weights: {error}") from None
    own = dict(model.unet.named_parameters())
    expected = {name for name in own if any(fnmatchcase(_PREFIX + name, pattern) for pattern in TUNED)}
    wrong = sorted(weights.keys() ^ expected) or [name for name in weights if weights[name].shape != own[name].shape]
    if wrong:
        raise ConfigError(f"{file} was tuned from another UNet: {wrong[0]} does not fit")
    with torch.no_grad():
        for name, weight in weights.items():
            own[name].copy_(weight)
