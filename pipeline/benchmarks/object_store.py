"""Where a benchmark keeps bucket and dataset: a folder, or an object store on this machine that counts its requests.

with place_for(Path(folder), remote=True) as (place, requests):
    ...
    requests.take()     # {"GET": 120, "PUT": 40, ...} since the last time
"""

import contextlib
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LINE = re.compile(r"\b(GET|PUT|POST|HEAD|DELETE) /")


class Requests(logging.Handler):
    """Counts the requests that a server logs, by method."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """Count one line."""
        if found := _LINE.search(record.getMessage()):
            self._counts[found[1]] += 1

    def take(self) -> dict[str, int]:
        """The requests since the last call."""
        counts, self._counts = self._counts, Counter()
        return dict(sorted(counts.items()))


@contextmanager
def place_for(folder: Path, remote: bool) -> Iterator[tuple[str, Requests]]:
    """The folder, or the address of a bucket of a server on loopback (moto), and the count of its requests."""
    requests = Requests()
    if not remote:
        yield str(folder), requests
        return
    import boto3
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=True)
    server.start()
    log = logging.getLogger("werkzeug")
    log.setLevel(logging.INFO)
    log.addHandler(requests)
    log.propagate = False
    host, port = server.get_host_and_port()
    address = {"AWS_ENDPOINT_URL_S3": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1"}
    os.environ.update(address, AWS_ACCESS_KEY_ID="nobody", AWS_SECRET_ACCESS_KEY="nothing")  # noqa: S106
    try:
        boto3.client("s3").create_bucket(Bucket="benchmark")
        requests.take()
        yield "s3://benchmark", requests
    finally:
        log.removeHandler(requests)
        with contextlib.suppress(Exception):
            server.stop()
