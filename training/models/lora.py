"""LoRA adapters made by peft: which layers get one, which parameters learn, merging, and diffusers' names.

The weights keep their names plus `.base_layer`; an adapter adds `lora_A` and `lora_B` next to them. `lora_B` starts at
zero, so step 0 is the base model. A LoRA run only has to keep its adapters.

    layers = add_adapters(model, LoraConfig(rank=128), seed=0)
    plain, adapters = split_adapters(model.state_dict())
"""

from collections.abc import Mapping, Sequence

import torch
from peft import LoraConfig as PeftConfig
from peft import inject_adapter_in_model
from peft.tuners.lora import Linear
from torch import Tensor, nn

from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from training.config import LoraConfig

ADAPTER = "default"
_BASE, _LORA = ".base_layer.", ".lora_"
_FUSED = ("patch_embed.proj", "pos_embed.proj")  # only their weight is read, forward() is not called: no adapter works


def add_adapters(model: nn.Module, settings: LoraConfig, seed: int) -> list[str]:
    """Put adapters on every linear layer whose name ends in one of the targets, and freeze everything else.

    Returns the names of the layers. Raises `ConfigError` for a target that matches no layer, naming the nearest one.
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
        for fused in _FUSED:
            if fused in hits:
                raise ConfigError(f"lora.targets: {target!r} matches {fused}, which takes no adapter; write net.0.proj")
    return [name for name in linear if any(_ends(name, target) for target in targets)]


def _ends(name: str, target: str) -> bool:
    return name == target or name.endswith(f".{target}")


def trainable(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that learn, by name."""
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def split_adapters(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Split a state dict into the plain model's weights and the adapters, without peft's additions to the names."""
    plain = {name.replace(_BASE, "."): weight for name, weight in state.items() if _LORA not in name}
    adapters = {name.replace(f".{ADAPTER}.", "."): weight for name, weight in state.items() if _LORA in name}
    return plain, adapters


def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """The plain model's state dict with the adapters merged into the weights. The model itself is not changed."""
    state, _ = split_adapters(model.state_dict())
    for name, module in model.named_modules():
        if isinstance(module, Linear):
            weight = state[f"{name}.weight"]
            change = module.get_delta_weight(ADAPTER)
            exact = torch.promote_types(weight.dtype, torch.float32)
            state[f"{name}.weight"] = (weight.to(exact) + change.detach().to(exact)).to(weight.dtype)
    return state
