"""Checkpoints: weights, optimiser moments, EMA and the position in the run; sharded, without pickle, atomic.

Tensors are written by torch's distributed checkpoint as safetensors, so a run can resume at another number of
processes; the rest is JSON. A checkpoint appears by one rename, after every file's SHA-256 is in its manifest. One
whose files do not match its manifest is refused, and the previous one is used. Writing runs in parallel with training.

    runs/<name>/checkpoints/step-000500/{manifest.json, state.json, shard-*.safetensors}

    checkpoints.save(state, tensors)
    state, folder = checkpoints.latest()
    checkpoints.load(folder, tensors)
"""

import hashlib
import json
import os
import shutil
import sys
import warnings
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import async_save, save

from schemas.errors import DatasetError
from training.parallel import World

_MANIFEST, _STATE = "manifest.json", "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """Position in a run: finished optimiser steps, the stage and its finished steps, and the names of saved tensors."""

    step: int
    stage: int
    stage_step: int
    tensors: tuple[str, ...]


class Checkpoints:
    """The checkpoints of one run. All processes call every method."""

    def __init__(self, folder: Path, world: World, keep: int, asynchronous: bool) -> None:
        self._folder, self._world, self._keep, self._asynchronous = folder, world, keep, asynchronous
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="checkpoint") if world.size == 1 else None
        # A separate process group, so that asynchronous saves do not interleave with training's collectives.
        self._group = dist.new_group(backend="gloo") if world.size > 1 else None
        self._pending: tuple[RunState, Path, Future[object]] | None = None

    def save(self, state: RunState, tensors: Mapping[str, Tensor]) -> None:
        """Write a checkpoint, or start to if asynchronous; a pending one is completed first."""
        self.complete()
        scratch = self._folder / f".writing-{state.step:06d}"
        if self._world.is_first:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
        self._world.wait()
        self._pending = (state, scratch, self._write(scratch, dict(tensors)))
        if not self._asynchronous:
            self.complete()

    def _write(self, scratch: Path, tensors: dict[str, Tensor]) -> "Future[object]":
        writer = HuggingFaceStorageWriter(str(scratch), save_distributed=True)
        if self._writer is None:
            future = async_save(tensors, storage_writer=writer, process_group=self._group)
            assert isinstance(future, Future)
            return future
        copies = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
        return self._writer.submit(_save_alone, copies, writer)

    def poll(self) -> None:
        """Publish the pending checkpoint if it is written; called after every step."""
        if self._pending is None:
            return
        done = self._world.sum([float(self._pending[2].done())])[0]
        if done == self._world.size:
            self.complete()

    def complete(self) -> None:
        """Wait for the pending checkpoint, if there is one, and publish it."""
        if self._pending is None:
            return
        state, scratch, written = self._pending
        self._pending = None
        written.result()
        self._world.wait()
        if self._world.is_first:
            (scratch / _STATE).write_text(json.dumps(asdict(state)))
            manifest = {path.name: _sha256(path) for path in sorted(scratch.iterdir())}
            (scratch / _MANIFEST).write_text(json.dumps(manifest, indent=1))
            for path in (*scratch.iterdir(), scratch):
                _flush(path)
            target = self._folder / f"step-{state.step:06d}"
            shutil.rmtree(target, ignore_errors=True)
            os.replace(scratch, target)
            for old in self._kept()[: -self._keep]:
                if old != target:
                    shutil.rmtree(old)
        self._world.wait()

    def latest(self) -> tuple[RunState, Path] | None:
        """The last intact checkpoint; None if there is none. Broken ones are reported and skipped."""
        step = self._world.sum([float(self._find_latest()) if self._world.is_first else 0.0])[0]
        if step < 0:
            return None
        folder = self._folder / f"step-{int(step):06d}"
        saved = json.loads((folder / _STATE).read_text())
        return RunState(**{**saved, "tensors": tuple(saved["tensors"])}), folder

    def _kept(self) -> list[Path]:
        """All checkpoints, the oldest first."""
        return sorted(self._folder.glob("step-*"), key=lambda folder: int(folder.name.removeprefix("step-")))

    def _find_latest(self) -> int:
        """The step of the last intact checkpoint; -1 if there is none."""
        for folder in reversed(self._kept()):
            fault = find_fault(folder)
            if fault is None:
                return int(folder.name.removeprefix("step-"))
            print(f"checkpoint {folder} is refused: {fault}; the previous one is used", file=sys.stderr)
        return -1

    def load(self, folder: Path, tensors: Mapping[str, Tensor]) -> None:
        """Load the tensors from a checkpoint, in place; it may come from any number of processes."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="torch.distributed is disabled")
            reader = HuggingFaceStorageReader(str(folder))
            load(dict(tensors), storage_reader=reader, process_group=self._group, no_dist=self._world.size == 1)


def find_fault(folder: Path) -> str | None:
    """What is wrong with a checkpoint's files; None if they match the manifest."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_text())
    except (OSError, ValueError) as error:
        return f"its manifest cannot be read ({type(error).__name__})"
    for name, checksum in manifest.items():
        path = folder / Path(name).name
        if not path.is_file():
            return f"{name} is missing"
        if _sha256(path) != checksum:
            return f"{name} has another checksum than in its manifest"
    return None


def _save_alone(tensors: dict[str, Tensor], writer: HuggingFaceStorageWriter) -> object:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        return save(tensors, storage_writer=writer, no_dist=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        raise DatasetError(f"cannot write {path}: {error.strerror}") from error
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def optimizer_tensors(
    optimizer: torch.optim.Optimizer, names: Mapping[Tensor, str], saved: tuple[str, ...] | None = None
) -> dict[str, Tensor]:
    """AdamW's moments and step counts by parameter name; those named in `saved` are created where missing."""
    tensors = {}
    for weight, name in names.items():
        state = optimizer.state[weight]
        if not state and saved is not None and f"optimizer.{name}.step" in saved:
            state["step"] = torch.tensor(0.0, device=weight.device)
            state["exp_avg"] = torch.zeros_like(weight)
            state["exp_avg_sq"] = torch.zeros_like(weight)
        tensors.update({f"optimizer.{name}.{moment}": value for moment, value in state.items()})
    return tensors
