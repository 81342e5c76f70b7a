"""`just tune <video> "<caption>" --edit "<prompt>"`: tunes an image model on a video, then edits it by prompts.

just tune video.mp4 "a man skis on snow" --model models/stable-diffusion-v1-4 --edit "a bear skis on snow"
just tune datasets/demo --clip <clip id> --model models/tiny --edit "a green square moves left" --frames 8
just tune video.mp4 "a man skis on snow" --model models/sd --tuned tuned.safetensors --edit "a man surfs"
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
from training.editing.metrics import FrameEmbedder
from training.editing.source_clip import ClipSpec, SourceClip, probe_video, read_clip, read_video
from training.editing.tune import Tuning, prepare_tuning
from training.editing.write import EditedVideo, EditMetrics, measure, write_edits
from training.encoders.registry import open_codec
from training.loop.report import StepReport
from training.models.tune_a_video.weights import read_settings, unet_folder
from training.parallel import join_world, leave_world, share_cores


def main(arguments: list[str], open_embedder: Callable[[str], FrameEmbedder]) -> int:
    """Entry point."""
    return run(parse(arguments), open_embedder)


def run(options: argparse.Namespace, open_embedder: Callable[[str], FrameEmbedder]) -> int:
    """Tune, edit, and measure with the embedder that `open_embedder` opens for --embedder-weights."""
    config = options.settings
    clip = _clip(options, config)
    caption = options.caption or clip.caption
    if not caption:
        raise InputError(f"{options.video} has no caption; describe what it shows in the second argument")
    embedder = open_embedder(options.embedder_weights)
    suffix = "edited" if options.tuned else config.recipe
    folder = options.out or Path("runs") / f"{Path(options.clip or options.video).stem}-{suffix}"
    world = join_world()
    share_cores(world, 0)
    tuning = prepare_tuning(config, clip, caption, folder, world, options.tuned)
    if options.tuned is None:
        _train(tuning)
        print(f"tuned      {tuning.save()}")
    measured = edit(tuning, options.edit, embedder)
    _show(measured, embedder)
    print(f"edits      {folder / 'edits'}: look at side_by_side.mp4 and sheet.png")
    leave_world(world)
    return 0


def _clip(options: argparse.Namespace, config: TrainConfig) -> SourceClip:
    if options.clip and not options.size:
        whole_clip = read_clip(options.video, options.clip, None)
        width, height = whole_clip.shape.width, whole_clip.shape.height
    else:
        width, height = _size(options, config)
    spec = ClipSpec(width=width, height=height, frames=options.frames, stride=options.stride, start=options.start)
    return read_clip(options.video, options.clip, spec) if options.clip else read_video(options.video, spec)


def _size(options: argparse.Namespace, config: TrainConfig) -> tuple[int, int]:
    """`--size`; else the size that the image model was trained at; else the video's, rounded to what the UNet takes."""
    if options.sides:
        width, height = options.sides
        return width, height
    settings = read_settings(unet_folder(config.model.weights))
    stride = open_codec(config.encoders).spatial_stride
    if isinstance(settings["sample_size"], int):
        return settings["sample_size"] * stride, settings["sample_size"] * stride
    info = probe_video(options.video)
    side = int(stride * 2 ** (len(settings["block_out_channels"]) - 1))
    return max(side, info.width // side * side), max(side, info.height // side * side)


def _train(tuning: Tuning) -> None:
    done, total = tuning.run.resume(), sum(stage.steps for stage in tuning.config.stages)
    print(f"tuning on {tuning.clip.name}: {tuning.clip.shape}, {tuning.caption!r}", file=sys.stderr)
    print(f"  codec {tuning.codec.name}, text {tuning.text.name}", file=sys.stderr)
    if done:
        print(f"resuming after step {done} of {total}", file=sys.stderr)
    columns = (TextColumn("tune"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bars = Progress(*columns, TextColumn("{task.fields[status]}"), disable=not sys.stderr.isatty())
    with bars as progress, Heartbeat("tune", total, "steps", done=done) as beat:
        task = progress.add_task("", total=total, completed=done, status="")

        def show(report: StepReport) -> None:
            progress.update(task, completed=report.step + 1, status=f"loss {report.loss:.3f}")
            beat.reach(report.step + 1, f"loss {report.loss:.3f}")

        tuning.run.train(show, lambda stage: None)


def edit(tuning: Tuning, prompts: Sequence[str], embedder: FrameEmbedder) -> list[EditMetrics]:
    """Reconstruct and edit the clip, measure, and write everything into the run's folder."""
    with Heartbeat("inverting and editing the clip", always=True):
        edited = list(tuning.edit([tuning.caption, *prompts]))
    names = ["reconstruction", *(f"edit-{number + 1}" for number in range(len(prompts)))]
    videos = [EditedVideo(name="source", prompt=tuning.caption, pixels=tuning.clip.pixels)]
    videos += [
        EditedVideo(name=name, prompt=prompt, pixels=pixels)
        for name, prompt, pixels in zip(names, [tuning.caption, *prompts], edited, strict=True)
    ]
    measured = measure(videos, embedder, tuning.decoded_source())
    settings = tuning.config.sampling
    facts = {
        "checkpoint": tuning.loaded or f"{tuning.folder.path.name}, step {tuning.run.state.step}",
        "image_model": tuning.config.model.weights,
        "video": tuning.clip.name,
        "shape": str(tuning.clip.shape),
        "sampling": f"DDIM, {settings.steps} steps, guidance {settings.guidance:g}, inverted without a prompt",
        "codec": tuning.codec.name,
        "text": tuning.text.name,
        "measured_by": embedder.name,
    }
    write_edits(str(tuning.folder.path / "edits"), videos, measured, tuning.clip.fps, facts)
    return measured


def _show(measured: Sequence[EditMetrics], embedder: FrameEmbedder) -> None:
    print(f"measured by {embedder.name}{'' if measured[0].text_alignment is not None else ', which has no text tower'}")
    print(f"  {'':16}consistency    text alignment     PSNR to the source")
    for metrics in measured:
        aligned = "-" if metrics.text_alignment is None else f"{100 * metrics.text_alignment:.2f}"
        psnr = "-" if metrics.psnr is None else f"{metrics.psnr:.1f} dB"
        print(f"  {metrics.name:16}{100 * metrics.frame_consistency:<15.2f}{aligned:<19}{psnr:<10}{metrics.prompt}")
