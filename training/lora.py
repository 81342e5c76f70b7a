"""Low-rank adapters on our transformer, made by peft: which layers, what learns, merging, diffusers' names.

The weights keep their names plus `.base_layer`; an adapter adds `lora_A` and `lora_B` beside them. `lora_B` starts at
zero, so step 0 is the base model. Of a LoRA run only the adapters need to be kept.

    python -m pytest tests/training/test_lora.py
"""

from collections.abc import Sequence

import torch
from peft import LoraConfig as PeftConfig
from peft import get_peft_model_state_dict, inject_adapter_in_model
from peft.tuners.lora import Linear
from torch import Tensor, nn

from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from training.config import LoraConfig
from training.models.cogvideox.model import CogVideoX

ADAPTER = "default"
_BASE = ".base_layer."
_FUSED = "patch_embed.proj"  # read by its weight, not called, so that an adapter on it would do nothing


def add_adapters(model: CogVideoX, settings: LoraConfig, seed: int) -> list[str]:
    """Put adapters on every linear layer whose name ends in one of the targets, and freeze everything else.

    Gives the names of the layers. Raises `ConfigError` for a target that matches no layer, naming the nearest one.
    """
    layers = target_layers(model, settings.targets)
    config = PeftConfig(r=settings.rank, lora_alpha=settings.alpha, target_modules=list(settings.targets))  # type: ignore[arg-type]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        inject_adapter_in_model(config, model, ADAPTER)
    return layers


def target_layers(model: nn.Module, targets: Sequence[str]) -> list[str]:
    """Names of the linear layers that end in a target (`to_q`, `to_out.0`, `ff.net.2`), in the model's order."""
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    for target in targets:
        hits = [name for name in linear if _ends(name, target)]
        if not hits:
            ends = {".".join(name.split(".")[-count:]) for name in linear for count in (1, 2, 3)}
            raise ConfigError(f"lora.targets: {target!r} matches no layer; {did_you_mean(target, sorted(ends))}")
        if _FUSED in hits:
            raise ConfigError(f"lora.targets: {target!r} matches {_FUSED}, which takes no adapter; write net.0.proj")
    return [name for name in linear if any(_ends(name, target) for target in targets)]


def _ends(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """What learns, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def adapter_state(model: nn.Module) -> dict[str, Tensor]:
    """The adapters alone, `<layer>.lora_A.weight` [rank, in] and `<layer>.lora_B.weight` [out, rank]."""
    found: dict[str, Tensor] = get_peft_model_state_dict(model, adapter_name=ADAPTER)
    return {name: tensor.detach().contiguous() for name, tensor in found.items()}


def adapter_config(model: CogVideoX) -> dict[str, object]:
    """Rank, alpha and targets, as diffusers wants them beside the adapters' weights."""
    config: dict[str, object] = model.peft_config[ADAPTER].to_dict()  # type: ignore[union-attr,index]
    return {name: sorted(value) if isinstance(value, set) else value for name, value in config.items()}


def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """The state dict of the plain model with the adapters worked in, under its own names; the model stays as it is."""
    state = {
        name.replace(_BASE, "."): tensor.detach() for name, tensor in model.state_dict().items() if ".lora_" not in name
    }
    for name, module in model.named_modules():
        if isinstance(module, Linear):
            weight = state[f"{name}.weight"]
            change = module.get_delta_weight(ADAPTER)
            exact = torch.promote_types(weight.dtype, torch.float32)
            state[f"{name}.weight"] = (weight.to(exact) + change.detach().to(exact)).to(weight.dtype)
    return state
