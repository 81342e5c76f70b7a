"""Group norm over all frames of a clip, as in the residual blocks of the published Tune-A-Video.

It normalises a frame's features by the clip's statistics, so frames are slightly more consistent, but the first frame
no longer comes out as from the image model. The default is the image model's own norm, per frame.

    norm = ClipGroupNorm(resnet.norm1, length)
"""

from torch import Tensor, nn

from training.models.tune_a_video.attention import ClipLength, by_clip


class ClipGroupNorm(nn.GroupNorm):
    """`nn.GroupNorm` with another's weights, and with mean and standard deviation over all frames of a clip."""

    def __init__(self, image: nn.GroupNorm, length: ClipLength) -> None:
        super().__init__(image.num_groups, image.num_channels, image.eps, image.affine)
        self.weight, self.bias = image.weight, image.bias
        self._length = length

    def forward(self, input: Tensor) -> Tensor:
        """Normalise features [B * T, C, H, W]; returns the same shape."""
        clips = by_clip(input, self._length.frames).transpose(1, 2)
        return super().forward(clips).transpose(1, 2).flatten(0, 1)
