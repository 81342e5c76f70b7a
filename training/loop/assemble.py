"""Builds the trainer of a method: shards the model over the processes, creates optimiser and guard.

trainer = make_trainer(method, config, folder, world)
"""

from pathlib import Path

import torch

from training.config import TrainConfig
from training.loop.guard import Guard
from training.loop.optimizer import make_optimizer
from training.loop.peaks import peak
from training.loop.trainer import Trainer
from training.methods.base import Method
from training.parallel import World, shard


def make_trainer(method: Method, config: TrainConfig, folder: Path, world: World) -> Trainer:
    """The trainer of this process; if the guard stops the run, it writes its file into `folder`."""
    shard(method.model, method.blocks(), world, config.parallel.replicas)
    optimizer = make_optimizer(method.model, config.optimizer)
    name = torch.cuda.get_device_name(world.device) if world.device.type == "cuda" else "cpu"
    watch = Guard(folder, config.optimizer.spike, world.rank).watch
    return Trainer(method, optimizer, config.optimizer, world, watch, peak(name))
