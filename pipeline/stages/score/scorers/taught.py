"""Heads that people teach: a weight per number of the embedder's vector, stored with what they were made of.

`just teach` writes the file; `score.heads` names it, and a column of the head's name is filled from the stored vectors.

    just curate <bucket> --set 'score.heads=["heads/lecture.safetensors"]' --set 'select.rules=["lecture < 0.5"]'
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.base import Needs, check_stills, check_width, unit_length
from pipeline.stages.weights import revision
from schemas.errors import ConfigError

# What the file must say of itself before it is used; `pipeline.readers.teaching` writes more, for people.
NEEDED = ("name", "kind", "embedder", "embedder_name", "lowest", "highest")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A linear head on vectors of length 1: probability of a class (logistic) or a rating, from lowest to highest."""

    kind: Literal["class", "rating"]
    weights: NDArray[np.float32]
    bias: float
    lowest: float = 0.0
    highest: float = 1.0

    def apply(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Values [N] of vectors [N, D] of any length."""
        sums = np.asarray(unit_length(vectors) @ self.weights, np.float64) + self.bias
        # A linear head can leave the scale far away from what it was fitted on; such values would only mislead.
        return 1 / (1 + np.exp(-sums)) if self.kind == "class" else np.clip(sums, self.lowest, self.highest)

    def save(self, path: Path, facts: Mapping[str, str]) -> None:
        """Write the head and its provenance (safetensors: `weights` [D], `bias` [1])."""
        from safetensors.numpy import save_file

        scale = {"kind": self.kind, "lowest": repr(self.lowest), "highest": repr(self.highest)}
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file({"weights": self.weights, "bias": np.array([self.bias], np.float32)}, path, {**facts, **scale})


def load_head(path: Path) -> tuple[Head, dict[str, str]]:
    """Read a head and its provenance. Raises `ConfigError` if the file is none that `just teach` wrote."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts: dict[str, str] = dict(file.metadata() or {})
            names = set(file.keys())
            missing = [name for name in NEEDED if name not in facts] + sorted({"weights", "bias"} - names)
            if missing:
                raise ConfigError(
                    f"head {path} lacks {', '.join(missing)}; make it with just teach <labels.csv> <name>"
                )
            weights, bias = file.get_tensor("weights"), file.get_tensor("bias")
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"head {path}: {error}; make it with just teach <labels.csv> <name>") from None
    head = Head(
        kind="class" if facts["kind"] == "class" else "rating",
        weights=np.asarray(weights, np.float32),
        bias=float(bias[0]),
        lowest=float(facts["lowest"]),
        highest=float(facts["highest"]),
    )
    return head, facts


class TaughtHead:
    """A head from a file, as a scorer: the mean of its values over a clip's stills, in a column of the head's name.

    Raises `ConfigError` if the file is no taught head, or was renamed: the column is known by the file's name, so that
    a dataset can be read where the file is not.
    """

    version = 1
    needs = Needs(weights="heads")
    reads: Literal["vectors"] = "vectors"

    def __init__(self, *, threads: int, weights: str | None = None) -> None:
        if weights is None:
            raise ConfigError("a taught head needs weights: the path of a file that just teach wrote")
        path = Path(weights)
        self._head, self.provenance = load_head(path)
        self.name = self.provenance["name"]
        if self.name != path.stem:
            raise ConfigError(f"head {path} is named {self.name!r}; call its file {self.name}{path.suffix}")
        self.embedder = self.provenance["embedder_name"]
        self.model = revision(path)
        meaning = self.provenance.get("definition") or "taught from labels"
        scale = (
            "probability, 0 to 1" if self._head.kind == "class" else f"{self._head.lowest:g} to {self._head.highest:g}"
        )
        self.measures: Mapping[str, str] = {self.name: f"mean over the stills, {scale}: {meaning}"}

    def score(self, vectors: NDArray[np.float32]) -> dict[str, float]:
        """Measure one clip by its vectors [stills, D].

        Raises `MediaError` if there is no still, `ConfigError` if the vectors are another embedder's.
        """
        check_stills(len(vectors), self.name)
        check_width(vectors, len(self._head.weights), f"head {self.name}", self.embedder)
        return {self.name: float(self._head.apply(vectors).mean())}
