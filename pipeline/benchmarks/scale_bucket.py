"""`just bench scale bucket`: what stages that overlap gain on a real bucket, by a run with an endpoint on loopback.

The endpoint answers like an engine on another machine: so many requests at once, each after a while. A stream cannot
end before its slowest stage, were that alone: its work divided among its workers, and for captions what the endpoint
needs. Given are the seconds of each stream beside that of its slowest stage, and beside the sum of all its stages,
which is what one stage after the other takes.

    just bench scale bucket --answer-seconds 2 --record
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pipeline.benchmarks.record import markdown_table, record
from pipeline.dataset.folder import Dataset
from schemas.command import make_parser
from schemas.errors import StageError
from schemas.terminal import print_table

_AT_ONCE = 4
_STREAMS = {
    "ingest": ("ingest",),
    "split to score": ("split", "embed", "label", "score"),
    "caption to encode": ("caption", "overview", "summarise", "encode"),
}
_HEADINGS = ("stream", "seconds", "slowest stage", "alone", "all alone", "against the slowest")


def main() -> None:
    """Entry point."""
    parser = make_parser("bench scale bucket", "Measure how much the stages of a run over a bucket overlap.")
    parser.add_argument("--bucket", default="demo", help="a bucket, or `demo` (default)")
    parser.add_argument("--answer-seconds", type=float, default=2.0, help="what the endpoint needs for an answer")
    parser.add_argument("--record", action="store_true", help="write the table to docs/benchmarks.md")
    parsed = parser.parse_args()
    rows = _measure(parsed)
    title = (
        f"{parsed.bucket}: an endpoint that answers {_AT_ONCE} requests at once, each after {parsed.answer_seconds:g} s"
    )
    print_table(title, _HEADINGS, rows)
    if parsed.record:
        command = "just bench scale bucket " + " ".join(sys.argv[1:])
        record("scale bucket", "A bucket with an endpoint", [f"{title}.", markdown_table(_HEADINGS, rows)], command)


def _measure(parsed: argparse.Namespace) -> list[Sequence[object]]:
    with tempfile.TemporaryDirectory() as folder, _endpoint(parsed.answer_seconds) as (url, answered):
        settings = (
            "caption.captioner=openai", "caption.model.name=model", f"caption.model.base_url={url}",
            "summarise.summariser=join",
        )  # fmt: skip
        command = [sys.executable, "-m", "cutroom", "curate", parsed.bucket, "--out", folder]
        for setting in settings:
            command += ["--set", setting]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StageError(f"the run ended with {done.returncode}: {done.stderr[-1000:]}")
        run = Dataset(folder).read_record()
        return rows_of(run["stages"], run["seconds"], len(answered) * parsed.answer_seconds / _AT_ONCE)


def rows_of(stages: Mapping[str, Any], seconds: float, asked: float) -> list[Sequence[object]]:
    """A row for each stream and one for the run, from the record of a run.

    `asked` is what the endpoint needed for its answers, seconds.
    """
    rows: list[Sequence[object]] = []
    slowest_of_all, longest, sum_of_all = "", 0.0, 0.0
    for name, beginnings in _STREAMS.items():
        within = {stage: done for stage, done in stages.items() if stage.split(" ")[0] in beginnings}
        alone = {stage: done["busy_seconds"] / max(1, done["workers"]) for stage, done in within.items()}
        if "caption" in alone:
            alone["caption"] = asked
            alone.pop("overview", None)  # the endpoint's time is that of both
        slowest = max(alone, key=lambda stage: alone[stage])
        if alone[slowest] > longest:
            slowest_of_all, longest = slowest, alone[slowest]
        sum_of_all += sum(alone.values())
        took = max(done["seconds"] for done in within.values())
        rows.append(_row(name, took, slowest, alone[slowest], sum(alone.values())))
    return [*rows, _row("the run", seconds, slowest_of_all, longest, sum_of_all)]


def _row(name: str, took: float, slowest: str, alone: float, together: float) -> Sequence[object]:
    return (name, f"{took:.1f}", slowest, f"{alone:.1f}", f"{together:.1f}", f"{took / alone:.2f}")


@contextmanager
def _endpoint(seconds: float) -> Iterator[tuple[str, list[float]]]:
    """The address of an endpoint, and a list that gets an entry with each answer."""
    answered: list[float] = []
    slots = threading.Semaphore(_AT_ONCE)

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body leave together

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            with slots:
                time.sleep(seconds)
            answered.append(time.monotonic())
            text = f"A wide scene in soft light, and something small moves in it; it is view number {len(answered)}."
            message = {"role": "assistant", "content": text}
            body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", answered
    finally:
        server.shutdown()
        thread.join()


if __name__ == "__main__":
    main()
