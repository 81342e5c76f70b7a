"""Recipes: functions that return a whole training configuration. A variant calls another and changes some fields.

config = load_training(recipe="cogvideox-2b", changes=["seed=1"])
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from schemas.load import load_settings
from training.config import (
    CheckpointConfig,
    DataConfig,
    EmaConfig,
    EncoderSettings,
    LoraConfig,
    ModelSettings,
    OptimizerConfig,
    SamplingConfig,
    StageConfig,
    TrainConfig,
    ValidationConfig,
)
from training.settings.latte import LatteSettings


def demo() -> TrainConfig:
    """The debug model on the demo dataset at 64 and then 128 lines, with the packaged encoders; minutes on a CPU."""
    return TrainConfig(
        recipe="demo",
        data=DataConfig(workers=1),
        optimizer=OptimizerConfig(learning_rate=2e-3, warmup=20),
        stages=[
            StageConfig(name="64", steps=240, short_side=64, max_seconds=4, pack_length=2500, packs_per_step=2),
            StageConfig(
                name="128",
                steps=120,
                short_side=128,
                max_seconds=4,
                pack_length=3000,
                packs_per_step=2,
                learning_rate=1e-3,
            ),
        ],
        ema=EmaConfig(decay=0.98),
        checkpoint=CheckpointConfig(every=60),
        validation=ValidationConfig(every=120),
        sampling=SamplingConfig(steps=25, guidance=3.0),
    )


def cogvideox_2b() -> TrainConfig:
    """CogVideoX-2B from scratch, in the four stages of its paper (2408.06072, tables 5 and 6; lengths of section 3.2).

    Step counts are the paper's; its batches of 2000, 1000, 250 and 100 clips are about 420, 240, 31 and 12 packs.
    """
    return TrainConfig(
        recipe="cogvideox-2b",
        snr_shift=3.0,
        model=ModelSettings(preset="2b", precision="bfloat16", checkpoint_blocks=True),
        encoders=EncoderSettings(codec="cogvideox", text="t5"),
        stages=_paper_stages(),
        ema=EmaConfig(decay=0.9999),
    )


def cogvideox_5b() -> TrainConfig:
    """CogVideoX-5B from scratch, in the same four stages."""
    return cogvideox_2b().model_copy(
        update={
            "recipe": "cogvideox-5b",
            "snr_shift": 1.0,
            "model": ModelSettings(preset="5b", precision="bfloat16", checkpoint_blocks=True),
        }
    )


def cogvideox_15_5b() -> TrainConfig:
    """CogVideoX 1.5-5B: two latent frames per patch, 16 frames per second, 768 lines."""
    return cogvideox_5b().model_copy(
        update={
            "recipe": "cogvideox-1.5-5b",
            "model": ModelSettings(preset="1.5-5b", precision="bfloat16", checkpoint_blocks=True),
        }
    )


def cogvideox_5b_lora() -> TrainConfig:
    """Adapters of rank 128 on the released 5B weights: one stage at 480 lines; set `model.weights` to their folder."""
    return cogvideox_5b().model_copy(
        update={
            "recipe": "cogvideox-5b-lora",
            "model": ModelSettings(
                preset="5b",
                precision="bfloat16",
                checkpoint_blocks=True,
                lora=LoraConfig(rank=128, alpha=128),
            ),
            # SAT's released fine-tuning: 1e-3 to 5e-4 for adapters, clipping at 0.1.
            "optimizer": OptimizerConfig(learning_rate=5e-4, clip=0.1, warmup=100),
            "stages": [
                StageConfig(name="480", steps=3000, short_side=480, max_seconds=6, pack_length=36000, packs_per_step=8)
            ],
            "ema": EmaConfig(),
        }
    )


def latte_demo() -> TrainConfig:
    """A debug Latte on the demo dataset, clips and images jointly, with the packaged encoders; minutes on a CPU."""
    return TrainConfig(
        recipe="latte-demo",
        data=DataConfig(workers=1),
        model=ModelSettings(family="latte"),
        encoders=EncoderSettings(codec="linear-frames"),
        optimizer=OptimizerConfig(learning_rate=2e-3, weight_decay=0, warmup=20),
        stages=[StageConfig(name="64", steps=240, short_side=64, max_seconds=2, pack_length=2500, packs_per_step=2)],
        ema=EmaConfig(decay=0.98),
        checkpoint=CheckpointConfig(every=60),
        validation=ValidationConfig(every=120),
        sampling=SamplingConfig(steps=25, guidance=3.0, largest=3.0),
    )


def latte_pixart() -> TrainConfig:
    """Text to video from PixArt-alpha's weights: set `model.weights` to their folder. 17 frames at 256, then 512 lines.

    The new layers learn first, then also cross-attention, then the upper half of the spatial blocks, then everything,
    the image model's weights at a tenth of the learning rate. Optimiser and EMA are Latte's (2401.03048, section 4.1).
    """
    return TrainConfig(
        recipe="latte-pixart",
        model=ModelSettings(
            family="latte",
            precision="bfloat16",
            checkpoint_blocks=True,
            latte=LatteSettings(tells_rate=True, frames=49),
        ),
        encoders=EncoderSettings(codec="image-vae", text="t5", text_padding="zero"),
        optimizer=OptimizerConfig(
            learning_rate=1e-4, betas=(0.9, 0.999), weight_decay=0, schedule="constant", warmup=1000
        ),
        stages=_thawing_stages(),
        ema=EmaConfig(decay=0.9999),
    )


def _thawing_stages() -> list[StageConfig]:
    # The frame rate's adapter always exists; that of another text encoder matches the same glob.
    new, captions = ["*temporal*", "*_adapter.*"], "transformer_blocks.*.attn2.*"
    upper = [f"transformer_blocks.{number}.*" for number in range(14, 28)]
    trained: dict[str, list[str]] = {
        "time": new,
        "captions": [*new, captions],
        "upper": [*new, captions, *upper],
        "all": [],
        "512": [],
    }
    return [
        StageConfig(
            name=name,
            steps=20_000,
            short_side=512 if name == "512" else 256,
            max_seconds=2,
            pack_length=72_000 if name == "512" else 36_000,
            packs_per_step=8,
            image_share=0.3,
            trains=patterns,
            rates={**dict.fromkeys(new, 1.0), "*": 0.1},
        )
        for name, patterns in trained.items()
    ]


def tune_a_video() -> TrainConfig:
    """One video and its caption on a Stable Diffusion UNet (2212.11565); `just tune` sets model and encoders.

    500 steps; keys, values, convolutions and norms stay those of the image model.
    """
    return TrainConfig(
        recipe="tune-a-video",
        model=ModelSettings(family="tune_a_video"),
        encoders=EncoderSettings(codec="linear-frames"),
        optimizer=OptimizerConfig(
            learning_rate=3e-5, betas=(0.9, 0.999), weight_decay=1e-2, clip=1.0, schedule="constant", spike=0
        ),
        stages=[
            StageConfig(
                name="tune",
                steps=500,
                short_side=512,
                pack_length=1,
                trains=["*.attn1.to_q.*", "*.attn2.to_q.*", "*.attn_temp.*"],
            )
        ],
        checkpoint=CheckpointConfig(every=100, keep=1),
        validation=ValidationConfig(every=100),
        sampling=SamplingConfig(steps=50, guidance=12.5, dynamic_guidance=False),
    )


def image_model_changes(folder: str) -> list[str]:
    """The changes to the recipe `tune-a-video` that select an image model and the encoders that its folder holds."""
    path, changes = Path(folder), [f"model.weights={folder}"]
    if (path / "vae").is_dir():
        changes += ["encoders.codec=image-vae", f"encoders.codec_weights={path}"]
    if (path / "text_encoder").is_dir():
        changes += ["encoders.text=clip", f"encoders.text_weights={path}"]
    return changes


def _paper_stages() -> list[StageConfig]:
    return [
        StageConfig(name="256", steps=400_000, short_side=256, max_seconds=6, pack_length=25_000, packs_per_step=420),
        StageConfig(name="480", steps=220_000, short_side=480, max_seconds=6, pack_length=75_000, packs_per_step=240),
        StageConfig(name="768", steps=120_000, short_side=768, max_seconds=10, pack_length=700_000, packs_per_step=31),
        StageConfig(
            name="best",
            steps=10_000,
            short_side=768,
            max_seconds=10,
            pack_length=700_000,
            packs_per_step=12,
            learning_rate=1e-5,
            rules=["aesthetic in top 20%"],
        ),
    ]


RECIPES: dict[str, Callable[[], TrainConfig]] = {
    "demo": demo,
    "cogvideox-2b": cogvideox_2b,
    "cogvideox-5b": cogvideox_5b,
    "cogvideox-1.5-5b": cogvideox_15_5b,
    "cogvideox-5b-lora": cogvideox_5b_lora,
    "latte-demo": latte_demo,
    "latte-pixart": latte_pixart,
    "tune-a-video": tune_a_video,
}


def load_training(path: Path | None = None, changes: Sequence[str] = (), recipe: str | None = None) -> TrainConfig:
    """Resolve the configuration: recipe, then the YAML file, then `--set` (`stages.<name>.<field>=...` too)."""
    return load_settings(TrainConfig, RECIPES, "recipe", "demo", path, changes, recipe)
