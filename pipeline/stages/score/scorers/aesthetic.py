"""How pleasing a clip looks, 1 to 10, from the vectors of its stills: our ridge head, or LAION's published heads.

`RidgeAesthetic` reads EfficientNet-lite0 vectors with a head that `just teach` can fit from ratings; it is there so
that the embedded profile has such a score at all. `LaionAesthetic` reads CLIP vectors and is the usual one
(LAION-AI/aesthetic-predictor: linear heads; christophschuhmann/improved-aesthetic-predictor: the MLP).
Both give the mean over the stills, and the minimum for those who reject a clip for its worst moment.

    python -m pytest tests/pipeline/stages/score/scorers/test_aesthetic.py
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.base import Needs, check_stills, check_width, unit_length
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from pipeline.stages.score.scorers.open_clip import OpenClipVitB32, OpenClipVitL14
from pipeline.stages.weights import revision
from schemas.errors import ConfigError, StageError

if TYPE_CHECKING:
    import torch

RIDGE_HEAD = Path(__file__).parent / "heads" / "aesthetic_efficientnet_lite0.safetensors"
LOWEST, HIGHEST = 1.0, 10.0
MEASURES = {
    "aesthetic": "mean aesthetic rating of the stills, 1 (worst) to 10 (best)",
    "aesthetic_min": "aesthetic rating of the worst still, 1 (worst) to 10 (best)",
}
PUBLISHED_HEADS = "sac+logos+ava1-l14-linearMSE.pth, sa_0_4_vit_l_14_linear.pth or sa_0_4_vit_b_32_linear.pth"
# The published MLP: dropout after the first three Linear layers, and no nonlinearity at all.
MLP_WIDTHS = (768, 1024, 128, 64, 16, 1)
MLP_DROPOUTS = (0.2, 0.2, 0.1)


def _measures(ratings: NDArray[np.float32]) -> dict[str, float]:
    # A linear head can leave the scale far away from what it was fitted on; such values would only mislead.
    clipped = np.clip(ratings, LOWEST, HIGHEST)
    return {"aesthetic": float(clipped.mean()), "aesthetic_min": float(clipped.min())}


class RidgeAesthetic:
    """Ridge regression on EfficientNet-lite0 vectors of length 1. An estimate of another model's ratings, not a judge.

    Its ratings are spread over little more than 3 to 6; what it was fitted on, and how well it does on files that it
    did not see, stands in `provenance`. `weights` is the path of another fitted head. Raises `StageError` if the head
    is missing or another embedder's.
    """

    name = "aesthetic_ridge"
    version = 1
    needs = Needs(weights="head_weights", carried=RIDGE_HEAD)
    reads: Literal["vectors"] = "vectors"
    embedder = EfficientNetLite0.name
    measures: Mapping[str, str] = MEASURES

    def __init__(self, *, threads: int, weights: str | None = None) -> None:
        from safetensors import safe_open

        head = Path(weights) if weights else RIDGE_HEAD
        self.model = revision(head)
        with safe_open(head, framework="numpy") as file:
            self.provenance: dict[str, str] = dict(file.metadata() or {})
            self._weights: NDArray[np.float32] = file.get_tensor("weights")
            self._bias: NDArray[np.float32] = file.get_tensor("bias")
        if self.provenance.get("embedder") != EfficientNetLite0.model:
            raise StageError(
                f"aesthetic head {head.name} was fitted on {self.provenance.get('embedder')!r}, but vectors come from"
                f" {EfficientNetLite0.model!r}; fit it again: just teach <ratings.csv> <name>"
            )

    def score(self, vectors: NDArray[np.float32]) -> dict[str, float]:
        """Rate one clip by its vectors [stills, 1280].

        Raises `MediaError` if there is no still, `ConfigError` if the vectors are another embedder's.
        """
        check_stills(len(vectors), self.name)
        check_width(vectors, len(self._weights), f"scorer {self.name}", self.embedder)
        return _measures(unit_length(vectors) @ self._weights + self._bias)


def published_mlp() -> "torch.nn.Sequential":
    """Return the layers of LAION's MLP head with random weights: 768 -> 1024 -> 128 -> 64 -> 16 -> 1.

    The order is the published one, so that the numbers in the file's `layers.<n>.weight` fit.
    """
    from torch import nn

    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(pairwise(MLP_WIDTHS)):
        layers.append(nn.Linear(inputs, outputs))
        layers.extend(nn.Dropout(share) for share in MLP_DROPOUTS[index : index + 1])
    return nn.Sequential(*layers)


class LaionAesthetic:
    """One of LAION's published heads on CLIP vectors of length 1: the MLP (ViT-L/14) or a linear one (L/14, B/32).

    `weights` is the path of the downloaded .pth; which of them it is, and whose vectors it reads, is told by what it
    holds. Raises `ConfigError` if no path is given, `StageError` if the file is none of the heads.
    """

    name = "aesthetic_laion"
    version = 1
    needs = Needs(packages=("torch",), weights="head_weights")
    reads: Literal["vectors"] = "vectors"
    embedder = OpenClipVitL14.name
    measures: Mapping[str, str] = MEASURES

    def __init__(self, *, threads: int, weights: str | None = None) -> None:
        import torch

        if weights is None:
            raise ConfigError(
                f"scorer {self.name} needs weights, and score.head_weights is empty: download one of LAION's heads "
                f"({PUBLISHED_HEADS}; docs/gpu.md says where) and set score.head_weights to its path"
            )
        torch.set_num_threads(threads)
        head = Path(weights)
        self.model = revision(head)
        # The linear heads were saved from a GPU; map_location brings them to machines without one.
        state: dict[str, torch.Tensor] = torch.load(head, map_location="cpu", weights_only=True)
        self._network = self._build(state, head)
        self._width = int(next(iter(state.values())).shape[-1])
        if self._width == OpenClipVitB32.dimension:
            self.embedder = OpenClipVitB32.name

    @staticmethod
    def _build(state: "dict[str, torch.Tensor]", head: Path) -> "torch.nn.Module":
        from torch import nn

        linear = set(state) == {"weight", "bias"}
        network: nn.Module = nn.Linear(state["weight"].shape[-1], 1) if linear else published_mlp()
        try:
            network.load_state_dict({key.removeprefix("layers."): value for key, value in state.items()})
        except RuntimeError as error:
            raise StageError(
                f"{head.name} is none of LAION's aesthetic heads ({error}); use one of {PUBLISHED_HEADS}"
            ) from error
        return network.eval()

    def score(self, vectors: NDArray[np.float32]) -> dict[str, float]:
        """Rate one clip by its vectors [stills, 768], or [stills, 512] with the ViT-B/32 head.

        Raises `MediaError` if there is no still, `ConfigError` if the vectors are another embedder's.
        """
        import torch

        check_stills(len(vectors), self.name)
        check_width(vectors, self._width, f"scorer {self.name}", self.embedder)
        with torch.inference_mode():
            ratings: NDArray[np.float32] = self._network(torch.from_numpy(unit_length(vectors)))[:, 0].numpy()
        return _measures(ratings)
