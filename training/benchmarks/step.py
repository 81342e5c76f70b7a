"""Compares a training step with the usual loop around diffusers: the same weights, batch and AdamW.

The other side is the published loop: a stacked batch of equal shapes, the scheduler's `add_noise` and `get_velocity`,
the error of x_0 weighted by 1 / (1 - alpha_bar), clipping, AdamW. Both sides sample the VAE's posterior in every step.
Ours also draws noise per sample, computes losses per sample and writes a report, as in a run.

    from training.benchmarks.step import run
    rows = run()
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXTransformer3DModel
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from numpy.typing import NDArray
from torch import Tensor

from training.benchmarks.timing import at_most, interleaved
from training.config import OptimizerConfig, StageConfig
from training.data.batch import LatentBatch, LatentSample
from training.data.shapes import ClipShape
from training.diffusion.random_keys import RandomKey
from training.diffusion.schedule import VelocitySchedule
from training.families.cogvideox import CogVideoXFamily
from training.loop.optimizer import make_optimizer
from training.loop.trainer import Trainer
from training.loop.training_step import TrainingPack, TrainingStep
from training.methods.diffusion import DiffusionMethod
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX
from training.parallel import World

HEADINGS = ("model", "diffusers' loop, CPU ms", "our step, CPU ms", "ours / diffusers'", "aim")
_SHARED: dict[str, Any] = {"text_dim": 64, "text_length": 32, "time_embed_dim": 128}
SIZES = {
    "2B's form (sines), 256 wide, 2 layers": CogVideoXConfig(heads=4, layers=2, positions="sincos", **_SHARED),
    "5B's form (rotary), 256 wide, 2 layers": CogVideoXConfig(heads=4, layers=2, **_SHARED),
    "5B's form (rotary), 512 wide, 4 layers": CogVideoXConfig(heads=8, layers=4, **_SHARED),
}
_SHIFT = {"sincos": 3.0, "rotary": 1.0}
_OPTIMIZER = OptimizerConfig()
_STAGE = StageConfig(name="bench", steps=1_000_000, pack_length=100_000)
_CLIP = ClipShape(128, 128, 17, 8.0)


class NoEncoder:
    """A placeholder for codec and text encoder: the batch holds latents and text embeddings already."""

    name = identity = "none"
    channels, spatial_stride, temporal_stride, hidden_size, length = 16, 8, 4, 64, 32

    def encode(self, source: Any) -> Any:
        """Raises: latents need no encoder."""
        raise AssertionError("latents need no encoder")

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Raises: nothing is decoded."""
        raise AssertionError("nothing is decoded")

    def count(self, caption: str) -> int:
        """Words of a caption."""
        return len(caption.split())


