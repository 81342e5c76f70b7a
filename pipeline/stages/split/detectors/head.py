"""The small networks that decide: what TransNetV2 and the cheap signals know of a whole film in, boundaries' marks out.

TransNetV2 knows what a cut looks like, but its answers to long dissolves are weak, do not say which frames are mixed,
and count camera moves, flashes and titles. So the head reads more of it than its answers: how like each frame is to its
neighbours, by what the network learned and by colours, and what motion does not explain. Dilated convolutions over time
(as in WaveNet, 1609.03499, section 2.1) see two seconds to each side at 60 frames per second and say which frames begin
a shot and which show two. A few such networks that were fitted alike from different starts decide together: their mean
errs less than each.

One more member knows drawn transitions only: it was fitted on made films alone, and sees neither likeness nor motion.
It tells a dissolve's, a fade's or a wipe's frames best, and takes camera moves for some. The others hear what it says
of each frame, and `fused` says when it decides.

    python -m pipeline.benchmarks.shots.fit --help          # how the weights were made
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
HEARD = FEATURES + 2  # the features, and what the member for drawn transitions says
MEMBERS = 3
_WIDTH, _KERNEL, _DILATIONS = 32, 5, (1, 2, 4, 8, 16, 32)
_REACH = 2 * (_KERNEL // 2 * sum(_DILATIONS))  # frames to each side: a member's, and of what it hears
_PIECE = 4096  # frames at a time
_DROPPED = 0.1  # share of the features that training hides
# The output of the member for drawn transitions is scaled like TransNetV2's logits and bounded: it is overconfident.
_SCALE, _BOUND = 3.0, 4.0


class Member(nn.Module):
    """[batch, features, frames] to logits [batch, 2, frames]: this frame begins a shot; this frame shows two."""

    def __init__(self, features: int = HEARD) -> None:
        super().__init__()
        self.hide = nn.Dropout(_DROPPED)
        self.enter = nn.Conv1d(features, _WIDTH, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(_WIDTH, _WIDTH, _KERNEL, padding=_KERNEL // 2 * dilation, dilation=dilation)
            for dilation in _DILATIONS
        )
        self.leave = nn.Conv1d(_WIDTH, 2, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Logits of every frame."""
        hidden = torch.relu(self.enter(self.hide(features)))
        for layer in self.layers:
            hidden = hidden + torch.relu(layer(hidden))
        found: Tensor = self.leave(hidden)
        return found


class ShotHead(nn.Module):
    """The members and the one for drawn transitions."""

    def __init__(self) -> None:
        super().__init__()
        self.members = nn.ModuleList(Member() for _ in range(MEMBERS))
        self.drawn = Member(DRAWN_FEATURES)

    def hear(self, features: Tensor) -> Tensor:
        """What the members see, [batch, HEARD, frames], of [batch, FEATURES, frames]."""
        with torch.no_grad():
            said = self.drawn(features[:, :DRAWN_FEATURES])
        return torch.cat([features, (said / _SCALE).clamp(-_BOUND, _BOUND)], 1)

    def forward(self, features: Tensor) -> Tensor:
        """Probabilities [batch, 3, frames]: begins a shot, shows two, and shows two by the member for drawn ones."""
        heard = self.hear(features)
        decided = torch.stack([member(heard).sigmoid() for member in self.members]).mean(0)
        return torch.cat([decided, (heard[:, -1:] * _SCALE).sigmoid()], 1)


def load_head() -> ShotHead:
    """The packaged head."""
    from safetensors.torch import load_file

    head = ShotHead()
    head.load_state_dict(load_file(HEAD_FILE))
    return head.eval()


def load_drawn() -> dict[str, Tensor]:
    """The weights of the packaged head's member for drawn transitions."""
    from safetensors.torch import load_file

    weights = load_file(HEAD_FILE)
    return {name.removeprefix("drawn."): one for name, one in weights.items() if name.startswith("drawn.")}


def make_features(
    known: Probabilities, signals: NDArray[np.float32], motion: NDArray[np.float32]
) -> NDArray[np.float32]:
    """TransNetV2's probabilities as logits, the signals [frames, 39], the likeness, and the motion [frames, 12]."""
    bounded = np.clip(known.answers, 1e-4, 1 - 1e-4)
    logits = np.log(bounded / (1 - bounded)) / _SCALE
    return np.asarray(np.concatenate([logits, signals, known.likeness, motion], axis=1), np.float32)


@torch.inference_mode()
def decide(head: ShotHead, features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities [frames, 3] that a frame begins a shot, that it shows two, and that it does by the drawn member."""
    found = []
    for start in range(0, len(features), _PIECE):
        low, high = max(0, start - _REACH), min(len(features), start + _PIECE + _REACH)
        decided = head(torch.from_numpy(features[low:high].T[None]))[0].T
        found.append(decided[start - low : start - low + _PIECE].numpy())
    return np.concatenate([np.zeros((0, 3), np.float32), *found])
