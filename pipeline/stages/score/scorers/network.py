"""Run an image network over encoded pictures in batches that fit in memory, whatever the caller's batch is.

python -m pytest tests/pipeline/stages/score/scorers/test_efficientnet.py
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.picture import decode

if TYPE_CHECKING:
    import torch

# 16 pictures of 224x224 keep both cores of a laptop busy and take about 10 MB of input.
BATCH = 16


def embed_in_batches(
    images: Sequence[bytes],
    prepare: Callable[[NDArray[np.uint8]], "torch.Tensor"],
    network: Callable[["torch.Tensor"], "torch.Tensor"],
    dimension: int,
) -> NDArray[np.float32]:
    """Return [N, dimension]: `network` over the pictures, each turned from RGB [H, W, 3] into [3, S, S] by `prepare`.

    `network` maps [B, 3, S, S] to [B, dimension]. Raises `MediaError` if bytes are no picture.
    """
    import torch

    vectors = np.zeros((len(images), dimension), np.float32)
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            batch = torch.stack([prepare(decode(image)) for image in images[start : start + BATCH]])
            vectors[start : start + BATCH] = network(batch).float().cpu().numpy()
    return vectors
