"""What a training step costs beside the loop that is written around diffusers: the same weights, batch and AdamW.

The other side is the published form: a stacked batch of equal shapes, the scheduler's `add_noise` and `get_velocity`,
the error of x_0 weighed by 1 / (1 - alpha_bar), clipping, AdamW. Both sides draw from the VAE's posterior in
every step. Ours also draws noise that belongs to its sample, sums losses one by one and writes a report, as in a run.

    from training.benchmarks.step import run
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from diffusers import CogVideoXDDIMScheduler, CogVideoXTransformer3DModel
from diffusers.models.embeddings import get_3d_rotary_pos_embed
from numpy.typing import NDArray
from torch import Tensor

from training.benchmarks.turns import at_most, in_turns
from training.config import OptimizerConfig, StageConfig
from training.data.batch import LatentBatch, LatentSample
from training.data.shapes import ClipShape
from training.diffusion.places import Place
from training.diffusion.schedule import VelocitySchedule
from training.families.cogvideox import CogVideoXFamily
from training.loop.optimizer import make_optimizer
from training.loop.steps import LoadedPack, LoadedStep
from training.loop.trainer import Trainer
from training.methods.diffusion import DiffusionMethod
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX
from training.parallel import World

HEADINGS = ("model", "diffusers' loop, CPU ms", "our step, CPU ms", "ours / diffusers'", "aim")
_SHARED: dict[str, Any] = {"text_width": 64, "text_length": 32, "time_width": 128}
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
    """Stands where pixels or captions would be encoded: this batch holds latents and text states."""

    name = identity = "none"
    channels, spatial_stride, temporal_stride, width, length = 16, 8, 4, 64, 32

    def encode(self, given: Any) -> Any:
        """Nothing is to be encoded."""
        raise AssertionError("latents need no encoder")

    def decode(self, latents: Tensor) -> NDArray[np.uint8]:
        """Nothing is to be decoded."""
        raise AssertionError("nothing is decoded")

    def count(self, caption: str) -> int:
        """Words of a caption."""
        return len(caption.split())


def made_step(sizes: CogVideoXConfig, samples: int, step: int = 0, clip: ClipShape = _CLIP) -> LoadedStep:
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
                deviation=torch.full(size, 0.1),
                text=torch.randn(sizes.text_length, sizes.text_width, generator=generator),
            )
            for number in range(samples)
        )
    )
    places = tuple(
        Place(seed=0, step=step, position=number, count=samples, sample_id=one.sample_id)
        for number, one in enumerate(batch.samples)
    )
    length = sizes.text_length + size[0] * size[2] * size[3] // sizes.patch**2
    pack = LoadedPack(batch=batch, places=places, lengths=(length,) * samples)
    return LoadedStep(epoch=0, packs=(pack,), samples=samples, tokens=samples * length, fill=1.0, waited=0.0)


def our_trainer(model: CogVideoX, codec: Any = None, text: Any = None) -> Trainer:
    """The trainer of one process around a model."""
    schedule = VelocitySchedule(_SHIFT[model.config.positions])
    method = DiffusionMethod(model, CogVideoXFamily(model.config, schedule), codec or NoEncoder(), text or NoEncoder())
    world = World(0, 1, torch.device("cpu"))
    return Trainer(method, make_optimizer(model, _OPTIMIZER), _OPTIMIZER, world, lambda *_: None)


class DiffusersLoop:
    """The published loop around diffusers' class."""

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
        """Draw, and take a step; returns its loss."""
        mean = torch.stack([one.mean for one in samples])
        deviation = torch.stack([one.deviation for one in samples])
        clean = mean + deviation * torch.randn_like(mean)
        timesteps = torch.randint(0, 1000, (len(samples),))
        return self.take(clean, torch.stack([one.text for one in samples]), torch.randn_like(clean), timesteps)

    def take(self, clean: Tensor, text: Tensor, noise: Tensor, timesteps: Tensor) -> float:
        """One step on clean latents and noise [clips, F, C, H, W], text states and timesteps [clips]."""
        noisy = self._scheduler.add_noise(clean, noise, timesteps)
        predicted = self.model(noisy, text, timesteps, image_rotary_emb=self._rotary(clean)).sample
        found = self._scheduler.get_velocity(predicted, noisy, timesteps)
        weights = 1 / (1 - self._scheduler.alphas_cumprod[timesteps])
        errors = weights.view(-1, 1, 1, 1, 1) * (found - clean) ** 2
        loss = errors.reshape(len(clean), -1).mean(dim=1).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), _OPTIMIZER.clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return float(loss.detach())

    def _rotary(self, clean: Tensor) -> tuple[Tensor, Tensor] | None:
        """Positions, made anew in every step, as the published loops do."""
        if self.sizes.positions != "rotary":
            return None
        _, frames, _, height, width = clean.shape
        size = (height // self.sizes.patch, width // self.sizes.patch)
        found: Any = get_3d_rotary_pos_embed(
            self.sizes.head_width, None, size, frames, grid_type="slice", max_size=size, device=clean.device
        )
        return found  # type: ignore[no-any-return]


def make_pair(sizes: CogVideoXConfig) -> tuple[Trainer, DiffusersLoop]:
    """Both sides, with the same random weights."""
    torch.manual_seed(0)
    loop = DiffusersLoop(sizes)
    model = CogVideoX(sizes)
    model.load_state_dict(loop.model.state_dict())
    return our_trainer(model), loop


def run(turns: int = 7, samples: int = 4) -> list[Sequence[object]]:
    """Whole optimiser steps on the same clips."""
    rows: list[Sequence[object]] = []
    for name, sizes in SIZES.items():
        trainer, loop = make_pair(sizes)
        loaded = made_step(sizes, samples)
        pack = loaded.packs[0]
        assert pack is not None
        clips: Any = pack.batch.samples
        cost = in_turns(
            {
                "theirs": lambda loop=loop, clips=clips: loop.step(clips),  # type: ignore[misc]
                "ours": lambda trainer=trainer, loaded=loaded: trainer.step(loaded, _STAGE, 0, 0),  # type: ignore[misc]
            },
            turns,
        )
        ratio = cost["ours"] / cost["theirs"]
        times = f"{1000 * cost['theirs']:.0f}", f"{1000 * cost['ours']:.0f}"
        rows.append((name, *times, f"{ratio:.2f}", at_most(ratio, 1.0)))
    return rows
