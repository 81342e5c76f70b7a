"""`just train <dataset>`: trains a model on captioned shards; the same command resumes after any stop.

just train demo
torchrun --nproc-per-node 8 -m training.commands.train <dataset> --recipe cogvideox-2b
"""

import argparse
import sys
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.command import run_command
from schemas.heartbeat import Heartbeat
from training.commands.arguments.train import parse
from training.config import TrainConfig
from training.loop.prepare import Prepared, prepare
from training.loop.report import StepReport
from training.loop.stage_samples import sample_stage
from training.parallel import World, join_world, leave_world, share_cores


def main(arguments: list[str]) -> int:
    """Entry point."""
    return run(parse(arguments))


def run(options: argparse.Namespace) -> int:
    """Train."""
    config, dataset = options.settings, options.dataset
    folder = options.out or Path("runs") / f"{Path(dataset).name}-{config.recipe}"
    world = join_world()
    share_cores(world, config.data.workers)
    _train(config, dataset, folder, world)
    # Not in a `finally`: after an error of this process alone, the others block in a collective, and leaving would too.
    leave_world(world)
    return 0


def _train(config: TrainConfig, dataset: str, folder: Path, world: World) -> None:
    if world.is_first:
        print(f"checking {dataset} and {folder}; opening the networks of {config.recipe}", file=sys.stderr)
    with Heartbeat("opening", silent=not world.is_first):
        prepared = prepare(config, dataset, folder, world)
    if world.is_first:
        print(f"training {config.recipe} on {dataset} in {folder}", file=sys.stderr)
        print("\n".join(f"  {line}" for line in prepared.description), file=sys.stderr)
    done = prepared.run.resume()
    total = sum(stage.steps for stage in config.stages)
    if done and world.is_first:
        print(_left(done, total), file=sys.stderr)
    lines = Heartbeat("training", total, "steps", done=done, silent=not world.is_first)
    with _progress() as progress, lines as beat:
        task = progress.add_task("", total=total, completed=done, status="", visible=world.is_first)

        def show(report: StepReport) -> None:
            progress.update(task, completed=report.step + 1, description=report.stage, status=_status(report))
            beat.reach(report.step + 1, _status(report), f"stage {report.stage}")

        prepared.run.train(show, lambda stage: sample_stage(prepared, stage))
    with Heartbeat("held-out loss of the model, and of the best linear predictor", silent=not world.is_first):
        _conclude(prepared)


def _left(done: int, total: int) -> str:
    """What a run that starts with `done` of its steps is about to do."""
    if done < total:
        return f"resuming after step {done} of {total}"
    return f"all {total} steps are done: nothing is trained; measuring the validation loss once more"


def _progress() -> Progress:
    columns = (TextColumn("stage {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[status]}"), disable=not sys.stderr.isatty())


def _status(report: StepReport) -> str:
    utilised = f" MFU {report.mfu:.0%}" if report.mfu is not None else ""
    return (
        f"loss {report.loss:.3f}  {report.tokens_per_second:,.0f} tokens/s  fill {report.fill:.0%}  "
        f"waiting {report.waiting:.0%}{utilised}"
    )


def _conclude(prepared: Prepared) -> None:
    """Print the last stage's validation loss and that of the best linear predictor."""
    run, stages = prepared.run, prepared.config.stages
    validation = run.last_validation or run.validate(len(stages) - 1)
    linear = prepared.linear_baseline(stages[-1])
    if not prepared.world.is_first:
        return
    print(f"run        {prepared.folder.path}")
    if validation is None or linear is None:
        print("held out   nothing: the dataset has no validation source")
        return
    levels = linear.by_timestep()
    print(f"held-out loss at {len(levels)} noise levels   all    " + "".join(f"t={level:<7}" for level in levels))
    for name, result in (("model", validation), ("best linear predictor", linear)):
        print(f"  {name:32} {result.loss:.4f} " + "".join(f"{loss:<9.4f}" for loss in result.by_timestep().values()))
    print(f"samples    {prepared.folder.path / 'samples'}")


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
