"""`just tune <video> "<caption>" --edit "<prompt>"`: learn one video with an image model, then edit it by prompts.

just tune film.mp4 "a man skis on snow" --model models/stable-diffusion-v1-4 --edit "a bear skis on snow"
just tune datasets/demo --clip <clip id> --model models/tiny --edit "a green square moves left" --frames 8
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.errors import InputError
from schemas.heartbeat import Heartbeat
from training.commands.arguments.tune import parse
from training.config import TrainConfig
from training.editing.footage import Footage, Wanted, look_at, read_clip, read_video
from training.editing.metrics import Looker
from training.editing.tune import Tuning, prepare_tuning
from training.editing.write import Film, Measured, measure, write_edits
from training.encoders.registry import open_codec
from training.loop.report import StepReport
from training.models.tune_a_video.weights import read_settings, unet_folder
from training.parallel import join_world, leave_world, share_cores


def main(arguments: list[str], open_looker: Callable[[str], Looker]) -> int:
    """Entry point."""
    return run(parse(arguments), open_looker)


def run(options: argparse.Namespace, open_looker: Callable[[str], Looker]) -> int:
    """Learn, edit, measure with what `open_looker` makes of --embedder-weights, and say where everything is."""
    config = options.settings
    footage = _footage(options, config)
    caption = options.caption or footage.caption
    if not caption:
        raise InputError(f"{options.video} has no caption of its own; give what it shows as the second argument")
    looker = open_looker(options.embedder_weights)
    folder = options.out or Path("runs") / f"{Path(options.clip or options.video).stem}-{config.recipe}"
    world = join_world()
    share_cores(world, 0)
    tuning = prepare_tuning(config, footage, caption, folder, world)
    _train(tuning)
    print(f"learnt     {tuning.save()}")
    measured = edit(tuning, options.edit, looker)
    _show(measured, looker)
    print(f"edits      {folder / 'edits'}: look at side_by_side.mp4 and sheet.png")
    leave_world(world)
    return 0


def _footage(options: argparse.Namespace, config: TrainConfig) -> Footage:
    if options.clip and not options.size:
        found = read_clip(options.video, options.clip, None)
        width, height = found.shape.width, found.shape.height
    else:
        width, height = _size(options, config)
    wanted = Wanted(width=width, height=height, frames=options.frames, stride=options.stride, start=options.start)
    return read_clip(options.video, options.clip, wanted) if options.clip else read_video(options.video, wanted)


def _size(options: argparse.Namespace, config: TrainConfig) -> tuple[int, int]:
    """What is asked for; the size that the image model was trained at; or the video's, cut to what the UNet takes."""
    if options.sides:
        width, height = options.sides
        return width, height
    settings = read_settings(unet_folder(config.model.weights))
    stride = open_codec(config.encoders).spatial_stride
    if isinstance(settings["sample_size"], int):
        return settings["sample_size"] * stride, settings["sample_size"] * stride
    info = look_at(options.video)
    side = int(stride * 2 ** (len(settings["block_out_channels"]) - 1))
    return max(side, info.width // side * side), max(side, info.height // side * side)


def _train(tuning: Tuning) -> None:
    done, total = tuning.run.resume(), sum(stage.steps for stage in tuning.config.stages)
    print(f"learning {tuning.footage.name}: {tuning.footage.shape}, {tuning.caption!r}", file=sys.stderr)
    print(f"  codec {tuning.codec.name}, text {tuning.text.name}", file=sys.stderr)
    if done:
        print(f"going on after step {done} of {total}", file=sys.stderr)
    columns = (TextColumn("tune"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = Progress(*columns, TextColumn("{task.fields[said]}"), disable=not sys.stderr.isatty())
    with bars as progress, Heartbeat("tune", total, "steps", done=done) as beat:
        task = progress.add_task("", total=total, completed=done, said="")

        def show(report: StepReport) -> None:
            progress.update(task, completed=report.step + 1, said=f"loss {report.loss:.3f}")
            beat.reach(report.step + 1, f"loss {report.loss:.3f}")

        tuning.run.train(show, lambda stage: None)


def edit(tuning: Tuning, prompts: Sequence[str], looker: Looker) -> list[Measured]:
    """Reconstruct and edit the clip, measure, and write all of it into the run's folder."""
    with Heartbeat("inverting and editing the clip", always=True):
        made = list(tuning.edit([tuning.caption, *prompts]))
    names = ["reconstruction", *(f"edit-{number + 1}" for number in range(len(prompts)))]
    films = [Film(name="source", prompt=tuning.caption, pixels=tuning.footage.pixels)]
    films += [
        Film(name=name, prompt=prompt, pixels=pixels)
        for name, prompt, pixels in zip(names, [tuning.caption, *prompts], made, strict=True)
    ]
    measured = measure(films, looker, tuning.shown())
    how = tuning.config.sampling
    facts = {
        "checkpoint": f"{tuning.folder.path.name}, step {tuning.run.state.step}",
        "image_model": tuning.config.model.weights,
        "video": tuning.footage.name,
        "shape": str(tuning.footage.shape),
        "sampling": f"DDIM, {how.steps} steps, guidance {how.guidance:g}, inverted without a prompt",
        "codec": tuning.codec.name,
        "text": tuning.text.name,
        "measured_by": looker.name,
    }
    write_edits(str(tuning.folder.path / "edits"), films, measured, tuning.footage.fps, facts)
    return measured


def _show(measured: Sequence[Measured], looker: Looker) -> None:
    print(f"measured by {looker.name}{'' if measured[0].text_alignment is not None else ', which reads no prompts'}")
    print(f"  {'':16}frames alike   shows the prompt   PSNR to the source")
    for one in measured:
        aligned = "-" if one.text_alignment is None else f"{100 * one.text_alignment:.2f}"
        near = "-" if one.psnr is None else f"{one.psnr:.1f} dB"
        print(f"  {one.name:16}{100 * one.frame_consistency:<15.2f}{aligned:<19}{near:<10}{one.prompt}")
