"""What embedders, scorers and labellers are: four protocols and the checks that their inputs share.

Embed once, many heads: one embedder per profile turns every still into a vector, and small heads (aesthetic score,
labels) read the stored vectors. A head or a new embedder therefore never decodes a picture, and a changed head re-runs
in seconds. Only what a vector has lost (text on the picture) is measured on the stills themselves.

Every class is built as `Thing(threads=2, weights=None)`: `threads` CPU threads for the whole process, and `weights`,
the path (or tag) of weights that do not come with the package. Names, versions, measures and embedders are class
attributes, so a configuration is checked without building, and without torch.

`reads` tells the two kinds of scorer apart, so a caller writes `if scorer.reads == "images"` and the types follow.

    python -m pipeline.stages.score.scorers.registry          # every embedder, scorer and labeller
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from schemas.errors import ConfigError, MediaError


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a class needs before it can be built, so that a configuration is refused before any work is done."""

    packages: tuple[str, ...] = ()
    """Distributions that must be installed."""
    gpus: int = 0
    """GPUs of a worker that runs it."""
    weights: Literal["none", "embedder_weights", "head_weights", "heads"] = "none"
    """The field of `score` that names its weights."""
    carried: Path | None = None
    """Weights that the project carries, for where that field is empty."""


class Embedder(Protocol):
    """Turns pictures into vectors. One per profile; its vectors serve every head and the near-duplicate search."""

    name: str
    """Name in the registry."""
    model: str
    """Model and revision, for lineage; may depend on `weights`, so read it from what was built."""
    dimension: int
    """Length D of a vector."""
    needs: Needs

    def __init__(self, *, threads: int, weights: str | None = None) -> None: ...

    def embed(self, images: Sequence[bytes]) -> NDArray[np.float32]:
        """Embed N encoded pictures. Returns [N, D], not normalised, in the order given.

        Raises `MediaError` if bytes are no picture.
        """


class ImageScorer(Protocol):
    """Measures a clip on its stills."""

    name: str
    version: int
    """Raised by hand whenever the same stills would give other numbers."""
    model: str
    needs: Needs
    reads: Literal["images"]
    measures: Mapping[str, str]
    """Column name -> unit, range and meaning."""

    def __init__(self, *, threads: int, weights: str | None = None) -> None: ...

    def score(self, stills: Sequence[bytes]) -> dict[str, float]:
        """Measure one clip on its encoded stills. Returns a value for every name in `measures`.

        Raises `MediaError` if there is no still or one is no picture.
        """


class VectorScorer(Protocol):
    """Measures a clip on the vectors of its stills."""

    name: str
    version: int
    """Raised by hand whenever the same vectors would give other numbers."""
    model: str
    needs: Needs
    reads: Literal["vectors"]
    embedder: str
    """Registry name of the only embedder whose vectors mean anything to this scorer; may depend on `weights`."""
    measures: Mapping[str, str]
    """Column name -> unit, range and meaning."""

    def __init__(self, *, threads: int, weights: str | None = None) -> None: ...

    def score(self, vectors: NDArray[np.float32]) -> dict[str, float]:
        """Measure one clip on its vectors [stills, D]. Returns a value for every name in `measures`.

        Raises `MediaError` if there is no still, `ConfigError` if D is another embedder's.
        """


ClipScorer = ImageScorer | VectorScorer


class Labeller(Protocol):
    """Names what stands on each still, from the stored vectors."""

    name: str
    version: int
    model: str
    needs: Needs
    embedder: str
    """Registry name of the only embedder whose vectors mean anything to this labeller."""

    def __init__(self, *, threads: int, weights: str | None = None) -> None: ...

    def label(self, vectors: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
        """Label stills by their vectors [N, D]: for each its three likeliest (name, probability), likeliest first.

        Raises `ConfigError` if D is another embedder's.
        """


def check_packaged(weights: str | None, name: str) -> None:
    """Raise `ConfigError` if weights were given to something whose only weights come with its package."""
    if weights is not None:
        raise ConfigError(f"{name} has packaged weights only, but weights={weights!r} were given; leave them out")


def check_width(vectors: NDArray[np.float32], width: int, head: str, embedder: str) -> None:
    """Raise `ConfigError` unless `vectors` are [N, width], so that no head reads another embedder's vectors."""
    if vectors.ndim != 2 or vectors.shape[1] != width:
        raise ConfigError(
            f"{head} reads vectors [stills, {width}] of the embedder {embedder}, but got the shape"
            f" {list(vectors.shape)}; choose that embedder, or a head that is made for yours"
        )


def check_stills(count: int, scorer: str) -> None:
    """Raise `MediaError` if a clip has no stills: a mean over nothing would be a number that nobody measured."""
    if count == 0:
        raise MediaError(f"{scorer} needs at least one still of a clip, but got none")


def unit_length(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale each row of [N, D] to length 1 (Euclidean). A row of zeros stays zeros instead of becoming NaN."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, np.finfo(np.float32).tiny), dtype=np.float32)
