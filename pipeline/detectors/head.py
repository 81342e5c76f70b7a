"""The small network that decides: TransNetV2's answers and the cheap signals of a whole film in, boundaries' marks out.

TransNetV2 knows what a cut looks like, but its answers to long dissolves are weak and do not say which frames are
mixed. Dilated convolutions over time (as in WaveNet, 1609.03499, section 2.1) see two seconds to each side at 60 frames
per second, and 30,000 weights are enough to read from both which frames begin a shot and which show two.

    python -m pipeline.benchmarks.shots.fit --help          # how the weights were made
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.detectors.files import HEAD_FILE
from pipeline.detectors.signals import NAMES

FEATURES = 2 + len(NAMES)
_WIDTH, _KERNEL, _DILATIONS = 32, 5, (1, 2, 4, 8, 16, 32)
_REACH = _KERNEL // 2 * sum(_DILATIONS)
_PIECE = 4096  # frames at a time


class ShotHead(nn.Module):
    """[batch, FEATURES, frames] to logits [batch, 2, frames]: this frame begins a shot; this frame shows two."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Conv1d(FEATURES, _WIDTH, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(_WIDTH, _WIDTH, _KERNEL, padding=_KERNEL // 2 * dilation, dilation=dilation)
            for dilation in _DILATIONS
        )
        self.leave = nn.Conv1d(_WIDTH, 2, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of every frame."""
        hidden = torch.relu(self.enter(features))
        for layer in self.layers:
            hidden = hidden + torch.relu(layer(hidden))
        found: Tensor = self.leave(hidden)
        return found


def load_head() -> ShotHead:
    """The packaged head."""
    from safetensors.torch import load_file

    head = ShotHead()
    head.load_state_dict(load_file(HEAD_FILE))
    return head.eval()


def make_features(answers: NDArray[np.float32], signals: NDArray[np.float32]) -> NDArray[np.float32]:
    """TransNetV2's probabilities [frames, 2] as logits beside the signals [frames, 39]: [frames, FEATURES]."""
    bounded = np.clip(answers, 1e-4, 1 - 1e-4)
    return np.asarray(np.concatenate([np.log(bounded / (1 - bounded)) / 3, signals], axis=1), np.float32)


@torch.inference_mode()
def decide(head: ShotHead, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities [frames, 2] that a frame begins a shot and that it shows two, for a whole film's features."""
    found = []
    for start in range(0, len(features), _PIECE):
        low, high = max(0, start - _REACH), min(len(features), start + _PIECE + _REACH)
        logits = head(torch.from_numpy(features[low:high].T[None]))[0].T
        found.append(logits[start - low : start - low + _PIECE].sigmoid().numpy())
    return np.concatenate([np.zeros((0, 2), np.float32), *found])
