"""Group norm over all frames of a clip, as the published Tune-A-Video has it in its residual blocks.

There a frame's brightness and contrast are taken relative to the clip's, so frames hold together a little more, and
the first frame is no longer what the image model sees. Per frame, the image model's own, is the default.

    python -m pytest tests/training/models/tune_a_video
"""

from torch import Tensor, nn

from training.models.tune_a_video.attention import ClipLength, by_clip


class ClipGroupNorm(nn.GroupNorm):
    """`nn.GroupNorm` with the weights of another, whose means and deviations are those of all frames."""

    def __init__(self, image: nn.GroupNorm, length: ClipLength) -> None:
        super().__init__(image.num_groups, image.num_channels, image.eps, image.affine)
        self.weight, self.bias = image.weight, image.bias
        self._length = length

    def forward(self, input: Tensor) -> Tensor:
        """Features [clips * frames, channels, height, width], normed."""
        clips = by_clip(input, self._length.frames).transpose(1, 2)
        return super().forward(clips).transpose(1, 2).flatten(0, 1)
