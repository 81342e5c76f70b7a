"""Packs of samples, in the order of the plan: read and decoded ahead by worker processes, with a budget for bad ones.

Every worker gets every n-th pack and keeps `prefetch` of them going, so packs come in order and memory is bounded by
workers x prefetch packs. A sample that cannot be read, or hangs, is left out of its pack and counted; when the counted
ones are more than `max_bad_share`, the run stops and says which. A worker that dies stops the run at once.

    python -m pytest tests/training/data/test_loader.py
"""

import itertools
import os
import queue
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, cast

from schemas.errors import DatasetError, StageError
from training.config import DataConfig
from training.data.batch import Batch, LatentBatch, LatentSample, PixelBatch, PixelSample
from training.data.deal import Dealt, deal
from training.data.opening import BadSample, Opener, receive
from training.data.planned import PlannedSample
from training.data.steps import StepPlan

if TYPE_CHECKING:
    from training.data.opening import OpenSample, Sample

# The share of bad samples is taken of at least so many, so that one of the first ten does not stop a run.
_BUDGET_BASE = 1000
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class LoadedPack:
    """A pack that was read: its batch, the plan that it follows, the samples that had to be left out.

    `weight` is 0 for what must be computed but not count: copies, and packs of which nothing could be read (they have
    no batch). `kept` are the places in the plan's pack of the samples in the batch.
    """

    batch: Batch | None
    dealt: Dealt
    weight: int
    bad: tuple[BadSample, ...]
    kept: tuple[int, ...]


def rank_packs(plan: StepPlan, steps: Iterable[int], rank: int, world: int, width: int) -> Iterator[Dealt]:
    """What one rank of `world` computes in these steps of a stage, in order, for a model of this width."""
    for step in steps:
        yield from deal(plan.packs(step), world, width, step)[rank]


class Loader:
    """Loads packs with an `open_sample` that other processes can be sent; `seen` and `bad` count over all its use."""

    def __init__(self, open_sample: "OpenSample", config: DataConfig) -> None:
        self._open_sample, self._config = open_sample, config
        self.seen = 0
        self.bad: list[BadSample] = []

    def load(self, packs: Iterable[Dealt]) -> Iterator[LoadedPack]:
        """Every pack, in order. Raises `DatasetError` if too many samples are bad, `StageError` if a worker dies."""
        for dealt, found in self._found(packs):
            good = [(place, one) for place, one in enumerate(found) if not isinstance(one, BadSample)]
            bad = tuple(sample for sample in found if isinstance(sample, BadSample))
            self._count(len(found), bad)
            batch = make_batch([one for _, one in good]) if good else None
            yield LoadedPack(batch, dealt, dealt.weight if good else 0, bad, tuple(place for place, _ in good))

    def _found(self, packs: Iterable[Dealt]) -> "Iterator[tuple[Dealt, list[Sample | BadSample]]]":
        opener = Opener(self._open_sample, self._config.read_timeout)
        workers = [_Worker(number, self._open_sample, self._config) for number in range(self._config.workers)]
        try:
            if workers:
                yield from _in_turn(workers, iter(packs), self._config.prefetch, opener)
            else:
                yield from ((dealt, [opener(planned) for planned in dealt.pack.samples]) for dealt in packs)
        finally:
            for worker in workers:
                worker.stop()

    def _count(self, seen: int, bad: Sequence[BadSample]) -> None:
        self.seen += seen
        self.bad += bad
        if bad and len(self.bad) > self._config.max_bad_share * max(self.seen, _BUDGET_BASE):
            raise DatasetError(
                f"{len(self.bad)} of {self.seen} samples could not be read, more than data.max_bad_share = "
                f"{self._config.max_bad_share:g} allows: {_shown(self.bad[-_SHOWN:])}. `just verify` checks all shards"
            )


def make_batch(samples: "Sequence[Sample]") -> Batch:
    """Samples of one kind as a batch of that kind."""
    if isinstance(samples[0], PixelSample):
        return PixelBatch(cast(tuple[PixelSample, ...], tuple(samples)))
    return LatentBatch(cast(tuple[LatentSample, ...], tuple(samples)))


def _shown(bad: Sequence[BadSample]) -> str:
    return "; ".join(f"{one.sample_id}: {one.reason}" for one in bad[:_SHOWN])


def _in_turn(
    workers: "Sequence[_Worker]", packs: Iterator[Dealt], prefetch: int, opener: Opener
) -> "Iterator[tuple[Dealt, list[Sample | BadSample]]]":
    """Hand the packs to the workers in turn, never more than `prefetch` to each, and take them back in that order.

    The first pack is read here while the workers start, which takes them seconds on a busy machine.
    """
    first = next(packs, None)
    if first is None:
        return
    asked: deque[tuple[_Worker, Dealt]] = deque()
    turns = itertools.cycle(workers)
    for dealt in itertools.islice(packs, len(workers) * prefetch):
        asked.append((next(turns), dealt))
        asked[-1][0].ask(dealt.pack.samples)
    yield first, [opener(planned) for planned in first.pack.samples]
    while asked:
        worker, dealt = asked.popleft()
        found = [worker.take() for _ in dealt.pack.samples]
        following = next(packs, None)
        if following is not None:
            asked.append((worker, following))
            worker.ask(following.pack.samples)
        yield dealt, found


class _Worker:
    """A process that opens samples, and a thread here that takes in what it sends."""

    def __init__(self, number: int, open_sample: "OpenSample", config: DataConfig) -> None:
        self._number = number
        here, there = socket.socketpair()
        # A program of its own: a forked one would inherit the locks of torch's threads, and one that multiprocessing
        # starts would import the trainer's main module, torch and all, before it reads a byte.
        command = [sys.executable, "-m", "training.data.worker", str(there.fileno())]
        path = os.pathsep.join(folder for folder in sys.path if folder)
        self._process = subprocess.Popen(
            command, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}
        )
        there.close()
        self._connection = Connection(here.detach())
        self._found: queue.SimpleQueue[Sample | BadSample | Exception] = queue.SimpleQueue()
        threading.Thread(target=self._receive, daemon=True).start()
        self.ask((open_sample, config.read_timeout))

    def _receive(self) -> None:
        try:
            while True:
                self._found.put(receive(self._connection))
        except Exception as error:  # the loading thread raises it; nobody would hear it here
            self._found.put(error)

    def ask(self, message: "tuple[PlannedSample, ...] | tuple[OpenSample, float]") -> None:
        """Have these samples opened; the first message says by what, and within how many seconds."""
        try:
            self._connection.send(message)
        except OSError:
            raise self._death() from None

    def take(self) -> "Sample | BadSample":
        """The next sample asked for. Raises `StageError` if the process died."""
        found = self._found.get()
        if isinstance(found, EOFError | OSError):
            raise self._death()
        if isinstance(found, Exception):
            raise found
        return found

    def _death(self) -> StageError:
        code = self._process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return StageError(
            f"data worker {self._number} {how}; its own message stands above. If memory ran out, lower data.workers or "
            f"data.prefetch; data.workers=0 reads in the trainer's own process"
        )

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self._connection.close()
