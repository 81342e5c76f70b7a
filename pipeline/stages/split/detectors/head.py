"""The head: small networks that classify the frames of a video from TransNetV2's outputs and the cheap signals.

TransNetV2 recognises cuts, but its response to long dissolves is weak, does not say which frames are mixed, and is also
triggered by camera moves, flashes and titles. So the head gets more than its probabilities: the similarity of each
frame to its neighbours (by the network's learned features and by colour), and the change that motion does not explain.
Dilated convolutions over time (as in WaveNet, 1609.03499, section 2.1), with a receptive field of two seconds on each
side at 60 frames per second, predict which frames begin a shot and which show two. A few such networks, trained alike
from different initialisations, form an ensemble: their mean is more accurate than each of them.

One more member, `drawn`, was trained on synthetic videos only, without similarity or motion features. It is the best at
locating the frames of a dissolve, fade or wipe, but mistakes some camera moves for transitions. Its logits are inputs
of the other members, and `fused` decides when its own prediction counts.

    probabilities = decide(load_head(), make_features(network.finish(), signals.finish(), motion.finish()))
    python -m pipeline.benchmarks.shots.fit --help          # how the weights were trained
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.stages.split.detectors.files import HEAD_FILE
from pipeline.stages.split.detectors.motion import NAMES as MOTION_NAMES
from pipeline.stages.split.detectors.signals import NAMES
from pipeline.stages.split.detectors.transnet import Probabilities
from pipeline.stages.split.detectors.transnet_stream import OFFSETS

DRAWN_FEATURES = 2 + len(NAMES)
FEATURES = DRAWN_FEATURES + 2 * len(OFFSETS) + len(MOTION_NAMES)
MEMBER_FEATURES = FEATURES + 2  # the features and the logits of the member for synthetic transitions
MEMBERS = 3
_WIDTH, _KERNEL, _DILATIONS = 32, 5, (1, 2, 4, 8, 16, 32)
_REACH = 2 * (
    _KERNEL // 2 * sum(_DILATIONS)
)  # receptive field in frames to each side: a member's and that of its inputs
_PIECE = 4096  # frames per forward pass
_DROPPED = 0.1  # dropout of the input features in training
# Logits of the member `drawn` are scaled like TransNetV2's and clamped: it is overconfident.
_SCALE, _BOUND = 3.0, 4.0


class Member(nn.Module):
    """Features [B, features, T] to logits [B, 2, T]: the frame begins a shot; the frame mixes two."""

    def __init__(self, features: int = MEMBER_FEATURES) -> None:
        super().__init__()
        self.hide = nn.Dropout(_DROPPED)
        self.enter = nn.Conv1d(features, _WIDTH, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(_WIDTH, _WIDTH, _KERNEL, padding=_KERNEL // 2 * dilation, dilation=dilation)
            for dilation in _DILATIONS
        )
        self.leave = nn.Conv1d(_WIDTH, 2, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits [B, 2, T] of features [B, features, T]."""
        hidden = torch.relu(self.enter(self.hide(features)))
        for layer in self.layers:
            hidden = hidden + torch.relu(layer(hidden))
        logits: Tensor = self.leave(hidden)
        return logits


class ShotHead(nn.Module):
    """The ensemble `members` and the member for synthetic transitions, `drawn`."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(Member() for _ in range(MEMBERS))
        self.drawn = Member(DRAWN_FEATURES)

    def member_features(self, features: Tensor) -> Tensor:
        """The members' inputs [B, MEMBER_FEATURES, T] from features [B, FEATURES, T]."""
        with torch.no_grad():
            logits = self.drawn(features[:, :DRAWN_FEATURES])
        return torch.cat([features, (logits / _SCALE).clamp(-_BOUND, _BOUND)], 1)

    def forward(self, features: Tensor) -> Tensor:
        """Features [B, FEATURES, T] to probabilities [B, 3, T]: begins a shot, mixes two, mixes two by `drawn`."""
        inputs = self.member_features(features)
        decided = torch.stack([member(inputs).sigmoid() for member in self.members]).mean(0)
        return torch.cat([decided, (inputs[:, -1:] * _SCALE).sigmoid()], 1)


def load_head() -> ShotHead:
    """The packaged head."""
    from safetensors.torch import load_file

    head = ShotHead()
    head.load_state_dict(load_file(HEAD_FILE))
    return head.eval()


def load_drawn() -> dict[str, Tensor]:
    """The state dict of the packaged head's member for synthetic transitions."""
    from safetensors.torch import load_file

    weights = load_file(HEAD_FILE)
    return {name.removeprefix("drawn."): tensor for name, tensor in weights.items() if name.startswith("drawn.")}


def make_features(
    known: Probabilities, signals: NDArray[np.float32], motion: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Features [T, FEATURES]: TransNetV2's logits, signals [T, 39], similarities, and motion [T, 12]; float32."""
    bounded = np.clip(known.answers, 1e-4, 1 - 1e-4)
    logits = np.log(bounded / (1 - bounded)) / _SCALE
    return np.asarray(np.concatenate([logits, signals, known.likeness, motion], axis=1), np.float32)


@torch.inference_mode()
def decide(head: ShotHead, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities [T, 3] of features [T, FEATURES]: begins a shot, mixes two, mixes two according to `drawn`."""
    probabilities = []
    for start in range(0, len(features), _PIECE):
        low, high = max(0, start - _REACH), min(len(features), start + _PIECE + _REACH)
        decided = head(torch.from_numpy(features[low:high].T[None]))[0].T
        probabilities.append(decided[start - low : start - low + _PIECE].numpy())
    return np.concatenate([np.zeros((0, 3), np.float32), *probabilities])
