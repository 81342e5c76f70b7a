"""The training configuration: one typed YAML file over a recipe, every field documented, unknown keys refused.

    recipe: cogvideox-2b
    stages:
      - {name: low, steps: 1000, short_side: 256, max_seconds: 6, pack_length: 25000, packs_per_step: 8}

`just train <dataset> --recipe demo --set optimizer.learning_rate=1e-4` changes one field from the command line.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from schemas.config import RuleText, Section
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from training.settings.base import FamilySection
from training.settings.latte import LatteSettings
from training.settings.registry import FAMILIES
from training.settings.tune_a_video import TuneAVideoSettings


def _shares(values: dict[str, float]) -> dict[str, float]:
    if min(values.values(), default=0.0) < 0 or sum(values.values()) <= 0:
        raise ConfigError(f"{values}: shares must be 0 or more, and one of them above 0")
    return values


Shares = Annotated[dict[Literal["short", "medium", "dense"], float], AfterValidator(_shares)]


class DataConfig(Section):
    """Which data is read, and how."""

    captions: Shares = {"short": 0.2, "medium": 0.3, "dense": 0.5}
    """Probabilities of the lengths of a clip's caption, drawn anew in every epoch."""
    caption_dropout: float = Field(default=0.1, ge=0, lt=1)
    """Fraction of samples trained without a caption, for classifier-free guidance (CogVideoX: 0.1)."""
    source_weights: dict[str, float] = {}
    """Glob over source ids to weight: 2 trains a source's clips twice per epoch, 0.5 every second epoch, 0 never."""
    workers: int = Field(default=2, ge=0)
    """Processes that read and decode; 0 reads in the trainer's own process."""
    prefetch: int = Field(default=4, ge=1)
    """Packs that each worker prefetches."""
    read_timeout: float = Field(default=120.0, gt=0)
    """Seconds after which a read is abandoned as hung."""
    max_bad_share: float = Field(default=0.01, ge=0, le=1)
    """Fraction of samples that may be unreadable (skipped and counted) before the run stops."""
    latents: str = ""
    """Latent cache that `just encode` wrote; empty reads pixels and encodes every step."""


class LoraConfig(Section):
    """Low-rank adapters in place of full training; rank 0 trains the weights themselves."""

    rank: int = Field(default=0, ge=0)
    """Rank of the adapters (CogVideoX's published ones: 128)."""
    alpha: float = Field(default=1.0, gt=0)
    """Scale of the adapters is alpha / rank."""
    targets: list[str] = ["to_q", "to_k", "to_v", "to_out.0"]
    """Suffixes of the names of the linear layers that get one; one that matches nothing is an error."""


class ModelSettings(Section):
    """The model and its initial weights."""

    family: str = "cogvideox"
    """`cogvideox`, `latte` or `tune_a_video`."""
    preset: str = "debug"
    """Sizes. cogvideox: `debug`, `2b`, `5b`, `1.5-5b`. latte: `debug` to `debug-4`, `s-2` to `xl-8`, `latte-1`. Ignored
    if `weights` has its own config."""
    weights: str = ""
    """Folder in diffusers' format (for Latte also PixArt-alpha's), or a SAT checkpoint; empty trains from scratch."""
    latte: LatteSettings = LatteSettings()
    tune_a_video: TuneAVideoSettings = TuneAVideoSettings()
    lora: LoraConfig = LoraConfig()
    checkpoint_blocks: bool = False
    """Recompute activations in the backward pass: less memory, a third more work."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the matrix products; the optimiser's weights, noise, target and loss are always float32."""

    @model_validator(mode="before")
    @classmethod
    def _of_earlier_versions(cls, settings: object) -> object:
        """Runs up to 2026-11 have `group_norm` beside the families' sections."""
        if not isinstance(settings, dict) or "group_norm" not in settings:
            return settings
        others = {name: value for name, value in settings.items() if name != "group_norm"}
        return {**others, "tune_a_video": {**others.get("tune_a_video", {}), "group_norm": settings["group_norm"]}}

    @model_validator(mode="after")
    def _sections_are_the_familys(self) -> "ModelSettings":
        if self.family not in FAMILIES:
            raise ConfigError(f"family = {self.family!r}; {did_you_mean(self.family, FAMILIES)}")
        for name, section in self:
            if isinstance(section, FamilySection) and name != self.family and section != type(section)():
                raise ConfigError(f"model.{name} is set, but model.family = {self.family}; set it to {name}")
        return self


