"""Which scorers a configuration names, the weights that it gives them, and the columns that they fill.

measure_names(config.score)          # ["aesthetic", "aesthetic_min", "text_area", ...]
"""

from pathlib import Path

from pipeline.stages.score.scorers.base import ImageScorer, VectorScorer
from pipeline.stages.score.scorers.registry import SCORERS
from pipeline.stages.score.scorers.taught import TaughtHead
from schemas.config import ScoreConfig


def scorer_names(config: ScoreConfig) -> list[str]:
    """The scorers of a run: those of the registry, then the taught heads by the names of their files."""
    return [*config.scorers, *(Path(path).stem for path in config.heads)]


def scorer_class(name: str) -> type[ImageScorer] | type[VectorScorer] | type[TaughtHead]:
    """The class behind a scorer's name; what is not in the registry is a taught head."""
    return SCORERS.get(name, TaughtHead)


def weights_of(name: str, config: ScoreConfig) -> str:
    """The file of weights that the configuration gives a scorer; empty for those that need none."""
    setting = scorer_class(name).needs.weights
    if setting == "head_weights":
        return config.head_weights
    return next((path for path in config.heads if Path(path).stem == name), "") if setting == "heads" else ""


def measure_names(config: ScoreConfig) -> list[str]:
    """The columns that the configured scorers fill."""
    registered = [measure for name in config.scorers for measure in SCORERS[name].measures]
    return [*registered, *scorer_names(config)[len(config.scorers) :]]
