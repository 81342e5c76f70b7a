"""Tune-A-Video on a CPU: a small image model learns drawn stills, then one drawn video that it has not seen.

The stills are coloured shapes on grounds of another colour, with captions that describe them; the video is a moving
shape, in a combination of colours that no still has. Compared with the inflated but untuned image model: the video's
loss at fixed noise, the PSNR of inversion and sampling with the video's own caption at the guidance of edits and at
others, and whether edits change the circle's colour and keep the ground's.

    just bench tune
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from diffusers import UNet2DConditionModel
from numpy.typing import NDArray
from torch import Tensor

from training.diffusion.schedule import TIMESTEPS, NoiseSchedule, prediction_loss
from training.editing.metrics import Pixels, psnr
from training.editing.source_clip import SourceClip
from training.editing.tune import Tuning, prepare_tuning
from training.encoders.linear_frames import open_linear_frames
from training.encoders.minilm import MiniLM
from training.models.tune_a_video.config import CLIP_LENGTH
from training.parallel import World
from training.recipes import load_training

SIDE, FRAMES, FPS = 64, 8, 8.0
COLOURS = {
    "red": (185, 55, 50),
    "green": (60, 150, 75),
    "blue": (60, 80, 175),
    "yellow": (200, 190, 70),
    "white": (215, 215, 215),
    "black": (40, 40, 40),
    "purple": (130, 60, 150),
    "orange": (210, 135, 50),
}
SHAPES = ("square", "circle", "triangle")
CAPTION = "a red circle on a blue ground"
EDITS = {"a green circle on a blue ground": "green", "a white circle on a blue ground": "white"}
_UNSEEN = ("red", "blue")  # the video's colours, which no still combines
_RADIUS = 13
_DROPPED = 0.1  # caption dropout, for guidance

HEADINGS = ("measured", "image model, inflated", "tuned")
Pixel = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Size of the benchmark: stills and steps of the image model, and the settings of tuning and sampling."""

    stills: int = 3000
    image_steps: int = 1500
    batch: int = 24
    tune_steps: int = 500
    tune_rate: float = 1e-3
    guidance: float = 3.0
    other_guidance: tuple[float, ...] = (1.0, 7.5)
    moves: int = 50


def draw(shape: str, colour: str, ground: str, centre: Pixel, radius: int) -> Pixels:
    """A shape on a ground, RGB uint8 [64, 64, 3]."""
    image = np.empty((SIDE, SIDE, 3), np.uint8)
    image[:] = COLOURS[ground]
    x, y = centre
    if shape == "square":
        cv2.rectangle(image, (x - radius, y - radius), (x + radius, y + radius), COLOURS[colour], -1)
    elif shape == "circle":
        cv2.circle(image, centre, radius, COLOURS[colour], -1)
    else:
        corners = np.array([[x, y - radius], [x - radius, y + radius], [x + radius, y + radius]], np.int32)
        cv2.fillPoly(image, [corners], COLOURS[colour])
    return image


def draw_stills(count: int, random: np.random.Generator) -> tuple[Pixels, list[str]]:
    """Stills uint8 [count, 64, 64, 3] and their captions, none in the video's two colours."""
    pairs = [(a, b) for a in COLOURS for b in COLOURS if a != b and {a, b} != set(_UNSEEN)]
    images, captions = [], []
    for _ in range(count):
        colour, ground = pairs[random.integers(len(pairs))]
        shape, radius = SHAPES[random.integers(len(SHAPES))], int(random.integers(9, 17))
        x, y = (int(value) for value in random.integers(radius, SIDE - radius, 2))
        images.append(draw(shape, colour, ground, (x, y), radius))
        captions.append(f"a {colour} {shape} on a {ground} ground")
    return np.stack(images), captions


def draw_video() -> SourceClip:
    """The video: a red circle that moves over a blue ground."""
    frames = [draw("circle", "red", "blue", (16 + 4 * index, 22 + 2 * index), _RADIUS) for index in range(FRAMES)]
    return SourceClip(name="drawn film", pixels=np.stack(frames), fps=FPS)


def train_image_model(folder: Path, sizes: Sizes, note: Callable[[str], None]) -> None:
    """Train a small UNet on the stills, and write it as a pipeline's folder."""
    random, schedule = np.random.default_rng(0), NoiseSchedule("scaled_linear")
    images, captions = draw_stills(sizes.stills, random)
    latents = open_linear_frames().encode(images)[0]
    text = MiniLM(CLIP_LENGTH)
    names = sorted({*captions, ""})
    embeddings = dict(zip(names, text.encode(names), strict=True))
    torch.manual_seed(0)
    network: Any = UNet2DConditionModel(
        sample_size=SIDE // 8, in_channels=16, out_channels=16, cross_attention_dim=text.hidden_size,
        block_out_channels=(32, 64), down_block_types=("CrossAttnDownBlock2D",) * 2,
        up_block_types=("CrossAttnUpBlock2D",) * 2, attention_head_dim=4, norm_num_groups=8, layers_per_block=1,
    )  # fmt: skip
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=1e-4)
    planned = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=sizes.image_steps, pct_start=0.07)
    losses = []
    for step in range(sizes.image_steps):
        rows = random.integers(0, sizes.stills, sizes.batch)
        prompts = [captions[row] if random.random() >= _DROPPED else "" for row in rows]
        losses.append(
            _step(network, latents[rows], torch.stack([embeddings[prompt] for prompt in prompts]), schedule, random)
        )
        optimizer.step()
        optimizer.zero_grad()
        planned.step()
        if (step + 1) % 100 == 0:
            note(f"image model: step {step + 1} of {sizes.image_steps}, loss {np.mean(losses[-100:]):.3f}")
    network.save_pretrained(str(folder / "unet"))


