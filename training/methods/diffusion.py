"""The diffusion loss on packs, for every model family: noise and timestep per sample.

A pack of pixels is encoded here, a pack of latents is not: the batch's type tells which it is. Every step samples the
VAE's posterior anew. Noise, target and loss are float32 whatever the precision of the matrix products. A model with
twice the output channels learns the variance too, by the variational bound (`training.diffusion.bound`); validation
losses are those of the prediction alone, which are comparable between models and with the linear baseline.

    method = DiffusionMethod(model, family, codec, text_encoder, precision="bfloat16")
    losses = method.losses(batch, keys)      # losses.values [samples]
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from training.data.batch import Batch, PixelBatch, PixelSample, Sample, samples_of
from training.diffusion.bound import variational_bound
from training.diffusion.random_keys import RandomKey, draw_normal
from training.diffusion.schedule import prediction_loss
from training.diffusion.timesteps import explicit_uniform
from training.encoders.base import TextEncoder, VideoCodec
from training.families.base import Family
from training.methods.base import Losses
from training.models.repeat import repeat_first_frame
from training.models.segment import Segment


class DiffusionMethod:
    """A model in training and its encoders. See `training.methods.base.Method`.

    `precision` is that of the matrix products: float32 or bfloat16.
    """

    def __init__(
        self, model: nn.Module, family: Family, codec: VideoCodec, text: TextEncoder, precision: str = "float32"
    ) -> None:
        self.model, self.family = model, family
        self._codec, self._text = codec, text
        self._precision = precision
        self._empty_caption: Tensor | None = None

    def blocks(self) -> Sequence[nn.Module]:
        """See `Method`."""
        return self.family.blocks(self.model)

    def losses(self, batch: Batch, keys: Sequence[RandomKey]) -> Losses:
        """See `Method`; includes the variational bound if the model learns the variance."""
        timesteps = [int(explicit_uniform(key.seed, key.step, key.count)[key.position]) for key in keys]
        clean, noise, segments, predictions = self._predict(batch, keys, timesteps)
        values = []
        for latents, epsilon, segment, output in zip(clean, noise, segments, predictions, strict=True):
            predicted, *share = torch.split(output, latents.shape[1], dim=1)
            value = prediction_loss(predicted, self.family.schedule.target(latents, epsilon, segment.timestep))
            if share:
                value = value + variational_bound(
                    self.family.schedule, latents, segment.latents, predicted.detach(), share[0], segment.timestep
                )
            values.append(value)
        return Losses(torch.stack(values), tuple(timesteps))

    def losses_at(self, batch: Batch, keys: Sequence[RandomKey], timesteps: Sequence[int]) -> Losses:
        """See `Method`; without the variational bound."""
        clean, noise, _, predictions = self._predict(batch, keys, timesteps)
        values = [
            prediction_loss(output[:, : latents.shape[1]], self.family.schedule.target(latents, epsilon, timestep))
            for latents, epsilon, output, timestep in zip(clean, noise, predictions, timesteps, strict=True)
        ]
        return Losses(torch.stack(values), tuple(timesteps))

    def _predict(
        self, batch: Batch, keys: Sequence[RandomKey], timesteps: Sequence[int]
    ) -> tuple[list[Tensor], list[Tensor], list[Segment], list[Tensor]]:
        """Clean latents, noise, the model's inputs and its outputs, one of each per sample."""
        clean, texts = self.encode(batch, keys)
        noise = [
            draw_normal("noise", key, latents.shape).to(latents.device)
            for latents, key in zip(clean, keys, strict=True)
        ]
        segments = [
            Segment(self.family.schedule.add_noise(latents, epsilon, timestep), text, timestep, sample.shape.fps)
            for latents, epsilon, text, timestep, sample in zip(
                clean, noise, texts, timesteps, samples_of(batch), strict=True
            )
        ]
        with self._cast():
            predictions: list[Tensor] = self.model(segments)
        return clean, noise, segments, predictions

    def encode(self, batch: Batch, keys: Sequence[RandomKey]) -> tuple[list[Tensor], list[Tensor]]:
        """Clean latents [T, C, H, W] and text embeddings [L, text_dim] of each sample of a pack.

        The first latent frame is repeated until T divides by the temporal patch size.
        """
        if isinstance(batch, PixelBatch):
            texts = self._encode_captions([sample.caption for sample in batch.samples])
        else:
            texts = [sample.text.to(self._device) for sample in batch.samples]
        latents = [self._latents(sample, key) for sample, key in zip(samples_of(batch), keys, strict=True)]
        return latents, texts

    def _latents(self, sample: Sample, key: RandomKey) -> Tensor:
        if isinstance(sample, PixelSample):
            mean, std = self._codec.encode(sample.pixels)
        else:
            mean, std = sample.mean, sample.std
        sampled = mean + std * draw_normal("posterior", key, mean.shape).to(mean.device)
        return repeat_first_frame(sampled.to(self._device), self.family.sizes.patch_frames)

    def _encode_captions(self, captions: Sequence[str]) -> list[Tensor]:
        """Text embeddings [L, text_dim] of each caption; those of the empty caption, which is frequent, are cached."""
        if self._empty_caption is None:
            self._empty_caption = self._text.encode([""])[0].to(self._device)
        nonempty = [caption for caption in captions if caption]
        embeddings = iter(self._text.encode(nonempty).to(self._device)) if nonempty else iter(())
        return [next(embeddings) if caption else self._empty_caption for caption in captions]

    def idle(self) -> Tensor:
        """See `Method`; it goes through every weight."""
        with self._cast():
            (prediction,) = self.model([self.family.smallest(self._device)])
        zero: Tensor = 0.0 * prediction.float().sum()
        return zero

    def flops(self, lengths: Sequence[int]) -> float:
        """See `Method`."""
        return self.family.flops(lengths)

    @property
    def _device(self) -> torch.device:
        return next(self.model.parameters()).device

    def _cast(self) -> AbstractContextManager[object]:
        if self._precision == "float32":
            return nullcontext()
        return torch.autocast(self._device.type, torch.bfloat16)
