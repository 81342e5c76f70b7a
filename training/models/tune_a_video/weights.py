"""Weights of an inflated UNet: an image model's from a diffusers folder, and the tuned ones to and from a file.

What one video teaches is a twelfth of the model, so that alone is kept: `tuned.safetensors`, under the names of the
published Tune-A-Video, to be loaded over the image model that it was tuned from.

    python -m pytest tests/training/models/tune_a_video/test_weights.py
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

TUNED = ("*.attn1.to_q.*", "*.attn2.to_q.*", "*.attn_temp.*")
"""Globs over the parameters that a video teaches: where attention looks, and all of attention over time (2212.11565,
section 3.2). 74.35 million weights, 8.2 % of the inflated Stable Diffusion 1.4."""
_CLASS = "UNet2DConditionModel"
_PREFIX = "unet."


def unet_folder(place: str) -> Path:
    """The folder of a UNet in diffusers' format, or the pipeline's `unet`. Raises `ConfigError` if there is none."""
    folder = Path(place).expanduser()
    found = folder if (folder / "config.json").is_file() else folder / "unet"
    kind = read_json(found / "config.json", "name the folder of a Stable Diffusion model in diffusers' format").get(
        "_class_name"
    )
    if kind != _CLASS:
        raise ConfigError(f"{found} holds a {kind}; Tune-A-Video inflates a {_CLASS}")
    return found


def read_settings(folder: Path) -> dict[str, Any]:
    """A UNet's settings, those that its `config.json` leaves to diffusers' defaults included."""
    defaults = {
        name: one.default
        for name, one in inspect.signature(UNet2DConditionModel.__init__).parameters.items()
        if one.default is not inspect.Parameter.empty
    }
    given = read_json(folder / "config.json", "")
    return {name: given.get(name, default) for name, default in defaults.items()}


def first_weights(model: TuneAVideo, folder: Path, seed: int) -> dict[str, Tensor]:
    """All weights of the inflated model: the image model's, and temporal ones of the seed that add nothing yet."""
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
    """Draw all weights anew, as torch's layers do; attention over time adds nothing."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for part in model.modules():
            reset = getattr(part, "reset_parameters", None)
            if reset is not None:
                reset()
    model.zero_temporal()


def save_tuned(model: TuneAVideo, file: Path, facts: Mapping[str, str]) -> None:
    """Write what was tuned, float32, with facts of the run in the file's header."""
    weights = {
        name.removeprefix(_PREFIX): weight.detach().float().cpu().contiguous()
        for name, weight in model.named_parameters()
        if any(fnmatchcase(name, pattern) for pattern in TUNED)
    }
    # safetensors' own order of metadata changes from run to run; one record has none.
    save_file(weights, file, metadata={"cutroom": json.dumps({**facts, "norm": model.config.norm}, sort_keys=True)})


def load_tuned(model: TuneAVideo, file: Path) -> None:
    """Put tuned weights over those of the image model. Raises `ConfigError` for another model's."""
    try:
        found: dict[str, Tensor] = load_file(file)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{file} cannot be read as tuned weights: {error}") from None
    own = dict(model.unet.named_parameters())
    wanted = {name for name in own if any(fnmatchcase(_PREFIX + name, pattern) for pattern in TUNED)}
    wrong = sorted(found.keys() ^ wanted) or [name for name in found if found[name].shape != own[name].shape]
    if wrong:
        raise ConfigError(f"{file} was tuned from another kind of UNet: {wrong[0]} does not fit")
    with torch.no_grad():
        for name, weight in found.items():
            own[name].copy_(weight)
