"""What of the `summarise` section can be judged before any work: the backend, its model, the prompt and the tokenizer.

python -m pytest tests/pipeline/stages/test_preflight.py
"""

from captioning.backends.base import check_named, check_no_model
from captioning.prompts import check_placeholders
from captioning.summarisers import SUMMARISERS
from captioning.tokens import TokenCounter
from pipeline.stages.caption.models import SUMMARY_BACKENDS, make_form
from pipeline.stages.installed import check_installed
from pipeline.stages.weights import read_setting
from schemas.config import RunConfig
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean


def check(config: RunConfig) -> None:
    """Raise `ConfigError` for the first setting that cannot work."""
    summarise = config.summarise
    name = summarise.summariser
    if name in SUMMARISERS:
        check_no_model("summarise.model", name, summarise.model)
        if summarise.prompt:
            raise ConfigError(f"summarise.prompt is set, but {name} asks no model; leave it out or choose a model")
    elif name in SUMMARY_BACKENDS:
        _check_backend(config)
    else:
        raise ConfigError(f"summarise.summariser = {name!r}; {did_you_mean(name, (*SUMMARISERS, *SUMMARY_BACKENDS))}")
    if summarise.tokenizer:
        read_setting("summarise.tokenizer", summarise.tokenizer, TokenCounter)


def _check_backend(config: RunConfig) -> None:
    summarise, setting = config.summarise, "summarise.model"
    backend = SUMMARY_BACKENDS[summarise.summariser]
    check_named(setting, summarise.summariser, backend, summarise.model)
    check_placeholders("summarise.prompt", summarise.prompt, ("words",) if summarise.form == "structured" else ())
    make_form(summarise)
    check_installed("summarise.summariser", summarise.summariser, backend.packages)
    backend.check(setting, summarise.model, remote=config.engine.ray_address is not None)
