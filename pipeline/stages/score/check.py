"""What of the `score` section can be judged before any work: names, packages, weights, heads of another embedder.

python -m pytest tests/pipeline/stages/test_preflight.py
"""

import re
from pathlib import Path
from typing import Any

from pipeline.measures.clips_table import CLIPS
from pipeline.stages.installed import check_installed
from pipeline.stages.score.configured import scorer_class
from pipeline.stages.score.scorers.registry import EMBEDDERS, LABELLERS, SCORERS
from pipeline.stages.score.scorers.taught import TaughtHead
from pipeline.stages.weights import read_setting
from schemas.config import RunConfig, ScoreConfig
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean

_COLUMN = re.compile(r"[a-z_][a-z0-9_]*")  # what a rule can name
# Columns that clips have before anything is scored.
_CLIP_COLUMNS = {*CLIPS.names, "bitrate"}
_HEAD_READERS = tuple(name for name, scorer in SCORERS.items() if scorer.needs.weights == "head_weights")


def check(config: RunConfig) -> None:
    """Raise `ConfigError` for the first setting of `score` that cannot work."""
    check_scorers(config.score)
    check_weights(config.score)


def check_scorers(config: ScoreConfig) -> None:
    """Raise `ConfigError` if a name is unknown or a head does not belong to the embedder, before any work is done."""
    if config.embedder not in EMBEDDERS:
        raise ConfigError(f"score.embedder = {config.embedder!r}; {did_you_mean(config.embedder, EMBEDDERS)}")
    if config.labeller and config.labeller not in LABELLERS:
        raise ConfigError(f"score.labeller = {config.labeller!r}; {did_you_mean(config.labeller, LABELLERS)}")
    for name in config.scorers:
        if name not in SCORERS:
            raise ConfigError(f"score.scorers holds {name!r}; {did_you_mean(name, SCORERS)}")
        made_for = getattr(SCORERS[name], "embedder", config.embedder)
        if made_for != config.embedder and not (name in _HEAD_READERS and config.head_weights):
            raise ConfigError(
                f"score.scorers holds {name!r}, which reads vectors of {made_for}, but score.embedder = "
                f"{config.embedder!r}; choose that embedder or a head that is made for yours"
            )
    if config.labeller and LABELLERS[config.labeller].embedder != config.embedder:
        raise ConfigError(
            f"score.labeller = {config.labeller!r} reads vectors of {LABELLERS[config.labeller].embedder}, but "
            f"score.embedder = {config.embedder!r}; set score.labeller to '' or choose that embedder"
        )
    _check_heads(config)
    for setting, names in (("score.embedder", [config.embedder]), ("score.scorers", config.scorers)):
        for name in names:
            known: Any = EMBEDDERS[name] if setting == "score.embedder" else SCORERS[name]
            check_installed(setting, name, known.needs.packages)


def _check_heads(config: ScoreConfig) -> None:
    names = [Path(path).stem for path in config.heads]
    for name, path in zip(names, config.heads, strict=True):
        check_head_name(name)
        if names.count(name) > 1:
            raise ConfigError(f"score.heads holds two heads named {name!r}; each fills a column, so name them apart")
        head = TaughtHead(threads=1, weights=path)
        embedder = EMBEDDERS[config.embedder]
        facts = head.provenance
        if head.embedder != config.embedder or facts["embedder"] != getattr(embedder, "model", facts["embedder"]):
            raise ConfigError(
                f"score.heads holds {path!r}, which reads vectors of {head.embedder} ({facts['embedder']}), but "
                f"score.embedder = {config.embedder!r}; choose that embedder or teach the head again with yours"
            )


def check_head_name(name: str) -> None:
    """Raise `ConfigError` if a head cannot have this name, because rules could not name its column or mean another."""
    if not _COLUMN.fullmatch(name):
        raise ConfigError(f"a head named {name!r} would fill a column that no rule can name; use a-z, 0-9 and _")
    scored = {measure for scorer in SCORERS.values() for measure in scorer.measures}
    if name in _CLIP_COLUMNS | scored | set(SCORERS):
        raise ConfigError(f"a head named {name!r} would fill a column that is there already; choose another name")


def check_weights(config: ScoreConfig) -> None:
    """Weights that the configuration names are read as the stage would read them."""
    if config.embedder_weights and EMBEDDERS[config.embedder].needs.weights == "none":
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
    readers = [name for name in config.scorers if name in _HEAD_READERS]
    if config.head_weights and not readers:
        raise ConfigError(
            f"score.head_weights = {config.head_weights!r}, but none of score.scorers = {config.scorers} reads it; "
            f"leave it empty or add {' or '.join(_HEAD_READERS)}"
        )
    for name in readers:
        if config.head_weights or SCORERS[name].needs.carried is None:
            _check_head(name, config)


def _check_head(name: str, config: ScoreConfig) -> None:
    scorer: Any = scorer_class(name)
    if not config.head_weights:
        scorer(threads=1)  # says what it needs and where that is published
    built = read_setting("score.head_weights", config.head_weights, lambda path: scorer(threads=1, weights=str(path)))
    if built.embedder != config.embedder:
        raise ConfigError(
            f"score.head_weights = {config.head_weights!r} reads vectors of {built.embedder}, but score.embedder = "
            f"{config.embedder!r}; choose that embedder or the head that is made for yours"
        )