def made_step(sizes: CogVideoXConfig, samples: int, step: int = 0, clip: ClipShape = _CLIP) -> TrainingStep:
    """One step of one pack of equal clips."""
    generator = torch.Generator().manual_seed(step)
    size = (1 + (clip.frames - 1) // 4, sizes.in_channels, clip.height // 8, clip.width // 8)
    batch = LatentBatch(
        tuple(
            LatentSample(
                sample_id=f"clip-{number}-0",
                clip_id=f"clip-{number}",
                shape=clip,
                mean=torch.randn(size, generator=generator),
                std=torch.full(size, 0.1),
                text=torch.randn(sizes.text_length, sizes.text_dim, generator=generator),
            )
            for number in range(samples)
        )
    )
    keys = tuple(
        RandomKey(seed=0, step=step, position=number, count=samples, sample_id=sample.sample_id)
        for number, sample in enumerate(batch.samples)
    )
    length = sizes.text_length + size[0] * size[2] * size[3] // sizes.patch**2
    pack = TrainingPack(batch=batch, keys=keys, lengths=(length,) * samples)
    return TrainingStep(epoch=0, packs=(pack,), samples=samples, tokens=samples * length, fill=1.0, waited=0.0)


def our_trainer(model: CogVideoX, codec: Any = None, text: Any = None) -> Trainer:
    """Our trainer of a model in one process."""
    schedule = VelocitySchedule(_SHIFT[model.config.positions])
    method = DiffusionMethod(model, CogVideoXFamily(model.config, schedule), codec or NoEncoder(), text or NoEncoder())
    world = World(0, 1, torch.device("cpu"))
    return Trainer(method, make_optimizer(model, _OPTIMIZER), _OPTIMIZER, world, lambda *_: None)


class DiffusersLoop:
    """The published training loop around diffusers' class."""

    def __init__(self, sizes: CogVideoXConfig) -> None:
        self.sizes = sizes
        self.model: Any = CogVideoXTransformer3DModel(**sizes.to_diffusers())
        self._scheduler: Any = CogVideoXDDIMScheduler(
            prediction_type="v_prediction",
            rescale_betas_zero_snr=True,
            timestep_spacing="trailing",
            clip_sample=False,
            snr_shift_scale=_SHIFT[sizes.positions],
        )
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=_OPTIMIZER.learning_rate,
            betas=_OPTIMIZER.betas,
            eps=_OPTIMIZER.epsilon,
            weight_decay=_OPTIMIZER.weight_decay,
        )

    def step(self, samples: Sequence[LatentSample]) -> float:
        """Draw latents, noise and timesteps, and take a step; returns its loss."""
        mean = torch.stack([sample.mean for sample in samples])
        std = torch.stack([sample.std for sample in samples])
        clean = mean + std * torch.randn_like(mean)
        timesteps = torch.randint(0, 1000, (len(samples),))
        return self.take(clean, torch.stack([sample.text for sample in samples]), torch.randn_like(clean), timesteps)

    def take(self, clean: Tensor, text: Tensor, noise: Tensor, timesteps: Tensor) -> float:
        """One step on `clean` latents and `noise` [B, T, C, H, W], `text` [B, L, text_dim] and `timesteps` [B]."""
        noisy = self._scheduler.add_noise(clean, noise, timesteps)
        predicted = self.model(noisy, text, timesteps, image_rotary_emb=self._rotary(clean)).sample
        predicted_clean = self._scheduler.get_velocity(predicted, noisy, timesteps)
        weights = 1 / (1 - self._scheduler.alphas_cumprod[timesteps])
        errors = weights.view(-1, 1, 1, 1, 1) * (predicted_clean - clean) ** 2
        loss = errors.reshape(len(clean), -1).mean(dim=1).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _OPTIMIZER.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(loss.detach())

    def _rotary(self, clean: Tensor) -> tuple[Tensor, Tensor] | None:
        """The rotary embedding, computed anew in every step, as in the published loops."""
        if self.sizes.positions != "rotary":
            return None
        _, frames, _, height, width = clean.shape
        size = (height // self.sizes.patch, width // self.sizes.patch)
        freqs: Any = get_3d_rotary_pos_embed(
            self.sizes.head_dim, None, size, frames, grid_type="slice", max_size=size, device=clean.device
        )
        return freqs  # type: ignore[no-any-return]


def make_pair(sizes: CogVideoXConfig) -> tuple[Trainer, DiffusersLoop]:
    """Both sides with the same random weights."""
    torch.manual_seed(0)
    loop = DiffusersLoop(sizes)
    model = CogVideoX(sizes)
    model.load_state_dict(loop.model.state_dict())
    return our_trainer(model), loop


def run(rounds: int = 7, samples: int = 4) -> list[Sequence[object]]:
    """Time whole optimiser steps on the same clips."""
    rows: list[Sequence[object]] = []
    for name, sizes in SIZES.items():
        trainer, loop = make_pair(sizes)
        loaded = made_step(sizes, samples)
        pack = loaded.packs[0]
        assert pack is not None
        clips: Any = pack.batch.samples
        cost = interleaved(
            {
                "theirs": lambda loop=loop, clips=clips: loop.step(clips),  # type: ignore[misc]
                "ours": lambda trainer=trainer, loaded=loaded: trainer.step(loaded, _STAGE, 0, 0),  # type: ignore[misc]
            },
            rounds,
        )
        ratio = cost["ours"] / cost["theirs"]
        times = f"{1000 * cost['theirs']:.0f}", f"{1000 * cost['ours']:.0f}"
        rows.append((name, *times, f"{ratio:.2f}", at_most(ratio, 1.0)))
    return rows
