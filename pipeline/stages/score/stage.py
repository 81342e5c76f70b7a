"""Score: one embedding per still, then labels and scores. Each scorer is a stage of its own with its own part files.

Image scorers read the stills, heads read the stored vectors, so a new or changed one recomputes nothing else.

    just curate <bucket> --set 'score.scorers=["aesthetic_ridge"]'
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from pipeline.dataset.references import PartReader
from pipeline.stage import Output, Result, Row
from pipeline.stages.score.scorers.aesthetic import LaionAesthetic, RidgeAesthetic
from pipeline.stages.score.scorers.base import ImageScorer, VectorScorer
from pipeline.stages.score.scorers.registry import EMBEDDERS, LABELLERS, SCORERS
from pipeline.stages.score.scorers.taught import TaughtHead
from schemas.caption_tables import EMBEDDINGS, LABELS, SCORES
from schemas.config import ScoreConfig
from schemas.errors import ConfigError
from schemas.media_tables import CLIPS
from schemas.nearest import did_you_mean

VERSION = 1
EMBEDDING_OUTPUTS = (Output(folder="embeddings", contract=EMBEDDINGS, parent="still_id"),)
_COLUMN = re.compile(r"[a-z_][a-z0-9_]*")  # what a rule can name
# Columns that clips have before anything is scored.
_CLIP_COLUMNS = {*CLIPS.names, "bitrate"}
READ_HEAD_WEIGHTS = (RidgeAesthetic.name, LaionAesthetic.name)
LABEL_OUTPUTS = (Output(folder="labels", contract=LABELS, parent="still_id"),)


def score_outputs(scorer: str) -> tuple[Output, ...]:
    """The tables of one scorer."""
    return (Output(folder=f"scores/{scorer}", contract=SCORES, parent="clip_id"),)


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
        if made_for != config.embedder and not (name in READ_HEAD_WEIGHTS and config.head_weights):
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


def scorer_names(config: ScoreConfig) -> list[str]:
    """The scorers of a run: those of the registry, then the taught heads by the names of their files."""
    return [*config.scorers, *(Path(path).stem for path in config.heads)]


def scorer_class(name: str) -> type[ImageScorer] | type[VectorScorer] | type[TaughtHead]:
    """The class behind a scorer's name; what is not in the registry is a taught head."""
    return SCORERS.get(name, TaughtHead)


def weights_of(name: str, config: ScoreConfig) -> str:
    """The file of weights that the configuration gives a scorer; empty for those that need none."""
    if name in READ_HEAD_WEIGHTS:
        return config.head_weights
    return next((path for path in config.heads if Path(path).stem == name), "")


def measure_names(config: ScoreConfig) -> list[str]:
    """The columns that the configured scorers fill."""
    registered = [measure for name in config.scorers for measure in SCORERS[name].measures]
    return [*registered, *scorer_names(config)[len(config.scorers) :]]


class Embed:
    """Rows: stills with the part file that holds their picture."""

    def __init__(self, dataset_uri: str, config: ScoreConfig, threads: int) -> None:
        self._pictures = PartReader(dataset_uri, "still_id", "image")
        self._embedder = EMBEDDERS[config.embedder](threads=threads, weights=config.embedder_weights or None)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Embed the stills of a part."""
        pictures = [self._pictures.get(row["part"], row["still_id"]) for row in rows]
        vectors = self._embedder.embed(pictures)
        for row, vector in zip(rows, vectors, strict=True):
            values = {
                "still_id": row["still_id"],
                "clip_id": row["clip_id"],
                "model": self._embedder.model,
                "vector": vector.tolist(),
            }
            yield Result(key=row["still_id"], values=values, counters={"stills_embedded": 1})


class Label:
    """Rows: embeddings with the part file that holds their vector."""

    def __init__(self, dataset_uri: str, labeller: str, threads: int) -> None:
        self._vectors = PartReader(dataset_uri, "still_id", "vector")
        self._labeller = LABELLERS[labeller](threads=threads)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Label the stills of a part by their vectors."""
        vectors = np.array([self._vectors.get(row["part"], row["still_id"]) for row in rows], np.float32)
        for row, labels in zip(rows, self._labeller.label(vectors), strict=True):
            values = {
                "still_id": row["still_id"],
                "clip_id": row["clip_id"],
                "names": [name for name, _ in labels],
                "probabilities": [probability for _, probability in labels],
            }
            yield Result(key=row["still_id"], values=values)


class Score:
    """Rows: clips with references to their stills' pictures or vectors, whichever the scorer reads."""

    def __init__(self, dataset_uri: str, scorer: str, weights: str, threads: int) -> None:
        self._name = scorer
        self._scorer = scorer_class(scorer)(threads=threads, weights=weights or None)
        self._reader = PartReader(dataset_uri, "still_id", "image" if self._scorer.reads == "images" else "vector")

    def process(self, row: Row) -> Result:
        """Score one clip."""
        stills = [self._reader.get(one["part"], one["key"]) for one in row["references"]]
        if self._scorer.reads == "images":
            measures = self._scorer.score(stills)
        else:
            measures = self._scorer.score(np.array(stills, np.float32))
        values = {"clip_id": row["clip_id"], "scorer": self._name, "measures": sorted(measures.items())}
        return Result(key=row["clip_id"], values=values, counters={"clips_scored": 1})
