"""Our endpoint client compared with Ray's own: one actor each, the same requests to a slow server.

    just bench captions endpoint

Ray's `HttpRequestProcessorConfig` awaits the requests of a batch one after the other, so a server that could answer
many at once answers one. Time is measured by the server, from the first request to the last reply, so the start of Ray,
of its actor and of our client is excluded.
"""

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from captioning.backends.openai import OpenAIChat
from captioning.chat import ChatRequest, Message
from pipeline.benchmarks.record import Table
from pipeline.engine.cluster import Cluster
from pipeline.engine.progress import Progress
from schemas.errors import StageError
from schemas.model_config import ModelConfig

REQUESTS, BATCH, DELAY = 64, 16, 0.2
GOAL = 10.0


class SlowServer(ThreadingHTTPServer):
    """Answers each chat request with its own prompt after `DELAY` seconds, concurrently, as a batching engine does."""

    daemon_threads = True
    request_queue_size = 2 * REQUESTS

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.base_url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Reset the counters."""
        self._first, self._last, self._open, self.most_open, self.answered = 0.0, 0.0, 0, 0, 0

    @property
    def seconds(self) -> float:
        """From the first request to the last reply."""
        return self._last - self._first

    @contextmanager
    def request(self) -> Iterator[None]:
        """Wraps each request: records its times and the number of concurrent requests."""
        with self._lock:
            self._first = self._first or time.monotonic()
            self._open += 1
            self.most_open = max(self.most_open, self._open)
        yield
        with self._lock:
            self._open -= 1
            self.answered += 1
            self._last = time.monotonic()


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together
    server: SlowServer

    def do_POST(self) -> None:
        """Echo the prompt."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.request():
            time.sleep(DELAY)
            choice = {"message": {"role": "assistant", "content": request["messages"][-1]["content"]}, "index": 0}
            body = json.dumps({"choices": [choice | {"finish_reason": "stop"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def measure_endpoint(rounds: int) -> list[Table]:
    """Both clients, interleaved; each row is a client's median and the maximum number of open requests."""
    progress = Progress()
    server = SlowServer()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sides = {f"cutroom, {BATCH} in flight": _ask_ours, f"Ray HttpRequestProcessor, batch {BATCH}": _ask_ray}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    most_open: dict[str, int] = {}
    try:
        with Cluster() as cluster:
            cluster.start()
            for round_number in range(rounds):
                for name, ask in sides.items():
                    server.reset()
                    answers = ask(server.base_url)
                    if answers != {f"{index}": f"question {index}" for index in range(REQUESTS)}:
                        raise StageError(f"{name} mixed up its replies or lost some; its time would mean nothing")
                    seconds[name].append(server.seconds)
                    most_open[name] = max(most_open.get(name, 0), server.most_open)
                    progress.note(
                        f"  turn {round_number + 1}: {name}: {server.seconds:.2f} s, {server.most_open} at once"
                    )
    finally:
        server.shutdown()
        server.server_close()
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    slowest = max(medians.values())
    rows: list[Sequence[object]] = [
        (name, most_open[name], f"{median:.2f}", f"{REQUESTS / median:.1f}", f"{slowest / median:.1f}x")
        for name, median in medians.items()
    ]
    title = f"{REQUESTS} requests to an endpoint that answers after {DELAY:g} s, one actor each, median of {rounds}"
    return [(f"{title} (goal: {GOAL:g}x)", ("client", "most in flight", "seconds", "per second", "faster"), rows)]


def _ask_ours(base_url: str) -> dict[str, str]:
    chat = OpenAIChat(ModelConfig(name="made", base_url=base_url, max_in_flight=BATCH))
    requests = [
        ChatRequest(id=str(index), messages=(Message("user", f"question {index}"),), max_tokens=32)
        for index in range(REQUESTS)
    ]

    async def collect() -> dict[str, str]:
        return {reply.id: reply.text async for reply in chat.chat(requests)}

    return asyncio.run(collect())


def _ask_ray(base_url: str) -> dict[str, str]:
    import ray.data
    from ray.data.llm import HttpRequestProcessorConfig, build_processor

    def write(row: dict[str, Any]) -> dict[str, Any]:
        message = {"role": "user", "content": f"question {row['id']}"}
        return {"id": row["id"], "payload": {"model": "made", "messages": [message], "max_tokens": 32}}

    def read(row: dict[str, Any]) -> dict[str, Any]:
        return {"id": row["id"], "text": row["http_response"]["choices"][0]["message"]["content"]}

    config = HttpRequestProcessorConfig(url=f"{base_url}/chat/completions", batch_size=BATCH, concurrency=1)
    processor = build_processor(config, preprocess=write, postprocess=read)
    rows = processor(ray.data.from_items([{"id": str(index)} for index in range(REQUESTS)])).take_all()
    return {row["id"]: row["text"] for row in rows}
