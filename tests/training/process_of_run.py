"""One process of a made run, for tests that start several: `-m tests.training.process_of_run <folder> <steps>`.

With a third argument the process kills itself (kill -9) after that step.
"""

import os
import signal
import sys
from pathlib import Path

from tests.training.made_run import made_config, made_run
from training.config import ParallelConfig
from training.loop.report import StepReport
from training.parallel import join_world, leave_world


def main() -> None:
    folder, steps = Path(sys.argv[1]), int(sys.argv[2])
    die_after = int(sys.argv[3]) if len(sys.argv) > 3 else -1
    world = join_world()
    config = made_config(steps=steps, every=5)
    replicas = ParallelConfig(replicas=int(os.environ.get("REPLICAS", "1")))
    run = made_run(folder, config.model_copy(update={"parallel": replicas}), world)
    run.resume()

    def show(report: StepReport) -> None:
        if report.step == die_after:
            os.kill(os.getpid(), signal.SIGKILL)

    run.train(show, lambda stage: None)
    leave_world(world)


if __name__ == "__main__":
    main()
