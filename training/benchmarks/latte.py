"""Compares Latte's four variants on one dataset, and starts from scratch and from an image model.

`compare_variants` trains a debug Latte of each variant, with about equal parameter counts, by the recipe `latte-demo`.
`compare_starts` first trains an image model on stills alone (first frames of the training clips; its format is
PixArt-alpha's, written and read by diffusers), then trains clips from it and from scratch with the same seeds, packs,
noise and settings, and reports after how many steps each reaches the final validation loss of training from scratch.

    just bench latte
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from pipeline.storage.store import Store
from schemas.errors import ConfigError
from training.config import StageConfig, TrainConfig, ValidationConfig
from training.encoders.registry import open_codec, open_text
from training.export.run import run_source
from training.families.latte import LatteFamily
from training.latents.settings import CacheSettings, claim
from training.latents.source import plan_parts
from training.latents.write import LatentWriter
from training.loop.prepare import Prepared, prepare
from training.models.latte.config import PRESETS, Variant
from training.models.latte.pixart import without_time
from training.models.latte.variants import rows_of
from training.parallel import World, share_cores
from training.recipes import latte_demo

VARIANTS: dict[Variant, str] = {1: "debug", 2: "debug-2", 3: "debug-3", 4: "debug-4"}
VARIANT_HEADINGS = ("variant", "weights", "a clip, forward", "held-out loss", "best linear predictor")
CURVE_HEADINGS = ("step", "from scratch", "from the picture model")
REACH_HEADINGS = ("seed", "scratch ends at", "after steps", "the picture model's start is there at step")

_POINTS = 12  # of a curve
_CLIP = (17, 4, 6)  # 17 frames of 96x64 as patches of 16 pixels

Note = Callable[[str], None]
Curve = dict[int, float]
"""Step to held-out loss."""


@dataclass(frozen=True, slots=True)
class Starts:
    """Validation curves by seed, from scratch and from the image model."""

    scratch: Mapping[int, Curve]
    started: Mapping[int, Curve]

    def curve_rows(self) -> list[Sequence[object]]:
        """Mean over the seeds, with minimum and maximum."""
        steps = sorted(next(iter(self.scratch.values())))
        return [(step, _spread(self.scratch, step), _spread(self.started, step)) for step in steps]

    def reach_rows(self) -> list[Sequence[object]]:
        """Steps until the final loss of training from scratch is reached."""
        rows: list[Sequence[object]] = []
        for seed, curve in self.scratch.items():
            last = max(curve)
            reached = next((step for step, loss in sorted(self.started[seed].items()) if loss <= curve[last]), None)
            rows.append((seed, f"{curve[last]:.4f}", last, "never" if reached is None else reached))
        return rows


def compare_variants(dataset: str, folder: Path, note: Note) -> list[Sequence[object]]:
    """A row per variant: parameters, FLOPs, and validation loss of model and best linear predictor."""
    latents = encode(dataset, folder / "latents", latte_demo().stages)
    costs = {row.variant: row for row in rows_of([PRESETS[preset] for preset in VARIANTS.values()], _CLIP)}
    rows: list[Sequence[object]] = []
    for variant, preset in VARIANTS.items():
        recipe = latte_demo()
        model = recipe.model.model_copy(update={"preset": preset})
        data = recipe.data.model_copy(update={"latents": latents})
        changed = recipe.model_copy(update={"model": model, "data": data, "loggers": []})
        prepared = _train(changed, dataset, folder / preset, note)
        validation, linear = prepared.run.last_validation, prepared.linear_baseline(recipe.stages[-1])
        assert validation is not None  # something is held out, as was checked before training
        assert linear is not None
        row = costs[variant]
        cost = f"{row.flops / 1e9:.2f} GFLOP ({row.cost:.2f})"
        rows.append((variant, f"{row.parameters:,}", cost, f"{validation.loss:.4f}", f"{linear.loss:.4f}"))
        note(f"variant {variant}: {validation.loss:.4f}, linear {linear.loss:.4f}")
    return rows


def compare_starts(
    dataset: str, folder: Path, note: Note, seeds: int = 3, steps: int = 120, still_steps: int = 400
) -> Starts:
    """Train clips from scratch and from an image model, for each seed."""
    stills = StageConfig(name="stills", steps=still_steps, short_side=64, max_seconds=0.05, pack_length=2500)
    clips = StageConfig(name="clips", steps=steps, short_side=64, max_seconds=1, pack_length=2500, image_share=0)
    latents = encode(dataset, folder / "latents", [stills, clips])
    write_image_model(dataset, folder, _config(stills, 0, 100, latents), note)
    curves_of: dict[str, dict[int, Curve]] = {"": {}, str(folder / "pixart"): {}}
    for seed in range(seeds):
        for weights, curves in curves_of.items():
            config = _config(clips, seed, max(1, steps // _POINTS), latents, weights)
            out = folder / f"{'started' if weights else 'scratch'}-{seed}"
            _train(config, dataset, out, note)
            curves[seed] = _curve(out)
            note(f"{out.name}: {curves[seed][steps]:.4f}")
    return Starts(*curves_of.values())


def encode(dataset: str, folder: Path, stages: Sequence[StageConfig]) -> str:
    """Write a latent cache of these stages' samples, so that no run encodes; returns its folder."""
    settings = latte_demo().encoders
    codec, text = open_codec(settings), open_text(settings, PRESETS["debug"].text_length)
    store, cache, kept = Store(dataset), Store(str(folder)), CacheSettings.of(codec, text, "float32")
    claim(cache, kept)
    LatentWriter(store, cache, kept, codec, text).write(plan_parts(store, stages, kept), lambda part, failed: None)
    return str(folder)