class EncoderSettings(Section):
    """The encoders of pixels and captions."""

    codec: Literal["linear", "cogvideox", "linear-frames", "image-vae", "tiny-vae"] = "linear"
    """`cogvideox`, the 3D causal VAE, or `linear`, the packaged stand-in (blocks of 8x8x4, principal components).

    Per-frame codecs for any number of frames: `image-vae` (AutoencoderKL), `tiny-vae` (AutoencoderTiny), or
    `linear-frames`, the packaged stand-in of blocks of 8x8.
    """
    codec_weights: str = ""
    """Folder of the VAE in diffusers' format, or of a pipeline that holds one."""
    codec_tiling: bool = False
    """Encode and decode in overlapping tiles: less memory, slightly different latents."""
    text: Literal["minilm", "t5", "clip"] = "minilm"
    """`t5`, `clip` (Stable Diffusion's), or `minilm`, the packaged stand-in."""
    text_weights: str = ""
    """Folder or hub name of the T5 encoder and its tokenizer; folder of CLIP's, or of the pipeline."""
    text_padding: Literal["attended", "zero"] = "attended"
    """For T5: padding is attended to, as in CogVideoX's training, or masked and returned as zeros."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Precision of the VAE and T5; part of their identity. Their outputs are always float32."""


class OptimizerConfig(Section):
    """AdamW, its schedule, and clipping (CogVideoX, 2408.06072, table 6)."""

    learning_rate: float = Field(default=1e-4, gt=0)
    """Peak learning rate; a stage may have its own, and multiples of it for groups of parameters."""
    betas: tuple[float, float] = (0.9, 0.95)
    epsilon: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=1e-4, ge=0)
    clip: float = Field(default=1.0, gt=0)
    """Largest norm of an optimiser step's gradient."""
    spike: float = Field(default=10.0, ge=0)
    """Stop if a step's loss exceeds this multiple of the median of the last 100; 0 never stops."""
    schedule: Literal["cosine", "constant"] = "cosine"
    """Over each stage: `cosine` falls to `floor` of the learning rate."""
    floor: float = Field(default=0.1, ge=0, le=1)
    warmup: int = Field(default=0, ge=0)
    """Steps of linear warm-up at the beginning of each stage."""


class StageConfig(Section):
    """One stage of progressive training. Stages follow one another automatically."""

    name: str
    steps: int = Field(ge=1)
    """Optimiser steps."""
    short_side: int = Field(default=256, ge=16)
    """Largest short side in pixels; the aspect ratio is kept, nothing is enlarged."""
    max_seconds: float = Field(default=6.0, gt=0)
    """Longest duration from the first to the last frame (6 s at 8 fps: 49 frames); longer clips are truncated."""
    pack_length: int = Field(ge=1)
    """Tokens of a pack, text included."""
    packs_per_step: int = Field(default=1, ge=1)
    """Packs of an optimiser step over all ranks; a rank accumulates the gradients of its packs."""
    learning_rate: float | None = Field(default=None, gt=0)
    """Instead of `optimizer.learning_rate`."""
    image_share: float | None = Field(default=None, ge=0, le=1)
    """Fraction of a step's samples that are images; null takes the dataset as it is."""
    rules: list[RuleText] = []
    """Rules on the data's scores, as in selection: `aesthetic in top 20%`."""
    trains: list[str] = []
    """Globs over parameter names that learn in this stage; empty = all. One that matches nothing is an error."""
    rates: dict[str, Annotated[float, Field(gt=0)]] = {}
    """Glob over parameter names to a multiple of the learning rate; the first match counts, 1 without a match."""


