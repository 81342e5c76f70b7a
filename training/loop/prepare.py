"""Opens everything that a run needs, and checks it with the doctor before anything is written.

prepared = prepare(config, "datasets/demo", Path("runs/demo"), world)
print("\n".join(prepared.description))
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from schemas.errors import ConfigError
from schemas.ids import digest
from training.checkpoints.folder import RunFolder
from training.config import StageConfig, TrainConfig
from training.doctor.cost import check_memory
from training.doctor.findings import Finding
from training.doctor.memory import memory_errors
from training.doctor.run import Resources, run_doctor
from training.encoders.base import TextEncoder, VideoCodec
from training.encoders.registry import open_codec, open_text
from training.families.base import Family, geometry_of
from training.families.registry import build_model, open_family
from training.loop.assemble import make_trainer
from training.loop.baseline import LinearPredictor, fit_linear
from training.loop.run import Run
from training.loop.source import DatasetSource, Encoders
from training.loop.validation import Validation, levels, validate
from training.methods.diffusion import DiffusionMethod
from training.models.lora import add_adapters
from training.parallel import World

# Packs that the linear predictor is fitted on: a few hundred clips are enough for a 64 x 64 covariance.
_BASELINE_PACKS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A run with its model, encoders and data."""

    config: TrainConfig
    folder: RunFolder
    run: Run
    data: DatasetSource
    model: nn.Module
    family: Family
    codec: VideoCodec
    text: TextEncoder
    world: World

    @property
    def description(self) -> list[str]:
        """A summary of what was opened, one line each."""
        sizes, model = self.family.sizes, self.config.model
        stages = ", ".join(f"{stage.name} ({stage.steps} steps)" for stage in self.config.stages)
        return [
            f"model   {model.family} {model.preset}, {sizes.parameters / 1e6:.1f} million weights, {model.precision}, "
            f"on {self.world.size} x {self.world.device}",
            f"codec   {self.codec.name}",
            f"text    {self.text.name}, {self.text.length} tokens",
            f"data    {len(self.data.train)} samples to train, {len(self.data.held_out)} held out",
            f"stages  {stages}",
        ]

    def linear_baseline(self, stage: StageConfig) -> Validation | None:
        """Validation loss of the best linear predictor, on the same clips, noise and timesteps as the model's."""
        number = self.config.stages.index(stage)
        predictor = self._fit_linear(number)
        shapes = self.data.validation_shapes(number)
        if not shapes:
            return None
        method = DiffusionMethod(predictor, self.family, self.codec, self.text)
        packs = self.data.validation_packs(number)
        return validate(method, packs, shapes, levels(self.config.validation.quantiles), self.world)

    def _fit_linear(self, stage: int) -> LinearPredictor:
        method = DiffusionMethod(self.model, self.family, self.codec, self.text)
        clips = (
            latents
            for pack in self.data.training_packs(stage, _BASELINE_PACKS)
            for latents in method.encode(pack.batch, pack.keys)[0]
        )
        sizes = self.family.sizes
        with torch.no_grad():
            predictor = fit_linear(clips, self.family.schedule, sizes.patch, sizes.patch_frames)
        return predictor.to(self.world.device)


def prepare(config: TrainConfig, dataset: str, folder: Path, world: World) -> Prepared:
    """Open a run. Raises `ConfigError` or `DatasetError` for any problem, before anything is written."""
    opened = open_family(config)
    family, sizes = opened.family, opened.family.sizes
    shards = max(1, world.size // config.parallel.replicas)
    if world.is_first:  # before minutes go into a model that will not fit
        _refuse(list(check_memory(config, sizes, config.stages, Resources.here(folder).memory, shards)))
    model = build_model(opened, config)
    codec = open_codec(config.encoders, world.device)
    text = open_text(config.encoders, sizes.text_length, world.device)
    data = DatasetSource(config, dataset, (codec, text), geometry_of(sizes, codec, text), sizes.width, world)
    run_folder = RunFolder(folder)
    if world.is_first:
        _check(data, config, (codec, text), family, folder)
        run_folder.begin(config, _facts(dataset, data, codec, text))
    world.wait()
    if config.model.lora.rank:
        add_adapters(model, config.model.lora, config.seed)
    method = DiffusionMethod(model, family, codec, text, config.model.precision)
    trainer = make_trainer(method, config, folder, world)
    run = Run(config, run_folder, trainer, data, world, lambda stage: memory_errors(config, stage, sizes, shards))
    return Prepared(
        config=config,
        folder=run_folder,
        run=run,
        data=data,
        model=model,
        family=family,
        codec=codec,
        text=text,
        world=world,
    )


def _check(data: DatasetSource, config: TrainConfig, prepared: Encoders, family: Family, folder: Path) -> None:
    """Run the doctor: warnings are printed, errors end the run before its first step."""
    codec, text = prepared
    resources = Resources.here(folder, data.processes)
    findings = run_doctor(config, data.train, data.held_out, codec, text, family, resources)
    for finding in findings:
        if finding.level == "warning":
            print(f"warning: {finding.about}: {finding.text}", file=sys.stderr)
    _refuse(findings)


def _refuse(findings: Sequence[Finding]) -> None:
    errors = [f"{finding.about}: {finding.text}" for finding in findings if finding.level == "error"]
    if errors:
        raise ConfigError("\n".join([f"{len(errors)} problems prevent this run (just doctor says more):", *errors]))


def _facts(dataset: str, data: DatasetSource, codec: VideoCodec, text: TextEncoder) -> dict[str, object]:
    """What must be the same when a run is resumed."""
    return {
        "dataset": dataset,
        "shape": str(data.commonest_shape(len(data.stages) - 1)),
        "samples": digest(data.train.identity(), data.held_out.identity()),
        "codec": codec.name,
        "codec_identity": codec.identity,
        "text": text.name,
        "text_identity": text.identity,
    }
