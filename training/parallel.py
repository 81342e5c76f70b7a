"""The processes of a run: ranks, sharding of the model over them (FSDP2, HSDP), and reductions.

A single process is a world of size 1: the same code runs, without sharding or communication.

    world = join_world()
    shard(model, blocks, world, replicas=1)
    (total,) = world.sum([loss])
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from schemas.errors import ConfigError

_PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class World:
    """This process's rank among `size` processes, and its device."""

    rank: int
    size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which writes shared files."""
        return self.rank == 0

    def sum(self, values: Sequence[float]) -> list[float]:
        """Sums over all processes, in float64, equal on all of them."""
        if self.size == 1:
            return list(values)
        total = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(total)
        return [float(value) for value in total]

    def wait(self) -> None:
        """Barrier: return when all processes have called it."""
        if self.size > 1:
            dist.barrier()


def join_world() -> World:
    """The world of torchrun's environment variables; a world of size 1 without them."""
    size, rank = int(os.environ.get("WORLD_SIZE", "1")), int(os.environ.get("RANK", "0"))
    device = torch.device("cpu")
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        torch.cuda.set_device(device)
    if size > 1 and not dist.is_initialized():
        # Checkpoints are written through the CPU's backend while training continues.
        backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
        dist.init_process_group(backend, timeout=_PATIENCE)
    return World(rank, size, device)


def share_cores(world: World, readers: int) -> None:
    """On a CPU, limit each process to the cores that its `readers` leave free: oversubscription is far slower."""
    if world.device.type == "cpu":
        cores = len(os.sched_getaffinity(0)) // world.size
        torch.set_num_threads(max(1, cores - readers))


def leave_world(world: World) -> None:
    """End the process group."""
    if world.size > 1 and dist.is_initialized():
        dist.destroy_process_group()


def shard(model: nn.Module, blocks: Sequence[nn.Module], world: World, replicas: int) -> None:
    """Move the model to its device and shard it, block by block, over all processes or over each group of them.

    Raises `ConfigError` if the number of processes does not divide into `replicas` groups.
    """
    if world.size % replicas:
        raise ConfigError(f"parallel.replicas = {replicas} does not divide {world.size} processes")
    model.to(world.device)
    if world.size == 1:
        return
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    shape = (replicas, world.size // replicas) if replicas > 1 else (world.size,)
    mesh = init_device_mesh(world.device.type, shape, mesh_dim_names=("replicate", "shard")[-len(shape) :])
    for block in blocks:
        fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh)


def reshard(model: nn.Module) -> None:
    """Reshard weights that a forward pass gathered without a backward pass."""
    from torch.distributed.fsdp import FSDPModule

    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def whole(tensor: Tensor) -> Tensor:
    """The full tensor of one that may be sharded over processes. All processes must call it."""
    from torch.distributed.tensor import DTensor

    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
