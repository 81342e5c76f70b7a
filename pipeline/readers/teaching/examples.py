"""From labels to vectors: files are decoded and embedded as the pipeline does; clips and stills are in the dataset.

just teach labels.csv lecture --files ~/videos
just teach labels.csv lecture --dataset datasets/videos
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.readers.history import History
from pipeline.readers.teaching.fitting import Examples
from pipeline.readers.teaching.images import stills_of
from pipeline.readers.teaching.labels import Label, kind_of
from pipeline.stages.score.scorers.base import Embedder
from pipeline.stages.score.scorers.registry import EMBEDDERS
from schemas.caption_tables import EMBEDDINGS
from schemas.config import ScoreConfig
from schemas.errors import InputError, MediaError

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledVectors:
    """Training data of a head: labels with vectors, the embedder that made them, and what was left out and why."""

    labels: Sequence[Label]
    examples: Examples
    embedder: str
    """Registry name."""
    model: str
    """Model and revision."""
    left_out: dict[str, str]
    """File -> the reason why the pipeline would refuse it too."""


def gather(
    labels: Sequence[Label], files: Path, history: History | None, config: ScoreConfig, threads: int
) -> LabelledVectors:
    """Find or compute the vectors of each label. Raises `InputError` with the row of a missing item."""
    by_row: dict[int, Vectors] = {}
    models: set[str] = set()
    left_out: dict[str, str] = {}
    if any(label.target == "file" for label in labels):
        build = partial(EMBEDDERS[config.embedder], threads=threads, weights=config.embedder_weights or None)
        looked, model, left_out = _embed_files(labels, files, build())
        by_row |= looked
        models.add(model)
    stored = [label for label in labels if label.target != "file"]
    if stored:
        if history is None:
            raise InputError(f"row {stored[0].row} names a {stored[0].target}; name its dataset: --dataset FOLDER")
        recalled, model = _stored_vectors(stored, history)
        by_row |= recalled
        models.add(model)
    if len(models) > 1:
        raise InputError(f"files and dataset were embedded by different models, {' and '.join(sorted(models))}")
    kept = [label for label in labels if label.row in by_row]
    if not kept:
        raise InputError("no label is left: none of the files can be read")
    return LabelledVectors(
        labels=kept,
        examples=Examples(
            kind_of(labels),
            np.concatenate([by_row[label.row] for label in kept]),
            np.repeat(np.arange(len(kept)), [len(by_row[label.row]) for label in kept]),
            np.array([label.value for label in kept]),
            np.array([label.source for label in kept]),
        ),
        embedder=config.embedder,
        model=models.pop(),
        left_out=left_out,
    )


def _embed_files(
    labels: Sequence[Label], files: Path, embedder: Embedder
) -> tuple[dict[int, Vectors], str, dict[str, str]]:
    by_row: dict[int, Vectors] = {}
    left_out: dict[str, str] = {}
    by_file: dict[str, list[Label]] = {}
    for label in labels:
        if label.target == "file":
            by_file.setdefault(label.name, []).append(label)
    for name, rows in by_file.items():
        if not (files / name).is_file():
            raise InputError(f"row {rows[0].row}: no file {name!r} below {files}; say where files are: --files FOLDER")
    for name, rows in by_file.items():
        try:
            stills = stills_of(files / name, [label.seconds for label in rows])
            vectors = embedder.embed([still for several in stills for still in several])
        except MediaError as error:
            left_out[name] = str(error)
            continue
        ends = np.cumsum([len(several) for several in stills])[:-1]
        by_row |= {label.row: part for label, part in zip(rows, np.split(vectors, ends), strict=True)}
    return by_row, embedder.model, left_out


def _stored_vectors(labels: Sequence[Label], history: History) -> tuple[dict[int, Vectors], str]:
    from pipeline.dataset.query import texts

    clips = {label.name for label in labels if label.target == "clip"}
    stills = {label.name for label in labels if label.target == "still"}
    selected = f"(clip_id IN {texts(clips)} OR still_id IN {texts(stills)}) AND status = 'ok'"
    table = history.parts("embeddings", "embed", EMBEDDINGS, where=selected)
    of_clip: dict[str, list[list[float]]] = {}
    of_still: dict[str, list[list[float]]] = {}
    for row in table.sort_by("still_id").to_pylist():
        of_clip.setdefault(row["clip_id"], []).append(row["vector"])
        of_still[row["still_id"]] = [row["vector"]]
    by_row: dict[int, Vectors] = {}
    for label in labels:
        vectors = (of_clip if label.target == "clip" else of_still).get(label.name)
        if vectors is None:
            raise InputError(f"row {label.row}: the dataset has no vector of {label.target} {label.name!r}")
        by_row[label.row] = np.array(vectors, np.float32)
    models = sorted(set(table["model"].to_pylist()))
    if len(models) != 1:
        raise InputError(f"the dataset's vectors are of several models: {', '.join(models)}; run just curate again")
    return by_row, models[0]
