"""A run as a source of weights: its last intact checkpoint, the EMA weights if the run keeps them.

source = run_source(Path("runs/demo-demo"))
"""

from collections.abc import Mapping
from pathlib import Path

import torch

from schemas.errors import ConfigError
from training.checkpoints.checkpoint import Checkpoints
from training.checkpoints.folder import CONFIG, RunFolder
from training.config import TrainConfig
from training.export.record import ModelRecord
from training.export.source import Source, trained_source
from training.families.base import Family
from training.families.registry import open_family
from training.models.lora import add_adapters
from training.parallel import World


def is_run(folder: Path) -> bool:
    """Whether a folder is a run of `just train` or `just tune`."""
    return (folder / CONFIG).is_file()


def run_source(path: Path) -> Source:
    """The weights of a run's last checkpoint. Raises `ConfigError` if it has none that can be read."""
    folder = RunFolder(path)
    config, facts = folder.config(), folder.facts()
    alone = World(0, 1, torch.device("cpu"))
    checkpoints = Checkpoints(folder.checkpoints, alone, config.checkpoint.keep, asynchronous=False)
    latest = checkpoints.latest()
    if latest is None:
        raise ConfigError(f"{path} has no checkpoint yet; the first is written after {config.checkpoint.every} steps")
    state, checkpoint = latest
    family = open_family(config).family
    model = family.module()
    if config.model.lora.rank:
        add_adapters(model, config.model.lora, config.seed)
    prefix = "average" if config.ema.decay else "model"
    checkpoints.load(checkpoint, {f"{prefix}.{name}": weight.detach() for name, weight in model.named_parameters()})
    record = run_record(
        config, facts, family, stage=config.stages[state.stage].name, step=state.step, weights=str(path)
    )
    return trained_source(path.resolve().name, family, model.state_dict(), record, config.model.lora)


def run_record(
    config: TrainConfig, facts: Mapping[str, object], family: Family, *, stage: str, step: int, weights: str
) -> ModelRecord:
    """The record of weights that a run trained, from its configuration and the facts in its run.json."""
    return ModelRecord(
        snr_shift=config.snr_shift,
        text_length=family.sizes.text_length,
        shape=str(facts.get("shape", "")),
        encoders=config.encoders,
        codec=str(facts.get("codec", "")),
        codec_identity=str(facts.get("codec_identity", "")),
        text=str(facts.get("text", "")),
        text_identity=str(facts.get("text_identity", "")),
        recipe=config.recipe,
        stage=stage,
        step=step,
        sampling=config.sampling.model_copy(update={"prompts": []}),
        data=str(facts.get("samples", facts.get("clip", ""))),  # a run of `just tune` has a clip and no samples
        weights=weights,
    )
