"""Checks a configuration before any network is opened: missing weights and loggers.

A model of five billion parameters takes minutes to build; a missing VAE should be reported before that.

    check_ahead(config)
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path

from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from training.config import EncoderSettings, TrainConfig

_PACKAGED = ("linear", "linear-frames", "minilm")
_HOLDS = {
    "encoders.codec_weights": "the folder of its VAE in diffusers' format, or of a pipeline that holds one",
    "encoders.text_weights": "the folder of its encoder and tokenizer, or of a pipeline that holds them",
}
_LOGGERS = ("tensorboard", "wandb")


def check_ahead(config: TrainConfig) -> None:
    """Raise `ConfigError` with one line per missing thing."""
    if lines := missing(config):
        raise ConfigError("\n".join(lines))


def missing(config: TrainConfig) -> list[str]:
    """A sentence for each missing thing."""
    return [*_encoders(config.encoders), *_weights(config), *_loggers(config)]


def _encoders(settings: EncoderSettings) -> Iterator[str]:
    for setting, name, path in (
        ("encoders.codec_weights", settings.codec, settings.codec_weights),
        ("encoders.text_weights", settings.text, settings.text_weights),
    ):
        if name in _PACKAGED:
            if path:
                yield f"{setting} = {path!r}, but {name} is packaged with its own; leave it out"
        elif not path:
            yield f"{setting} is empty: {name} needs {_HOLDS[setting]}"
        elif not Path(path).expanduser().exists() and not (name == "t5" and _is_hub_name(path)):
            yield f"{setting} = {path!r} is not in {Path.cwd()}: {name} needs {_HOLDS[setting]}"


def _weights(config: TrainConfig) -> Iterator[str]:
    model = config.model
    if model.weights and not Path(model.weights).expanduser().exists():
        yield f"model.weights = {model.weights!r} is not in {Path.cwd()}: give a folder in diffusers' format"
    if model.lora.rank and not model.weights and model.preset != "debug":
        yield (
            f"model.lora.rank = {model.lora.rank}, but model.weights is empty: adapters on untrained weights learn "
            "nothing; set model.weights to the folder of the released model"
        )


def _loggers(config: TrainConfig) -> Iterator[str]:
    for name in config.loggers:
        if name not in _LOGGERS:
            yield f"loggers holds {name!r}; {did_you_mean(name, _LOGGERS)}"
        elif importlib.util.find_spec(name) is None:
            yield f"loggers holds {name!r}, which is not installed here; install it, or leave it out"


def _is_hub_name(name: str) -> bool:
    return name.count("/") == 1 and not name.startswith((".", "/", "~"))
