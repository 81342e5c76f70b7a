"""What is known of a chat backend before it is opened: its packages, where it runs, and its checks of the settings.

BACKENDS["openai"].check("caption.model", config.caption.model, remote=False)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from captioning.chat import ChatModel
from schemas.errors import ConfigError
from schemas.model_config import ModelConfig


class ModelCheck(Protocol):
    """Raises `ConfigError` for settings of a model that cannot work; `setting` is the name of their section."""

    def __call__(self, setting: str, model: ModelConfig, *, remote: bool) -> None:
        """`remote`: the model runs on workers of a cluster, which have their own environment variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """A chat model that the configuration can name."""

    open: Callable[[ModelConfig, int], ChatModel]
    """Takes the model's settings and the number of CPU threads that it may use."""
    check: ModelCheck
    packages: tuple[str, ...]
    """Distributions that must be installed."""
    runs: Literal["elsewhere", "worker", "driver"]
    """`elsewhere`: behind an endpoint, so that workers are cheap; `worker`: in one worker process, with its cores and
    GPUs; `driver`: it distributes its work over the cluster itself."""
    gpus: int = 0
    """GPUs per worker."""
    takes_model: bool = True
    """Whether the configuration names the model."""
    version: Callable[[], str] = str
    """What else decides its answers, besides the configuration; part of the fingerprint."""


def check_named(setting: str, name: str, backend: Backend, model: ModelConfig) -> None:
    """Raise `ConfigError` if a model is named but the backend takes none, or if the model that it needs is missing."""
    if not backend.takes_model:
        check_no_model(setting, name, model)
    elif not model.name:
        raise ConfigError(f"{setting}.name is empty: {name} needs the folder or the name of a model")


def check_no_model(setting: str, name: str, model: ModelConfig) -> None:
    """Raise `ConfigError` if a model is named for a backend that takes none."""
    if model.name or model.base_url:
        raise ConfigError(f"{setting} is set, but {name} does not take one; leave it out")
