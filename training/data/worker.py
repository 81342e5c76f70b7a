"""A loader's worker process: opens the samples requested over a socket, until the other side closes it.

python -m training.data.worker <file descriptor of the socket>          # started by loader.py
"""

import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection

import cv2

from training.data.opening import Opener, send
from training.data.planned import PlannedSample


def serve(connection: Connection) -> None:
    """Answer each list of planned samples with one sample or reason each, in order, until the other side closes.

    The first message is the function that opens samples, and the timeout in seconds.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer's process handles interrupts
    cv2.setNumThreads(1)
    try:
        opener = Opener(*connection.recv())
        while True:
            requested: Sequence[PlannedSample] = connection.recv()
            for planned in requested:
                send(connection, opener(planned))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