def write_image_model(dataset: str, folder: Path, config: TrainConfig, note: Note) -> Path:
    """Train on stills and write the weights with diffusers' PixArt-alpha class; returns the folder."""
    from diffusers import PixArtTransformer2DModel

    run, steps = folder / "stills", config.stages[0].steps
    _train(config, dataset, run, note)
    source = run_source(run)
    assert isinstance(source.family, LatteFamily)
    sizes = source.family.sizes
    image_model = PixArtTransformer2DModel(
        num_attention_heads=sizes.heads,
        attention_head_dim=sizes.head_dim,
        in_channels=sizes.in_channels,
        out_channels=sizes.out_channels,
        num_layers=sizes.spatial_blocks,
        cross_attention_dim=sizes.width,
        sample_size=sizes.sample_size,
        patch_size=sizes.patch,
        caption_channels=sizes.text_dim,
        interpolation_scale=sizes.interpolation_scale,
        use_additional_conditions=False,
    )
    image_model.load_state_dict(without_time(source.state))
    image_model.save_pretrained(folder / "pixart")
    note(f"image model after {steps} steps: {_curve(run)[steps]:.4f} on held-out stills")
    return folder / "pixart"


def _config(stage: StageConfig, seed: int, every: int, latents: str, weights: str = "") -> TrainConfig:
    recipe = latte_demo()
    debug = PRESETS["debug"]
    known = {"frames": debug.frames, "text_length": debug.text_length, "padding": debug.padding} if weights else {}
    latte = recipe.model.latte.model_copy(update=known)
    return recipe.model_copy(
        update={
            "seed": seed,
            "data": recipe.data.model_copy(update={"latents": latents}),
            "model": recipe.model.model_copy(update={"weights": weights, "latte": latte}),
            "optimizer": recipe.optimizer.model_copy(update={"learning_rate": 1e-3, "schedule": "constant"}),
            "stages": [stage],
            "ema": recipe.ema.model_copy(update={"decay": 0.0}),
            "validation": ValidationConfig(every=every),
            "loggers": [],
        }
    )


def _train(config: TrainConfig, dataset: str, folder: Path, note: Note) -> Prepared:
    world = World(0, 1, torch.device("cpu"))
    share_cores(world, config.data.workers)
    prepared = prepare(config, dataset, folder, world)
    if not prepared.data.validation_shapes(len(config.stages) - 1):
        raise ConfigError(f"{dataset} has no held-out samples, so there is no loss to compare; curate more sources")
    done = prepared.run.resume()
    note(f"{folder.name}: from step {done}")
    if not done:
        prepared.run.validate(len(config.stages) - 1)
    prepared.run.train(lambda report: None, lambda stage: None)
    if prepared.run.last_validation is None:
        prepared.run.validate(len(config.stages) - 1)
    return prepared


def _curve(folder: Path) -> Curve:
    lines = [json.loads(line) for line in (folder / "validation.jsonl").read_text().splitlines()]
    return {line["step"]: line["loss"] for line in lines}


def _spread(curves: Mapping[int, Curve], step: int) -> str:
    values = [curve[step] for curve in curves.values()]
    return f"{sum(values) / len(values):.4f} ({min(values):.4f}-{max(values):.4f})"