def _step(network: Any, clean: Tensor, text: Tensor, schedule: NoiseSchedule, random: np.random.Generator) -> float:
    timesteps = random.integers(0, TIMESTEPS, len(clean)).tolist()
    noise = torch.from_numpy(random.standard_normal(clean.shape, np.float32))
    noisy = torch.stack([schedule.add_noise(*arguments) for arguments in zip(clean, noise, timesteps, strict=True)])
    loss = prediction_loss(network(noisy, torch.tensor(timesteps), text, return_dict=False)[0], noise)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    return float(loss.detach())


def open_tuning(model: Path, run: Path, sizes: Sizes) -> Tuning:
    """The run on the video, as `just tune` opens it."""
    changes = [
        f"model.weights={model}", f"stages.tune.steps={sizes.tune_steps}", f"sampling.steps={sizes.moves}",
        f"optimizer.learning_rate={sizes.tune_rate}", f"sampling.guidance={sizes.guidance}", "loggers=[]",
    ]  # fmt: skip
    config = load_training(None, changes, "tune-a-video")
    return prepare_tuning(config, draw_video(), CAPTION, run, World(0, 1, torch.device("cpu")))


@dataclass(frozen=True, slots=True)
class Judged:
    """Results of a model: the video's loss, the reconstruction's PSNR in dB by guidance, and for each edit the
    fractions of the circle in the requested colour and of the ground that is still blue.
    """

    loss: float
    psnr: dict[float, float]
    shares: tuple[tuple[float, float], ...]
    videos: tuple[Pixels, ...]


def judge(tuning: Tuning, sizes: Sizes) -> Judged:
    """Validate, reconstruct and edit."""
    validation = tuning.run.validate(0)
    assert validation is not None
    reconstruction, *edits = tuning.edit([CAPTION, *EDITS])
    psnr_by_guidance = {sizes.guidance: psnr(reconstruction, tuning.decoded_source())}
    for guidance in sizes.other_guidance:
        settings = tuning.config.sampling.model_copy(update={"guidance": guidance})
        other = replace(tuning, config=tuning.config.model_copy(update={"sampling": settings}))
        psnr_by_guidance[guidance] = psnr(next(other.edit([CAPTION])), tuning.decoded_source())
    shares = [
        (share_of(video, colour, "red"), share_of(video, "blue", "blue"))
        for video, colour in zip(edits, EDITS.values(), strict=True)
    ]
    return Judged(validation.loss, psnr_by_guidance, tuple(shares), (reconstruction, *edits))


def share_of(video: Pixels, colour: str, where: str) -> float:
    """Fraction of the drawn video's circle (`where` red) or ground (blue) that is nearest to a colour, 0 to 1."""
    inside: NDArray[np.bool_] = (draw_video().pixels == COLOURS[where]).all(axis=3)
    names, table = list(COLOURS), np.array(list(COLOURS.values()), np.float32)
    nearest = ((video[inside].astype(np.float32)[:, None] - table) ** 2).sum(axis=2).argmin(axis=1)
    return float((nearest == names.index(colour)).mean())


def run(
    folder: Path, sizes: Sizes, note: Callable[[str], None]
) -> tuple[list[Sequence[object]], list[tuple[str, Pixels]]]:
    """Rows of the table, and labelled videos. The folder keeps model and run; both are reused."""
    torch.set_num_threads(1)
    if not (folder / "model" / "unet").is_dir():
        train_image_model(folder / "model", sizes, note)
    tuning = open_tuning(folder / "model", folder / "run", sizes)
    before = judge(open_tuning(folder / "model", folder / "untuned", sizes), sizes)
    tuning.run.resume()
    tuning.run.train(lambda report: None, lambda stage: None)
    after = judge(tuning, sizes)
    return list(_rows(before, after)), list(_labelled(tuning, before, after))


def _rows(before: Judged, after: Judged) -> Iterator[Sequence[object]]:
    yield ("the film's loss, 5 noise levels", f"{before.loss:.4f}", f"{after.loss:.4f}")
    for guidance in sorted(before.psnr):
        values = (f"{judged.psnr[guidance]:.1f} dB" for judged in (before, after))
        yield (f"reconstruction at guidance {guidance:g}, PSNR", *values)
    for prompt, first, second in zip(EDITS, before.shares, after.shares, strict=True):
        yield (f"edit `{prompt}`: circle in that colour", f"{first[0]:.0%}", f"{second[0]:.0%}")
        yield (f"edit `{prompt}`: ground still blue", f"{first[1]:.0%}", f"{second[1]:.0%}")


def _labelled(tuning: Tuning, before: Judged, after: Judged) -> Iterator[tuple[str, Pixels]]:
    yield f"source: {CAPTION}", tuning.clip.pixels
    for name, judged in (("image model, inflated", before), ("tuned", after)):
        for prompt, video in zip((CAPTION, *EDITS), judged.videos, strict=True):
            yield f"{name}: {prompt}", video
