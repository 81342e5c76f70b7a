"""A run of `just train` as a source of weights: its last sound checkpoint, averaged weights where it keeps an average.

just sample runs/demo-demo --prompt "waves break on a beach"
just export runs/demo-demo exported/demo
"""

from pathlib import Path

import torch

from schemas.errors import ConfigError
from training.checkpoints.checkpoint import Checkpoints
from training.checkpoints.folder import CONFIG, RunFolder
from training.export.record import ModelRecord
from training.export.source import Source, trained_source
from training.families.registry import open_family
from training.models.lora import add_adapters
from training.parallel import World


def is_run(folder: Path) -> bool:
    """Whether a folder is one that `just train` made."""
    return (folder / CONFIG).is_file()


def run_source(path: Path) -> Source:
    """What a run has learnt so far. Raises `ConfigError` if it has no checkpoint that can be read."""
    folder = RunFolder(path)
    config, facts = folder.config(), folder.facts()
    alone = World(0, 1, torch.device("cpu"))
    checkpoints = Checkpoints(folder.checkpoints, alone, config.checkpoint.keep, asynchronous=False)
    found = checkpoints.latest()
    if found is None:
        raise ConfigError(f"{path} has no checkpoint yet; the first comes after {config.checkpoint.every} steps")
    state, where = found
    family = open_family(config).family
    model = family.module()
    if config.model.lora.rank:
        add_adapters(model, config.model.lora, config.seed)
    kind = "average" if config.ema.decay else "model"
    checkpoints.load(where, {f"{kind}.{name}": weight.detach() for name, weight in model.named_parameters()})
    record = ModelRecord(
        snr_shift=config.snr_shift,
        text_length=family.sizes.text_length,
        shape=str(facts.get("shape", "")),
        encoders=config.encoders,
        codec=str(facts["codec"]),
        codec_identity=str(facts["codec_identity"]),
        text=str(facts["text"]),
        text_identity=str(facts["text_identity"]),
        recipe=config.recipe,
        stage=config.stages[state.stage].name,
        step=state.step,
        sampling=config.sampling.model_copy(update={"prompts": []}),
        data=str(facts["samples"]),
        weights=str(path),
    )
    return trained_source(path.resolve().name, family, model.state_dict(), record, config.model.lora)
