"""The program of a worker: opens what it is asked for over a socket, until the other side closes it.

python -m training.data.worker <descriptor of the socket>          # started by loader.py
"""

import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection

import cv2

from training.data.opening import Opener, send
from training.data.planned import PlannedSample


def serve(connection: Connection) -> None:
    """Answer each list of planned samples with as many samples or reasons, in order, until the other side closes.

    The first message is what opens samples, and the seconds that each may take.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the trainer's own process says what an interrupt means
    cv2.setNumThreads(1)
    try:
        opener = Opener(*connection.recv())
        while True:
            asked: Sequence[PlannedSample] = connection.recv()
            for planned in asked:
                send(connection, opener(planned))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


if __name__ == "__main__":
    serve(Connection(int(sys.argv[1])))
