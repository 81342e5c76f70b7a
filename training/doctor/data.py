"""Checks of a stage's data: each bucket's shape, exclusions and their reasons, and whether a step can be filled.

findings = list(check_stage(selection, stage, seed=0))
"""

from collections.abc import Iterator

import numpy as np

from schemas.errors import ConfigError
from training.config import StageConfig
from training.data.index import SampleIndex
from training.data.plan import plan_epoch
from training.data.selection import Selection, require_samples
from training.doctor.findings import Finding, error, fact, warning
from training.encoders.base import TextEncoder, VideoCodec
from training.families.base import Sizes


def check_index(train: SampleIndex, validation: SampleIndex) -> Iterator[Finding]:
    """Whether there are samples to train on and held-out samples."""
    if not len(train):
        yield error("data", f"{train.uri} has no sample in its train split; see `just ledger {train.uri}`")
    yield fact("data", f"{len(train)} samples in {len(train.buckets)} buckets to train on, {len(validation)} held out")
    if not len(validation):
        yield warning(
            "data", "no sample is held out, so there is no validation; curate with a pack.validation_share above 0"
        )


def check_captions(train: SampleIndex, text: TextEncoder) -> Iterator[Finding]:
    """Captions that the text encoder would truncate, and samples without any, by the dataset's own token counts."""
    if not len(train):
        return
    over = np.flatnonzero(train.tokens > text.length)
    if len(over):
        worst = int(np.argmax(train.tokens))
        yield warning(
            "captions",
            f"{len(over)} of {len(train)} dense captions are longer than the {text.length} tokens of {text.name} and "
            f"are truncated (sample {train.sample_ids[worst].as_py()}: {train.tokens[worst]}); curate with a smaller "
            "summarise.max_tokens, or take a model with a longer text_length",
        )
    empty = np.flatnonzero(train.tokens <= 0)
    if len(empty) == len(train):
        yield error(
            "captions",
            f"none of {len(train)} samples has a caption, and the model would learn none; caption them: `just curate` "
            "with a caption.captioner and a summarise.summariser",
        )
    elif len(empty):
        yield warning(
            "captions",
            f"{len(empty)} of {len(train)} samples have no caption (sample {train.sample_ids[int(empty[0])].as_py()}) "
            "and train without one; caption them, or set a rule that excludes them",
        )
    yield fact("captions", f"longest dense caption {train.tokens.max()} tokens, budget {text.length}")


def check_stage(selection: Selection, stage: StageConfig, seed: int, world: int = 1) -> Iterator[Finding]:
    """Samples per bucket, exclusions, frame rates, packs and steps of one stage on `world` processes."""
    about = f"stage {stage.name}"
    for excluded in selection.exclusions:
        yield warning(about, f"{excluded.samples} samples of {excluded.bucket} are excluded: {excluded.reason}")
    try:
        require_samples(selection, stage)
        plan = plan_epoch(selection, stage, seed, 0)
    except ConfigError as refused:
        yield error(about, str(refused))
        return
    codes = selection.index.bucket[selection.rows]
    for code, bucket in enumerate(selection.index.buckets):
        count = int((codes == code).sum())
        shape, tokens = selection.shapes[code], int(selection.lengths[code])
        yield fact(about, f"{bucket} as {shape}: {count} samples, {tokens} tokens each")
    rates = sorted({selection.shapes[code].fps for code in np.unique(codes)} - {0.0})
    if len(rates) > 1:
        listed = " and ".join(f"{rate:g}" for rate in rates)
        yield warning(
            about,
            f"clips of {listed} frames per second are mixed; curate at one frame rate, or condition the model on it "
            "(model.latte.tells_rate)",
        )
    if len(plan.packs) < stage.packs_per_step:
        yield error(
            about,
            f"too few samples for one step: all {len(selection)} samples fill {len(plan.packs)} packs of "
            f"{stage.pack_length} tokens, a step takes {stage.packs_per_step}; set stages.{stage.name}.packs_per_step="
            f"{len(plan.packs)} or curate more clips",
        )
    if stage.packs_per_step < world:
        yield warning(
            about,
            f"{world} processes share {stage.packs_per_step} packs per step, so {world - stage.packs_per_step} idle; "
            f"set stages.{stage.name}.packs_per_step to a multiple of {world}",
        )
    yield fact(
        about,
        f"{plan.steps} steps per epoch, {stage.steps} steps are {stage.steps / plan.steps:.1f} epochs; packs are "
        f"{plan.fill:.0%} full",
    )


def check_shapes(selection: Selection, codec: VideoCodec, sizes: Sizes) -> Iterator[Finding]:
    """Whether every shape fits the VAE's strides and the transformer's patches."""
    side = codec.spatial_stride * sizes.patch
    for code in np.unique(selection.index.bucket[selection.rows]):
        shape, bucket = selection.shapes[code], selection.index.buckets[code]
        here = selection.rows[selection.index.bucket[selection.rows] == code]
        sample = selection.index.sample_ids[int(here[0])].as_py()
        if shape.width % side or shape.height % side:
            yield error(
                "shapes",
                f"{shape} (bucket {bucket}, sample {sample}): sides must be multiples of {side}, stride "
                f"{codec.spatial_stride} x patch {sizes.patch}; curate into buckets that do",
            )
        latents = 1 + (shape.frames - 1) // codec.temporal_stride
        if sizes.max_frames is not None and latents > sizes.max_frames:
            yield error(
                "shapes",
                f"{shape} (bucket {bucket}, sample {sample}): {latents} latent frames, the model has positions "
                f"for {sizes.max_frames}; set model.latte.frames={latents}, or a smaller max_seconds in the stage",
            )
        if codec.temporal_stride > 1 and (shape.frames - 1) % (2 * codec.temporal_stride):
            yield error(
                "shapes",
                f"{shape} (bucket {bucket}, sample {sample}): the VAE takes 1 or {2 * codec.temporal_stride}k+1 "
                "frames; curate into buckets of such lengths",
            )
