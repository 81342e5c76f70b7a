"""A bad network before an object store: a proxy that answers 503, cuts answers off, and is slow, by a seeded dice.

with s3_server("footage") as uri, faults(seed=1) as proxy:
    curate(f"{uri}/raw", f"{uri}/set")
assert proxy.counts["refused"] > 0
"""

import http.client
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
import s3fs

_HOP = ("connection", "transfer-encoding", "keep-alive", "content-length", "server", "date")
_SLOW_DOWN = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)


class Faults:
    """How often what happens, as shares of all requests; `counts` says what happened."""

    def __init__(self, seed: int, refused: float, cut: float, shortened: float, slow: float) -> None:
        self._random, self._lock = random.Random(seed), threading.Lock()
        self._shares = {"refused": refused, "cut": cut, "shortened": shortened, "slow": slow}
        self.counts: Counter[str] = Counter()

    def next(self) -> str:
        """The fate of the next request."""
        with self._lock:
            dice = self._random.random()
            for name, share in self._shares.items():
                dice -= share
                if dice < 0:
                    self.counts[name] += 1
                    return name
            self.counts["served"] += 1
            return "served"


class _Proxy(BaseHTTPRequestHandler):
    """Passes requests on, or not."""

    protocol_version = "HTTP/1.1"
    target: tuple[str, int]
    faults: Faults

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fate = self.faults.next()
        if fate == "refused":
            # Half of the refused requests have done their work before: the answer alone was lost.
            if self.faults.counts["refused"] % 2:
                self._ask(body)
            self._answer(503, [("Content-Type", "application/xml")], _SLOW_DOWN)
            return
        if fate == "slow":
            time.sleep(1.0)
        status, headers, answer = self._ask(body)
        if self.command == "GET" and status < 300 and len(answer) > 1 and fate == "cut":
            self._answer(status, headers, answer[: len(answer) // 2], length=len(answer))
            self.close_connection = True
            return
        if self.command == "GET" and status < 300 and len(answer) > 1 and fate == "shortened":
            # A proxy that lost its source: the answer is short and does not say so.
            self._answer(status, headers, answer[: len(answer) // 2])
            return
        self._answer(status, headers, answer)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass_on

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.target, timeout=60)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        reply = connection.getresponse()
        answer = reply.read()
        self._length = reply.getheader("Content-Length") if self.command == "HEAD" else None
        headers = [(name, value) for name, value in reply.getheaders() if name.lower() not in _HOP]
        connection.close()
        return reply.status, headers, answer

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        stated = getattr(self, "_length", None) if self.command == "HEAD" and status < 300 else None
        self.send_header("Content-Length", stated or str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: tests read what a run says."""


@contextmanager
def faults(
    seed: int, *, refused: float = 0.05, cut: float = 0.02, shortened: float = 0.02, slow: float = 0.02
) -> Iterator[Faults]:
    """Put the proxy between this process, with those that it starts, and the store of `s3_server`."""
    address = urlsplit(os.environ["AWS_ENDPOINT_URL_S3"])
    assert address.hostname
    assert address.port
    plan = Faults(seed, refused, cut, shortened, slow)
    handler = type("Proxy", (_Proxy,), {"target": (address.hostname, address.port), "faults": plan})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    s3fs.S3FileSystem.clear_instance_cache()
    try:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_address[1]}")
            yield plan
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.shutdown()
        thread.join()
        server.server_close()
