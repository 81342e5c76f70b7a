"""Tuned weights of `just tune` as a source: loaded over the image model that they were tuned from.

The file names its image model. In the folder of its run, encoders, shape and sampling settings are the run's; a file
that was copied elsewhere uses the image model's own VAE and CLIP, and needs a shape.

    source = tuned_source(Path("runs/video-tune-a-video"))
    source = tuned_source(Path("shared/tuned.safetensors"))
"""

from pathlib import Path

from training.checkpoints.folder import CONFIG, RunFolder
from training.config import TrainConfig
from training.export.run import run_record
from training.export.source import Source
from training.families.registry import build_model, open_family
from training.models.tune_a_video.model import TuneAVideo
from training.models.tune_a_video.tuned_file import TUNED_FILE, read_facts
from training.models.tune_a_video.weights import load_tuned
from training.recipes import image_model_changes, load_training


def is_tuned(path: Path) -> bool:
    """Whether a path is a file of tuned weights, or a folder that holds one."""
    return path.suffix == ".safetensors" if path.is_file() else (path / TUNED_FILE).is_file()


def tuned_source(path: Path) -> Source:
    """The tuned model of a file or of a run's folder.

    Raises `ConfigError` for a file that is not of `just tune`, and if its image model is missing or another one.
    """
    file = path / TUNED_FILE if path.is_dir() else path
    facts = read_facts(file)
    run_facts: dict[str, object] = {"clip": facts.get("clip", "")}
    if (file.parent / CONFIG).is_file():
        run = RunFolder(file.parent)
        config, run_facts = run.config(), run.facts()
    else:
        config = _config_of(facts)
    opened = open_family(config)
    model = build_model(opened, config)
    assert isinstance(model, TuneAVideo)
    load_tuned(model, file)
    record = run_record(
        config,
        run_facts,
        opened.family,
        stage=config.stages[-1].name,
        step=int(facts.get("step", "0")),
        weights=str(file),
    )
    name = file.resolve().parent.name if file.name == TUNED_FILE else file.stem
    return Source(name=name, family=opened.family, state=model.state_dict(), record=record)


def _config_of(facts: dict[str, str]) -> TrainConfig:
    changes = [*image_model_changes(facts.get("model", "")), f"model.tune_a_video.group_norm={facts['norm']}"]
    return load_training(None, changes, "tune-a-video")
