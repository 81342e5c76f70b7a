"""LoRA files in diffusers' format: `pytorch_lora_weights.safetensors`, with rank, alpha and targets in its header.

adapters = read_adapters(Path("exported/lora"))
state = merge_adapters(family.module, state, adapters)
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from peft import set_peft_model_state_dict
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from schemas.errors import ConfigError
from training.checkpoints.fit import listed
from training.config import LoraConfig
from training.models.lora import ADAPTER, add_adapters, merged_state

FILE = "pytorch_lora_weights.safetensors"
_PREFIX = "transformer."
_HEADER = "lora_adapter_metadata"


@dataclass(frozen=True, slots=True)
class Adapters:
    """LoRA weights by name (`<layer>.lora_A.weight`), and their peft configuration."""

    state: Mapping[str, Tensor]
    config: Mapping[str, Any]


def write_adapters(folder: Path, adapters: Adapters) -> None:
    """Write the file that diffusers' `load_lora_weights` reads."""
    from diffusers import CogVideoXPipeline

    state = {name: tensor.detach().cpu().contiguous() for name, tensor in adapters.state.items()}
    CogVideoXPipeline.save_lora_weights(
        folder, transformer_lora_layers=state, transformer_lora_adapter_metadata=dict(adapters.config)
    )


def read_adapters(folder: Path) -> Adapters | None:
    """The adapters of a folder; None if it has none. A file without a header has alpha = rank, as in diffusers.

    Raises `ConfigError` for a file that cannot be read or that holds another network's adapters.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    try:
        with safe_open(file, framework="pt") as opened:
            header = json.loads((opened.metadata() or {}).get(_HEADER, "{}"))
            state = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from None
    foreign = [name for name in state if not name.startswith(_PREFIX) or ".lora_" not in name]
    if foreign or not state:
        raise ConfigError(f"{file}: not adapters of a transformer: {listed(foreign) or 'it is empty'}")
    state = {name.removeprefix(_PREFIX): tensor for name, tensor in state.items()}
    rank = next(len(tensor) for name, tensor in state.items() if ".lora_A." in name)
    layers = sorted({name.split(".lora_")[0] for name in state})
    config = {"r": rank, "lora_alpha": rank, "target_modules": layers}
    config |= {name.removeprefix(_PREFIX): value for name, value in header.items()}
    return Adapters(state, config)


def merge_adapters(
    module: Callable[[], nn.Module], state: Mapping[str, Tensor], adapters: Adapters
) -> dict[str, Tensor]:
    """The plain transformer's weights with the adapters merged. Raises `ConfigError` if they do not fit the model."""
    model = module()
    model.load_state_dict(state)
    settings = LoraConfig(
        rank=adapters.config["r"],
        alpha=adapters.config["lora_alpha"],
        targets=list(adapters.config["target_modules"]),
    )
    add_adapters(model, settings, seed=0)
    loaded: Any = set_peft_model_state_dict(model, dict(adapters.state), adapter_name=ADAPTER)
    missing = [name for name in loaded.missing_keys if ".lora_" in name]
    if loaded.unexpected_keys or missing:
        raise ConfigError(f"adapters do not fit the model: {listed([*loaded.unexpected_keys, *missing])}")
    return merged_state(model)
