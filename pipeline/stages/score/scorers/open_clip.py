"""The gpu profile's eye: the image towers of CLIP through open_clip, with a published tag or a local checkpoint.

LAION's aesthetic heads were fitted on OpenAI's CLIP, so that is the default, with the QuickGELU that it was trained
with. Runs on a GPU if the process sees one, else on the CPU.

    python -m pytest tests/pipeline/stages/score/scorers/test_open_clip.py
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.base import Needs
from pipeline.stages.score.scorers.network import embed_in_batches
from pipeline.stages.weights import revision
from schemas.errors import StageError

if TYPE_CHECKING:
    import torch

PUBLISHED = "openai"
UNTRAINED = "untrained"


class OpenClipVitL14:
    """CLIP ViT-L/14: 768 numbers per picture, any sign, not normalised.

    `weights` is a tag that open_clip knows (the default is `openai`; fetched once, then cached), the path of a
    checkpoint, or `untrained` for random weights (a dry run without a download; the vectors mean nothing). Raises
    `StageError` if the weights cannot be loaded.
    """

    name = "open_clip_vit_l14"
    architecture = "ViT-L-14-quickgelu"
    dimension = 768
    needs = Needs(packages=("open_clip_torch",), gpus=1, weights="embedder_weights")

    def __init__(self, *, threads: int, weights: str | None = None) -> None:
        import open_clip
        import torch

        torch.set_num_threads(threads)
        weights = weights or PUBLISHED
        try:
            clip, _, self._transform = open_clip.create_model_and_transforms(
                self.architecture, pretrained=None if weights == UNTRAINED else weights, weights_only=True
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise StageError(
                f"embedder {self.name} cannot load the weights {weights!r}: {error}. Give a tag that"
                f" `open_clip.list_pretrained()` names, or the path of a checkpoint of {self.architecture}"
            ) from error
        # Only the image tower: the text tower would hold a third of the memory for nothing.
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._tower = clip.visual.eval().to(self._device)
        origin = revision(Path(weights)) if Path(weights).is_file() else weights
        self.model = f"open_clip_torch=={open_clip.__version__} {self.architecture} {origin}"

    def embed(self, images: Sequence[bytes]) -> NDArray[np.float32]:
        """Embed N encoded pictures. Returns [N, dimension]. Raises `MediaError` if bytes are no picture."""
        return embed_in_batches(images, self._prepare, self._features, self.dimension)

    def _prepare(self, pixels: NDArray[np.uint8]) -> "torch.Tensor":
        from PIL import Image

        tensor: torch.Tensor = self._transform(Image.fromarray(pixels))
        return tensor

    def _features(self, images: "torch.Tensor") -> "torch.Tensor":
        features: torch.Tensor = self._tower(images.to(self._device))
        return features


class OpenClipVitB32(OpenClipVitL14):
    """CLIP ViT-B/32: 512 numbers per picture; about 20 times cheaper than ViT-L/14, and LAION has a head for it too."""

    name = "open_clip_vit_b32"
    architecture = "ViT-B-32-quickgelu"
    dimension = 512
