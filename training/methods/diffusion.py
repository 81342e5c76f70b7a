"""The training objective on packs, for every kind of model: noise of its own for each sample, spread timesteps.

A pack of pixels is encoded here and a pack of latents is not: the batch's type tells them apart. Every step draws anew
from the VAE's posterior. Noise, target and loss are float32 whatever the precision of the matrix products. A model that
gives twice the channels learns the variance too, by the variational bound (`training.diffusion.bound`); held-out losses
are those of the prediction alone, which other models and the linear predictor have as well.

    just train demo
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from training.data.batch import Batch, PixelBatch, PixelSample, Sample, samples_of
from training.diffusion.bound import variational_bound
from training.diffusion.places import Place, draw_normal
from training.diffusion.schedule import prediction_loss
from training.diffusion.timesteps import explicit_uniform
from training.encoders.base import TextEncoder, VideoCodec
from training.families.base import Family
from training.methods.base import Losses
from training.models.repeat import repeat_first_frame
from training.models.segment import Segment


class DiffusionMethod:
    """One model in training, with the encoders that stand before it. See `training.methods.base.Method`."""

    def __init__(
        self, model: nn.Module, family: Family, codec: VideoCodec, text: TextEncoder, precision: str = "float32"
    ) -> None:
        self.model, self.family = model, family
        self._codec, self._text = codec, text
        self._precision = precision
        self._states: dict[str, Tensor] = {}

    def blocks(self) -> Sequence[nn.Module]:
        """The model's repeated parts."""
        return self.family.blocks(self.model)

    def losses(self, batch: Batch, places: Sequence[Place]) -> Losses:
        """Losses of a pack at the step's timesteps, the bound of a learned variance included."""
        timesteps = [int(explicit_uniform(one.seed, one.step, one.count)[one.position]) for one in places]
        clean, noise, segments, predictions = self._predict(batch, places, timesteps)
        values = []
        for one, drawn, segment, found in zip(clean, noise, segments, predictions, strict=True):
            predicted, *share = torch.split(found, one.shape[1], dim=1)
            value = prediction_loss(predicted, self.family.schedule.target(one, drawn, segment.timestep))
            if share:
                value = value + variational_bound(
                    self.family.schedule, one, segment.latents, predicted.detach(), share[0], segment.timestep
                )
            values.append(value)
        return Losses(torch.stack(values), tuple(timesteps))

    def losses_at(self, batch: Batch, places: Sequence[Place], timesteps: Sequence[int]) -> Losses:
        """Errors of the prediction at given timesteps."""
        clean, noise, _, predictions = self._predict(batch, places, timesteps)
        values = [
            prediction_loss(found[:, : one.shape[1]], self.family.schedule.target(one, drawn, timestep))
            for one, drawn, found, timestep in zip(clean, noise, predictions, timesteps, strict=True)
        ]
        return Losses(torch.stack(values), tuple(timesteps))

    def _predict(
        self, batch: Batch, places: Sequence[Place], timesteps: Sequence[int]
    ) -> tuple[list[Tensor], list[Tensor], list[Segment], list[Tensor]]:
        """Clean latents, noise, what the model is given, and what it says, for each sample."""
        clean, texts = self.encode(batch, places)
        noise = [
            draw_normal("noise", place, one.shape).to(one.device) for one, place in zip(clean, places, strict=True)
        ]
        segments = [
            Segment(self.family.schedule.add_noise(one, drawn, timestep), text, timestep, sample.shape.fps)
            for one, drawn, text, timestep, sample in zip(
                clean, noise, texts, timesteps, samples_of(batch), strict=True
            )
        ]
        with self._cast():
            predictions: list[Tensor] = self.model(segments)
        return clean, noise, segments, predictions

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
        return repeat_first_frame(drawn.to(self._device), self.family.sizes.patch_frames)

    def _encode_captions(self, captions: Sequence[str]) -> list[Tensor]:
        """States of each caption; those of the empty caption, which comes often, are kept."""
        if "" not in self._states:
            self._states[""] = self._text.encode([""])[0].to(self._device)
        spoken = [caption for caption in captions if caption]
        states = iter(self._text.encode(spoken).to(self._device)) if spoken else iter(())
        return [next(states) if caption else self._states[""] for caption in captions]

    def idle(self) -> Tensor:
        """A loss of 0 from the smallest possible clip, which touches every weight."""
        with self._cast():
            (found,) = self.model([self.family.smallest(self._device)])
        nothing: Tensor = 0.0 * found.float().sum()
        return nothing

    def flops(self, lengths: Sequence[int]) -> float:
        """Operations of a forward and backward pass."""
        return self.family.flops(lengths)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _cast(self) -> AbstractContextManager[object]:
        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16)
