"""`just train <dataset>`: from captioned shards to a model, resumed by the same command after any stop.

just train demo
torchrun --nproc-per-node 8 -m training.commands.train <dataset> --recipe cogvideox-2b
"""

import argparse
import sys
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.load import dump_config
from training.commands.front import add_recipe_arguments, make_parser, recipe_of, run_command
from training.config import TrainConfig
from training.parallel import World, join_world, leave_world
from training.report import StepReport
from training.session import Session, open_session

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
    parser.add_argument("--show-config", action="store_true", help="print the resolved configuration and stop")
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Train, or print the configuration."""
    options = parse(arguments)
    config = recipe_of(options)
    if options.show_config:
        print(dump_config(config), end="")
        return 0
    dataset = "datasets/demo" if options.dataset == "demo" else options.dataset.rstrip("/")
    folder = options.out or Path("runs") / f"{Path(dataset).name}-{config.recipe}"
    world = join_world()
    try:
        _train(config, dataset, folder, world)
    finally:
        leave_world(world)
    return 0


def _train(config: TrainConfig, dataset: str, folder: Path, world: World) -> None:
    session = open_session(config, dataset, folder, world)
    if world.is_first:
        print(f"training {config.recipe} on {dataset} in {folder}", file=sys.stderr)
        print("\n".join(f"  {line}" for line in session.description), file=sys.stderr)
    done = session.run.resume()
    total = sum(stage.steps for stage in config.stages)
    if done and world.is_first:
        print(f"going on after step {done} of {total}", file=sys.stderr)
    with _progress() as progress:
        task = progress.add_task("", total=total, completed=done, said="", visible=world.is_first)

        def show(report: StepReport) -> None:
            progress.update(task, completed=report.step + 1, description=report.stage, said=_say(report))

        session.run.train(show, lambda stage: session.after_stage(stage))
    if world.is_first:
        _conclude(session)


def _progress() -> Progress:
    columns = (TextColumn("stage {task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[said]}"), disable=not sys.stderr.isatty())


def _say(report: StepReport) -> str:
    utilised = f" MFU {report.mfu:.0%}" if report.mfu is not None else ""
    return (
        f"loss {report.loss:.3f}  {report.tokens_per_second:,.0f} tokens/s  fill {report.fill:.0%}  "
        f"waiting {report.waiting:.0%}{utilised}"
    )


def _conclude(session: Session) -> None:
    for line in session.conclusion():
        print(line)


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
