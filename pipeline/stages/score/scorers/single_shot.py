"""A second look at whether a clip is one shot: stills on the two sides of a missed cut have nothing in common.

The stored vectors of the stills, in time order, cost nothing to compare. One low cosine of neighbours is no proof: a
car that fills the picture for a moment gives it too. So a clip is called impure only if there is a place where it falls
into two sides and no still of one is like any of the other.

Measured with EfficientNet-lite0: across 6 known cuts of two videos the sides' best cosine is at most 0.451; between any
two of 34 shots put together (1048 pairs, two stills each) it is at most 0.497, and for 99 % below 0.45. The 34 shots
alone have at least 0.498 (a fast pan), while 5 of them have neighbours below 0.5. A clip that cuts away and comes back
is not found: its `still_agreement` is low, but so is a passing car's.

    just curate <bucket> --set 'select.rules=["impure < 0.5"]'
"""

from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.base import Needs, check_packaged, check_stills, check_width, unit_length
from pipeline.stages.score.scorers.efficientnet import DIMENSION, EfficientNetLite0

LEAST_AGREEMENT = 0.48


class SingleShot:
    """How far a clip's stills agree. Raises `ConfigError` if `weights` are given: it has none."""

    name = "single_shot"
    version = 1
    model = ""
    needs = Needs()
    reads: Literal["vectors"] = "vectors"
    embedder = EfficientNetLite0.name
    measures: Mapping[str, str] = {
        "still_agreement": "smallest cosine of the vectors of neighbouring stills, -1 to 1; 1 for a single still",
        "side_agreement": "largest cosine across the place where the stills fall apart most, -1 to 1; low for a cut",
        "impure": f"1 if side_agreement is below {LEAST_AGREEMENT}, so that there may be more than one shot, else 0",
    }

    def __init__(self, *, threads: int, weights: str | None = None) -> None:
        check_packaged(weights, f"scorer {self.name}")

    def score(self, vectors: NDArray[np.float32]) -> dict[str, float]:
        """Compare the vectors [stills, 1280] of one clip, which are in time order.

        Raises `MediaError` if there is no still, `ConfigError` if the vectors are another embedder's.
        """
        check_stills(len(vectors), self.name)
        check_width(vectors, DIMENSION, f"scorer {self.name}", self.embedder)
        directions = unit_length(vectors)
        cosines = np.clip(directions @ directions.T, -1, 1)
        neighbours = np.diagonal(cosines, offset=1)
        sides = [cosines[:index, index:].max() for index in range(1, len(cosines))]
        agreement = float(min(sides, default=1.0))
        return {
            "still_agreement": float(neighbours.min(initial=1.0)),
            "side_agreement": agreement,
            "impure": float(agreement < LEAST_AGREEMENT),
        }
