"""Opens samples with a timeout, and sends them between processes as plain arrays.

A sample is sent as its fields and the raw bytes of its arrays: pickling a clip of 14 MB costs as much as decoding it. A
sample that cannot be read becomes a `BadSample` with the reason. A read that hangs is abandoned: its thread is left
behind and a new one continues.

    opener = Opener(PixelReader(uri, captions), timeout=120)
    send(connection, opener(planned))
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
    """A sample that was skipped, and the reason."""

    sample_id: str
    reason: str


class Opener:
    """Opens samples within `timeout` seconds each; returns a `BadSample` instead of raising."""

    def __init__(self, open_sample: "OpenSample", timeout: float) -> None:
        self._open, self._timeout = open_sample, timeout
        self._start()

    def _start(self) -> None:
        self._requests: queue.SimpleQueue[PlannedSample] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[Sample | BadSample] = queue.SimpleQueue()
        threading.Thread(target=self._answer, args=(self._requests, self._results), daemon=True).start()

    def _answer(
        self, requests: "queue.SimpleQueue[PlannedSample]", results: "queue.SimpleQueue[Sample | BadSample]"
    ) -> None:
        while True:
            planned = requests.get()
            try:
                results.put(self._open(planned))
            except CutroomError as error:
                results.put(BadSample(planned.sample_id, str(error)))
            except Exception as error:  # no error of a library on one sample may end the run
                results.put(BadSample(planned.sample_id, f"{type(error).__name__}: {error}"))

    def __call__(self, planned: PlannedSample) -> "Sample | BadSample":
        """The sample, or the reason why it could not be opened."""
        self._requests.put(planned)
        try:
            return self._results.get(timeout=self._timeout)
        except queue.Empty:
            self._start()
            reason = f"not read within {self._timeout:g} s (data.read_timeout) from {planned.shard}"
            return BadSample(planned.sample_id, reason)


@dataclass(frozen=True, slots=True)
class _Array:
    """Placeholder in a message for an array whose bytes follow."""

    shape: tuple[int, ...]
    dtype: str
    is_tensor: bool


def send(connection: Connection, sample: Any) -> None:
    """Send a dataclass: its class and fields, then the bytes of each field that is an array or a tensor."""
    arrays: list[Any] = []
    message: dict[str, Any] = {}
    for field in fields(sample):
        value = getattr(sample, field.name)
        if hasattr(value, "dtype"):
            array = np.ascontiguousarray(value)
            arrays.append(array)
            value = _Array(array.shape, array.dtype.str, not isinstance(value, np.ndarray))
        message[field.name] = value
    connection.send((type(sample), message))
    for array in arrays:
        connection.send_bytes(array.data.cast("B"))


def receive(connection: Connection) -> Any:
    """Receive a dataclass that `send` sent."""
    sample_type, message = connection.recv()
    for name, value in message.items():
        if isinstance(value, _Array):
            array = np.empty(value.shape, value.dtype)
            connection.recv_bytes_into(array.data.cast("B"))
            message[name] = _tensor(array) if value.is_tensor else array
    return sample_type(**message)


def _tensor(array: Any) -> Any:
    import torch

    return torch.from_numpy(array)