class EmaConfig(Section):
    """The exponential moving average of the weights, which validation, sampling and export use."""

    decay: float = Field(default=0.0, ge=0, lt=1)
    """Decay per step (Latte: 0.9999); 0 turns the average off."""


class CheckpointConfig(Section):
    """When checkpoints are written."""

    every: int = Field(default=500, ge=1)
    """Optimiser steps between checkpoints."""
    keep: int = Field(default=2, ge=1)
    """Number of most recent checkpoints to keep."""
    asynchronous: bool = True
    """Write while training continues."""


class ValidationConfig(Section):
    """Loss on held-out sources."""

    every: int = Field(default=500, ge=1)
    """Optimiser steps between validations; one more at the end."""
    quantiles: int = Field(default=5, ge=1)
    """Timesteps per clip, evenly spaced, with fixed noise."""
    max_clips: int = Field(default=64, ge=1)
    """Largest number of held-out clips per bucket."""


class SamplingConfig(Section):
    """How `just sample` makes videos."""

    sampler: Literal["ddim", "dpm", "dpm-sde"] = "ddim"
    """DDIM, DPM-Solver++ 2M, or its form with fresh noise, which CogVideoX's own code uses."""
    steps: int = Field(default=50, ge=1)
    guidance: float = Field(default=6.0, ge=0)
    """Classifier-free guidance at its strongest."""
    dynamic_guidance: bool = True
    """Guidance grows with the steps (CogVideoX's DynamicCFG) instead of being constant."""
    largest: float = Field(default=0.0, ge=0)
    """Bound on the predicted clean latents (static thresholding, 2205.11487, section 2.3); 0: none. Hardly trained
    models that predict noise need it: at high noise levels a small error becomes large."""
    prompts: list[str] = []
    """Fixed prompts; empty takes the first captions of the validation clips."""


class ParallelConfig(Section):
    """How the model is distributed over processes; their number is torchrun's."""

    replicas: int = Field(default=1, ge=1)
    """Groups that each hold the whole model (HSDP); 1 shards it over all processes (FSDP2)."""


class TrainConfig(Section):
    """The configuration of a training run."""

    recipe: str = "demo"
    """Named set of defaults: `demo`, `cogvideox-2b`, `cogvideox-5b`, `cogvideox-1.5-5b`, ..."""
    seed: int = Field(default=0, ge=0)
    snr_shift: float = Field(default=1.0, gt=0)
    """Shift of the signal-to-noise ratio (CogVideoX-2B: 3.0, 5B: 1.0)."""
    data: DataConfig = DataConfig()
    model: ModelSettings = ModelSettings()
    encoders: EncoderSettings = EncoderSettings()
    optimizer: OptimizerConfig = OptimizerConfig()
    stages: list[StageConfig] = Field(min_length=1)
    ema: EmaConfig = EmaConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    validation: ValidationConfig = ValidationConfig()
    sampling: SamplingConfig = SamplingConfig()
    parallel: ParallelConfig = ParallelConfig()
    loggers: list[str] = ["tensorboard"]
    """Where scalars go besides the run's own `steps.jsonl`: `tensorboard`, `wandb` (if installed)."""

    @model_validator(mode="before")
    @classmethod
    def _no_latent_input(cls, settings: object) -> object:
        if isinstance(settings, dict) and "latent_input" in str(settings):
            raise ConfigError(
                "latent_input is not a setting here: one published note says True, the project's own answer (CogVideo "
                "issue 501) says False, and the wrong value trains on raw pixels. Set data.latents to read a latent "
                "cache; pixels are encoded otherwise (docs/training.md)"
            )
        return settings

    @model_validator(mode="after")
    def _names_differ(self) -> "TrainConfig":
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise ConfigError(f"stages {names}: names must differ")
        return self
