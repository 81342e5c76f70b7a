"""Videos at the end of a stage: from the fixed prompts, with the averaged weights, at the stage's commonest shape.

runs/<name>/samples/<stage>/sheet.png
"""

from training.config import StageConfig
from training.loop.prepare import Prepared
from training.sampling.make import LoadedModel, Order, make_clips, write_samples

_PROMPTS = 4


def sample_stage(prepared: Prepared, stage: StageConfig) -> None:
    """Sample and write. All processes compute, one writes; a stage that has its samples already is passed over."""
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
    order = Order(
        prompts=prompts, shape=prepared.data.commonest_shape(number), settings=config.sampling, seed=config.seed
    )
    with prepared.run.average.in_place():
        clips = make_clips(loaded, order)
    if prepared.world.is_first:
        write_samples(out, loaded, order, clips)
    prepared.world.wait()
