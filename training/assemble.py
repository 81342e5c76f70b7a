"""A method made ready to be trained: sharded over the processes, with its optimiser, its guard and its trainer.

just train demo
"""

from pathlib import Path

import torch

from training.config import TrainConfig
from training.guard import Guard
from training.methods.base import Method
from training.optimizer import make_optimizer
from training.parallel import World, shard
from training.peaks import peak
from training.trainer import Trainer


def make_trainer(method: Method, config: TrainConfig, folder: Path, world: World) -> Trainer:
    """The trainer of this process; the guard writes what stopped a run into `folder`."""
    shard(method.model, method.blocks(), world, config.parallel.replicas)
    optimizer = make_optimizer(method.model, config.optimizer)
    name = torch.cuda.get_device_name(world.device) if world.device.type == "cuda" else "cpu"
    watch = Guard(folder, config.optimizer.spike, world.rank).watch
    return Trainer(method, optimizer, config.optimizer, world, watch, peak(name))
