"""Samples videos at the end of a stage: fixed prompts, EMA weights, the stage's most frequent shape.

sample_stage(prepared, stage)      # writes runs/<name>/samples/<stage>/sheet.png
"""

from training.config import StageConfig
from training.loop.prepare import Prepared
from training.sampling.make import LoadedModel, SamplingRequest, make_clips, write_samples

_PROMPTS = 4


def sample_stage(prepared: Prepared, stage: StageConfig) -> None:
    """Sample and write. All processes compute, the first one writes; a stage that already has samples is skipped."""
    config, number = prepared.config, prepared.config.stages.index(stage)
    out = prepared.folder.path / "samples" / stage.name
    if (out / "samples.json").exists():
        return
    prompts = config.sampling.prompts or prepared.data.held_out_captions(number, _PROMPTS)
    if not prompts:
        return
    loaded = LoadedModel(
        model=prepared.model,
        family=prepared.family,
        codec=prepared.codec,
        text=prepared.text,
        checkpoint=f"{prepared.folder.path.name}, step {prepared.run.state.step}",
        recipe=config.recipe,
        steps=prepared.run.state.step,
    )
    request = SamplingRequest(
        prompts=prompts, shape=prepared.data.commonest_shape(number), settings=config.sampling, seed=config.seed
    )
    with prepared.run.average.in_place():
        clips = make_clips(loaded, request)
    if prepared.world.is_first:
        write_samples(out, loaded, request, clips)
    prepared.world.wait()
