"""Opening samples, each within its time, and sending them from the process that opened them as plain arrays.

A sample travels as its fields and the bytes of its arrays: pickling a clip of 14 MB costs as much as decoding it. What
cannot be read becomes a reason. A read that hangs is given up: its thread is left behind and a new one goes on.

    python -m pytest tests/training/data/test_loader.py
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, fields
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import numpy as np

from schemas.errors import CutroomError
from training.data.planned import PlannedSample

if TYPE_CHECKING:
    from training.data.batch import LatentSample, PixelSample

    Sample = PixelSample | LatentSample
    OpenSample = Callable[[PlannedSample], Sample]


@dataclass(frozen=True, slots=True)
class BadSample:
    """A sample that was skipped, and why."""

    sample_id: str
    reason: str


class Opener:
    """Opens samples within `timeout` seconds each; never raises for what is wrong with one."""

    def __init__(self, open_sample: "OpenSample", timeout: float) -> None:
        self._open, self._timeout = open_sample, timeout
        self._start()

    def _start(self) -> None:
        self._asked: queue.SimpleQueue[PlannedSample] = queue.SimpleQueue()
        self._found: queue.SimpleQueue[Sample | BadSample] = queue.SimpleQueue()
        threading.Thread(target=self._answer, args=(self._asked, self._found), daemon=True).start()

    def _answer(
        self, asked: "queue.SimpleQueue[PlannedSample]", found: "queue.SimpleQueue[Sample | BadSample]"
    ) -> None:
        while True:
            planned = asked.get()
            try:
                found.put(self._open(planned))
            except CutroomError as error:
                found.put(BadSample(planned.sample_id, str(error)))
            except Exception as error:  # whatever a library says of one sample must not end the run
                found.put(BadSample(planned.sample_id, f"{type(error).__name__}: {error}"))

    def __call__(self, planned: PlannedSample) -> "Sample | BadSample":
        """The sample, or why there is none."""
        self._asked.put(planned)
        try:
            return self._found.get(timeout=self._timeout)
        except queue.Empty:
            self._start()
            reason = f"not read within {self._timeout:g} s (data.read_timeout) from {planned.shard}"
            return BadSample(planned.sample_id, reason)


@dataclass(frozen=True, slots=True)
class _Array:
    """Stands in a message for an array whose bytes follow."""

    shape: tuple[int, ...]
    dtype: str
    is_tensor: bool


def send(connection: Connection, sample: Any) -> None:
    """Send a dataclass: its class and fields, then the bytes of each field that is an array or a tensor."""
    arrays: list[Any] = []
    message: dict[str, Any] = {}
    for one in fields(sample):
        value = getattr(sample, one.name)
        if hasattr(value, "dtype"):
            array = np.ascontiguousarray(value)
            arrays.append(array)
            value = _Array(array.shape, array.dtype.str, not isinstance(value, np.ndarray))
        message[one.name] = value
    connection.send((type(sample), message))
    for array in arrays:
        connection.send_bytes(array.data.cast("B"))


def receive(connection: Connection) -> Any:
    """What `send` sent."""
    kind, message = connection.recv()
    for name, value in message.items():
        if isinstance(value, _Array):
            array = np.empty(value.shape, value.dtype)
            connection.recv_bytes_into(array.data.cast("B"))
            message[name] = _tensor(array) if value.is_tensor else array
    return kind(**message)


def _tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(array)
