"""`just train <dataset>`: from captioned shards to a model, resumed by the same command after any stop.

just train demo
torchrun --nproc-per-node 8 -m training.commands.train <dataset> --recipe cogvideox-2b
"""

import argparse
import sys
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.command import make_parser, run_command
from schemas.errors import DatasetError
from schemas.heartbeat import Heartbeat
from schemas.load import dump_config
from training.commands.front import add_recipe_arguments, dataset_of, recipe_of
from training.config import TrainConfig
from training.doctor.ahead import check_ahead
from training.doctor.shards import require_dataset
from training.loop.prepare import Prepared, prepare
from training.loop.report import StepReport
from training.loop.stage_samples import sample_stage
from training.parallel import World, join_world, leave_world, share_cores

_EPILOG = """examples:
  just train demo                                        the debug model on the demo dataset, minutes on a CPU
  just train datasets/mine --recipe cogvideox-5b-lora --set model.weights=models/CogVideoX-5b
  just train datasets/mine --config run.yaml --set stages.256.steps=1000
  just train datasets/mine --recipe cogvideox-2b --show-config

Run the same command again to go on after a stop: from the last checkpoint, with the numbers it would have had.
Several processes: torchrun --nproc-per-node 8 -m training.commands.train <the same arguments> (docs/training.md)"""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser("train", "Train a text-to-video model on a dataset that `just curate` made.", _EPILOG)
    parser.add_argument("dataset", help="dataset folder or s3://..., or `demo` (datasets/demo)")
    parser.add_argument("--out", type=Path, help="the run's folder (default: runs/<dataset>-<recipe>)")
    add_recipe_arguments(parser)
    parser.add_argument("--show-config", action="store_true", help="print and check the configuration, and stop")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Train, or print the configuration and what is wrong with it."""
    options = parse(arguments)
    config = recipe_of(options)
    if options.show_config:
        print(dump_config(config), end="", flush=True)
    # What a look at folders tells is told before networks are opened, and by --show-config.
    check_ahead(config)
    try:
        dataset = dataset_of(options.dataset)
    except DatasetError as error:
        if not options.show_config:
            raise
        print(f"{error}; so the rules' columns were not looked up", file=sys.stderr)
        return 0
    require_dataset(config, dataset)
    if options.show_config:
        return 0
    folder = options.out or Path("runs") / f"{Path(dataset).name}-{config.recipe}"
    world = join_world()
    share_cores(world, config.data.workers)
    _train(config, dataset, folder, world)
    # Not after an error of this process alone: the others wait for it in what they share, and leaving would wait too.
    leave_world(world)
    return 0


def _train(config: TrainConfig, dataset: str, folder: Path, world: World) -> None:
    if world.is_first:
        print(
            f"looking at {dataset} and at what {folder} holds; opening the networks of {config.recipe}", file=sys.stderr
        )
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
        task = progress.add_task("", total=total, completed=done, said="", visible=world.is_first)

        def show(report: StepReport) -> None:
            progress.update(task, completed=report.step + 1, description=report.stage, said=_say(report))
            beat.reach(report.step + 1, _say(report), f"stage {report.stage}")

        prepared.run.train(show, lambda stage: sample_stage(prepared, stage))
    with Heartbeat("held-out loss of the model, and of the best linear predictor", silent=not world.is_first):
        _conclude(prepared)


def _left(done: int, total: int) -> str:
    """What a run that begins with `done` of its steps is about to do."""
    if done < total:
        return f"going on after step {done} of {total}"
    return f"all {total} steps are done: nothing is trained; looking at the held-out loss once more"


def _progress() -> Progress:
    columns = (TextColumn("stage {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[said]}"), disable=not sys.stderr.isatty())


def _say(report: StepReport) -> str:
    utilised = f" MFU {report.mfu:.0%}" if report.mfu is not None else ""
    return (
        f"loss {report.loss:.3f}  {report.tokens_per_second:,.0f} tokens/s  fill {report.fill:.0%}  "
        f"waiting {report.waiting:.0%}{utilised}"
    )


def _conclude(prepared: Prepared) -> None:
    """Held-out loss of the last stage beside the best linear predictor's."""
    run, stages = prepared.run, prepared.config.stages
    found = run.last_validation or run.validate(len(stages) - 1)
    linear = prepared.linear_baseline(stages[-1])
    if not prepared.world.is_first:
        return
    print(f"run        {prepared.folder.path}")
    if found is None or linear is None:
        print("held out   nothing: the dataset has no validation source")
        return
    levels = linear.by_timestep()
    print(f"held-out loss at {len(levels)} noise levels   all    " + "".join(f"t={level:<7}" for level in levels))
    for name, one in (("model", found), ("best linear predictor", linear)):
        print(f"  {name:32} {one.loss:.4f} " + "".join(f"{loss:<9.4f}" for loss in one.by_timestep().values()))
    print(f"samples    {prepared.folder.path / 'samples'}")


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
