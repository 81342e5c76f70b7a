"""Loads packs in the order of the plan: worker processes read and decode ahead, with a budget for bad samples.

Each of n workers gets every n-th pack and keeps `prefetch` of them in flight, so packs come in order and memory is
bounded by workers x prefetch packs. A sample that cannot be read, or hangs, is left out of its pack and counted; above
`max_bad_share` the run stops and names them. A worker that dies stops the run at once.

    for pack in Loader(PixelReader(uri, captions), config.data).load(rank_packs):
        ...
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
from training.data.distribute import RankPack
from training.data.opening import BadSample, Opener, receive
from training.data.planned import PlannedSample

if TYPE_CHECKING:
    from training.data.opening import OpenSample, Sample

# The share of bad samples is relative to at least this many, so that one among the first ten does not stop a run.
_BUDGET_BASE = 1000
_LISTED = 3


@dataclass(frozen=True, slots=True)
class ReadPack:
    """A pack that was read: its batch, its plan, and the samples that had to be left out.

    `weight` is 0 for copies, and for packs of which nothing could be read (their `batch` is None): a step computes
    them, but they do not count. `kept` are the indices, in the planned pack, of the samples in the batch.
    """

    batch: Batch | None
    planned: RankPack
    weight: int
    bad: tuple[BadSample, ...]
    kept: tuple[int, ...]


class Loader:
    """Loads packs with a picklable `open_sample`. `seen` counts the samples, `bad` lists the unreadable ones."""

    def __init__(self, open_sample: "OpenSample", config: DataConfig) -> None:
        self._open_sample, self._config = open_sample, config
        self.seen = 0
        self.bad: list[BadSample] = []

    def load(self, packs: Iterable[RankPack]) -> Iterator[ReadPack]:
        """Every pack, in order. Raises `DatasetError` if too many samples are bad, `StageError` if a worker dies."""
        for planned, opened in self._open_all(packs):
            good = [(index, sample) for index, sample in enumerate(opened) if not isinstance(sample, BadSample)]
            bad = tuple(sample for sample in opened if isinstance(sample, BadSample))
            self._count(len(opened), bad)
            batch = make_batch([sample for _, sample in good]) if good else None
            yield ReadPack(batch, planned, planned.weight if good else 0, bad, tuple(index for index, _ in good))

    def _open_all(self, packs: Iterable[RankPack]) -> "Iterator[tuple[RankPack, list[Sample | BadSample]]]":
        opener = Opener(self._open_sample, self._config.read_timeout)
        workers = [_Worker(number, self._open_sample, self._config) for number in range(self._config.workers)]
        try:
            if workers:
                yield from _round_robin(workers, iter(packs), self._config.prefetch, opener)
            else:
                yield from ((planned, [opener(sample) for sample in planned.pack.samples]) for planned in packs)
        finally:
            for worker in workers:
                worker.stop()

    def _count(self, count: int, bad: Sequence[BadSample]) -> None:
        self.seen += count
        self.bad += bad
        if bad and len(self.bad) > self._config.max_bad_share * max(self.seen, _BUDGET_BASE):
            raise DatasetError(
                f"{len(self.bad)} of {self.seen} samples could not be read, more than data.max_bad_share = "
                f"{self._config.max_bad_share:g} allows: {_reasons(self.bad[-_LISTED:])}. `just verify` checks all "
                "shards"
            )


def make_batch(samples: "Sequence[Sample]") -> Batch:
    """Samples of one type as a batch of that type."""
    if isinstance(samples[0], PixelSample):
        return PixelBatch(cast(tuple[PixelSample, ...], tuple(samples)))
    return LatentBatch(cast(tuple[LatentSample, ...], tuple(samples)))


def _reasons(bad: Sequence[BadSample]) -> str:
    return "; ".join(f"{sample.sample_id}: {sample.reason}" for sample in bad)


def _round_robin(
    workers: "Sequence[_Worker]", packs: Iterator[RankPack], prefetch: int, opener: Opener
) -> "Iterator[tuple[RankPack, list[Sample | BadSample]]]":
    """Give packs to the workers round robin, at most `prefetch` to each, and take the results in the same order.

    The first pack is read here while the workers start, which takes them seconds on a busy machine.
    """
    first = next(packs, None)
    if first is None:
        return
    requested: deque[tuple[_Worker, RankPack]] = deque()
    order = itertools.cycle(workers)
    for planned in itertools.islice(packs, len(workers) * prefetch):
        requested.append((next(order), planned))
        requested[-1][0].request(planned.pack.samples)
    yield first, [opener(sample) for sample in first.pack.samples]
    while requested:
        worker, planned = requested.popleft()
        opened = [worker.take() for _ in planned.pack.samples]
        following = next(packs, None)
        if following is not None:
            requested.append((worker, following))
            worker.request(following.pack.samples)
        yield planned, opened


class _Worker:
    """A process that opens samples, and a thread here that receives its results."""

    def __init__(self, number: int, open_sample: "OpenSample", config: DataConfig) -> None:
        self._number = number
        here, there = socket.socketpair()
        # A separate program: a forked process would inherit the locks of torch's threads, and one started by
        # multiprocessing would import the trainer's main module, including torch, before it reads a byte.
        command = [sys.executable, "-m", "training.data.worker", str(there.fileno())]
        path = os.pathsep.join(folder for folder in sys.path if folder)
        self._process = subprocess.Popen(
            command, pass_fds=[there.fileno()], stdin=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": path}
        )
        there.close()
        self._connection = Connection(here.detach())
        self._received: queue.SimpleQueue[Sample | BadSample | Exception] = queue.SimpleQueue()
        threading.Thread(target=self._receive, daemon=True).start()
        self.request((open_sample, config.read_timeout))

    def _receive(self) -> None:
        try:
            while True:
                self._received.put(receive(self._connection))
        except Exception as error:  # take() raises it; in this thread it would be lost
            self._received.put(error)

    def request(self, message: "tuple[PlannedSample, ...] | tuple[OpenSample, float]") -> None:
        """Send samples to be opened; the first message is the function that opens them, and the timeout."""
        try:
            self._connection.send(message)
        except OSError:
            raise self._death() from None

    def take(self) -> "Sample | BadSample":
        """The next requested sample. Raises `StageError` if the process died."""
        message = self._received.get()
        if isinstance(message, EOFError | OSError):
            raise self._death()
        if isinstance(message, Exception):
            raise message
        return message

    def _death(self) -> StageError:
        code = self._process.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return StageError(
            f"data worker {self._number} {how}; its own message is printed above. If memory ran out, lower "
            f"data.workers or data.prefetch; data.workers=0 reads in the trainer's own process"
        )

    def stop(self) -> None:
        """Kill the process."""
        self._process.kill()
        self._process.wait()
        self._connection.close()
