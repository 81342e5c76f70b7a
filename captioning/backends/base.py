"""What the configuration must know of a chat model's backend before it is opened: packages, place, and its own checks.

BACKENDS["openai"].check("caption.model", config.caption.model, remote=False)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from captioning.chat import ChatModel
from schemas.errors import ConfigError
from schemas.model_config import ModelConfig


class ModelCheck(Protocol):
    """Raises `ConfigError` for settings of a model that cannot work; `setting` is their section."""

    def __call__(self, setting: str, model: ModelConfig, *, remote: bool) -> None:
        """`remote`: the model runs on workers of a cluster, which have an environment of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A chat model that the configuration can name."""

    open: Callable[[ModelConfig, int], ChatModel]
    """Called with the model's settings and the number of CPU threads that it may use."""
    check: ModelCheck
    packages: tuple[str, ...]
    """Distributions that must be installed."""
    runs: Literal["elsewhere", "worker", "driver"]
    """`elsewhere`: behind an endpoint, so that workers cost next to nothing; `worker`: in one worker process, with its
    cores and GPUs; `driver`: it spreads its work over the cluster by itself."""
    gpus: int = 0
    """GPUs of the worker."""
    takes_model: bool = True
    """Whether the configuration says which model it is."""
    version: Callable[[], str] = str
    """What of it decides its answers beside the configuration; part of the fingerprint."""


def check_named(setting: str, name: str, backend: Backend, model: ModelConfig) -> None:
    """Raise `ConfigError` if a model is named that the backend does not take, or none that it needs."""
    if not backend.takes_model:
        check_no_model(setting, name, model)
    elif not model.name:
        raise ConfigError(f"{setting}.name is empty: {name} needs the folder or the name of a model")


def check_no_model(setting: str, name: str, model: ModelConfig) -> None:
    """Raise `ConfigError` if a model is named for what takes none."""
    if model.name or model.base_url:
        raise ConfigError(f"{setting} is set, but {name} does not take one; leave it out")
