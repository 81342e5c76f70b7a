"""CogVideoX's training objective on packs: v-prediction, explicit uniform timesteps, noise that belongs to its sample.

A pack of pixels is encoded here and a pack of latents is not: the batch's type tells them apart. Every step draws anew
from the VAE's posterior. Noise, target and loss are float32 whatever the precision of the matrix products.

    just train demo
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from training.batch import Batch, PixelBatch, PixelSample, Sample, samples_of
from training.diffusion.schedule import Schedule, prediction_loss
from training.diffusion.timesteps import explicit_uniform
from training.encoders.base import TextEncoder, VideoCodec
from training.methods.base import Losses
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.flops import training_flops
from training.models.cogvideox.layers import Block
from training.models.cogvideox.patchify import repeat_first_frame
from training.models.segment import Segment
from training.places import Place, draw_normal


class CogVideoXMethod:
    """One CogVideoX transformer in training, with the encoders that stand before it."""

    def __init__(
        self,
        model: nn.Module,
        config: CogVideoXConfig,
        schedule: Schedule,
        codec: VideoCodec,
        text: TextEncoder,
        precision: str = "float32",
    ) -> None:
        self.model, self.config, self.schedule = model, config, schedule
        self._codec, self._text = codec, text
        self._precision = precision
        self._states: dict[str, Tensor] = {}

    def blocks(self) -> Sequence[nn.Module]:
        """The transformer's blocks."""
        return [part for part in self.model.modules() if isinstance(part, Block)]

    def losses(self, batch: Batch, places: Sequence[Place]) -> Losses:
        """Losses of a pack at the step's timesteps."""
        timesteps = [int(explicit_uniform(one.seed, one.step, one.count)[one.position]) for one in places]
        return self.losses_at(batch, places, timesteps)

    def losses_at(self, batch: Batch, places: Sequence[Place], timesteps: Sequence[int]) -> Losses:
        """Losses of a pack at given timesteps."""
        segments, targets = [], []
        for clean, text, place, timestep in zip(*self.encode(batch, places), places, timesteps, strict=True):
            noise = draw_normal("noise", place, clean.shape).to(clean.device)
            segments.append(Segment(self.schedule.add_noise(clean, noise, timestep), text, timestep))
            targets.append(self.schedule.target(clean, noise, timestep))
        with self._cast():
            predictions = self.model(segments)
        values = [prediction_loss(found, wanted) for found, wanted in zip(predictions, targets, strict=True)]
        return Losses(torch.stack(values), tuple(timesteps))

    def encode(self, batch: Batch, places: Sequence[Place]) -> tuple[list[Tensor], list[Tensor]]:
        """Clean latents [F, C, H, W] (the first frame repeated until q divides) and text states of a pack's samples."""
        if isinstance(batch, PixelBatch):
            texts = self._encode_captions([sample.caption for sample in batch.samples])
        else:
            texts = [sample.text.to(self._device) for sample in batch.samples]
        latents = [self._latents(sample, place) for sample, place in zip(samples_of(batch), places, strict=True)]
        return latents, texts

    def _latents(self, sample: Sample, place: Place) -> Tensor:
        if isinstance(sample, PixelSample):
            mean, deviation = self._codec.encode(sample.pixels)
        else:
            mean, deviation = sample.mean, sample.deviation
        drawn = mean + deviation * draw_normal("posterior", place, mean.shape).to(mean.device)
        return repeat_first_frame(drawn.to(self._device), self.config.patch_frames)

    def _encode_captions(self, captions: Sequence[str]) -> list[Tensor]:
        """States of each caption; those of the empty caption, which comes often, are kept."""
        if "" not in self._states:
            self._states[""] = self._text.encode([""])[0].to(self._device)
        spoken = [caption for caption in captions if caption]
        states = iter(self._text.encode(spoken).to(self._device)) if spoken else iter(())
        return [next(states) if caption else self._states[""] for caption in captions]

    def idle(self) -> Tensor:
        """A loss of 0 from one patch."""
        config = self.config
        latents = torch.zeros(config.patch_frames, config.in_channels, config.patch, config.patch, device=self._device)
        text = torch.zeros(1, config.text_width, device=self._device)
        with self._cast():
            (found,) = self.model([Segment(latents, text, 0)])
        nothing: Tensor = 0.0 * found.float().sum()
        return nothing

    def flops(self, lengths: Sequence[int]) -> float:
        """Operations of a forward and backward pass."""
        return training_flops(self.config, lengths)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _cast(self) -> AbstractContextManager[object]:
        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16)
