"""`just bench scale overlap`: what streaming gains over one stage after the other, and what the engine itself costs.

Overlap: a stage that keeps one core busy, followed by one that waits for an endpoint on loopback. Each alone, one after
the other, and as a stream; a stream should take hardly longer than its slower stage. Overhead: many rows that each take
50 ms of waiting, whose work is known exactly.

    just bench scale overlap --rows 10000 --turns 3 --record
"""

import argparse
import http.server
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import pyarrow as pa

from pipeline.benchmarks.record import markdown_table, record
from pipeline.dataset.folder import Dataset
from pipeline.dataset.stage_run import StageRun
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.engine.groups import Group, Slice, SlicedRows
from pipeline.engine.steps import Step, Tables, given
from pipeline.stage import Output, Result, Row, StageSpec
from schemas.command import make_parser
from schemas.config import EngineConfig
from schemas.contract import STATUS_COLUMNS, Column, TableContract
from schemas.terminal import print_table

_ROW_SECONDS, _ROWS_PER_PART = 0.05, 16
_VIDEOS, _VIDEOS_PER_GROUP = 96, 2
_CPU_SECONDS, _WAIT_SECONDS = 0.15, 0.2
_SLICE = "slice-000000"


class Compute:
    """Keeps a core busy for some seconds per row."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def process(self, row: Row) -> Result:
        """Spin until this process has used so much CPU time."""
        started = time.process_time()
        while time.process_time() - started < self._seconds:
            pass
        return Result(key=row["video_id"], values={"video_id": row["video_id"]})


class Ask:
    """Asks an endpoint, which answers after a while."""

    def __init__(self, url: str) -> None:
        self._url = url

    def process(self, row: Row) -> Result:
        """One request."""
        with urllib.request.urlopen(self._url) as reply:  # noqa: S310 - of loopback
            reply.read()
        return Result(key=row["video_id"], values={"video_id": row["video_id"]})


class Sleep:
    """Waits, so that its work is known to the millisecond whatever else the machine does."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def process(self, row: Row) -> Result:
        """Wait."""
        time.sleep(self._seconds)
        return Result(key=row["video_id"], values={"video_id": row["video_id"]})


def main() -> None:
    """Entry point."""
    parser = make_parser("bench scale overlap", "Measure streaming against one stage after the other.")
    parser.add_argument("--rows", type=int, default=2000, help="rows of 50 ms whose overhead is measured")
    parser.add_argument("--turns", type=int, default=3, help="how often each way is timed, in turn; medians count")
    parser.add_argument("--record", action="store_true", help="write the tables to docs/benchmarks.md")
    run(parser.parse_args())


def run(parsed: argparse.Namespace) -> None:
    """Measure, print, and record if asked to."""
    with Cluster() as cluster:
        cluster.start()
        overlap = _measure_overlap(cluster, parsed.turns)
        overhead = _measure_overhead(cluster, parsed.rows)
    titles = (
        f"{_VIDEOS} videos: {_CPU_SECONDS:g} s of one core each, then {_WAIT_SECONDS:g} s of an endpoint each",
        "Rows of 50 ms",
    )
    tables = ((("way", "seconds", "against the slower stage"), overlap),
              (("rows", "workers", "seconds", "work per worker", "overhead"), overhead))  # fmt: skip
    for title, (headings, rows) in zip(titles, tables, strict=True):
        print_table(title, headings, rows)
    if parsed.record:
        parts = [f"{title}:\n\n{markdown_table(*table)}" for title, table in zip(titles, tables, strict=True)]
        command = f"just bench scale overlap --rows {parsed.rows} --turns {parsed.turns} --record"
        record("scale overlap", "Stages that overlap, and the engine's own cost", parts, command)


def _measure_overlap(cluster: Cluster, turns: int) -> list[tuple[str, ...]]:
    with _slow_endpoint(_WAIT_SECONDS) as url:
        compute = _step("compute", Compute, {"seconds": _CPU_SECONDS}, partial(given, "videos"))
        ask = _step("ask", Ask, {"url": url}, _computed, waits=True)
        alone = _step("ask", Ask, {"url": url}, partial(given, "videos"), waits=True)
        ways: dict[str, list[list[Step]]] = {
            "compute alone": [[compute]],
            "endpoint alone": [[alone]],
            "one after the other": [[compute], [ask]],
            "stream": [[compute, ask]],
        }
        _time(cluster, [[compute, ask]], 2, workers=1)  # processes start and import
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(turns):
            for name, streams in ways.items():
                seconds[name].append(_time(cluster, streams, _VIDEOS, workers=1))
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    slower = max(medians["compute alone"], medians["endpoint alone"])
    return [(name, f"{value:.1f}", f"{value / slower:.2f}") for name, value in medians.items()]


def _measure_overhead(cluster: Cluster, rows: int) -> list[tuple[str, ...]]:
    step = _step("sleep", Sleep, {"seconds": _ROW_SECONDS}, partial(given, "videos"))
    _time(cluster, [[step]], 2 * cluster.cores)
    seconds = _time(cluster, [[step]], rows, per_group=_ROWS_PER_PART)
    work = rows * _ROW_SECONDS / cluster.cores
    return [(str(rows), str(cluster.cores), f"{seconds:.1f}", f"{work:.1f}", f"{seconds / work - 1:.1%}")]


def _time(
    cluster: Cluster,
    streams: Sequence[Sequence[Step]],
    videos: int,
    per_group: int = _VIDEOS_PER_GROUP,
    workers: int = 0,
) -> float:
    keys = [f"v{number:06d}" for number in range(videos)]
    groups = [Group(f"g{at}", frozenset(keys[at : at + per_group])) for at in range(0, videos, per_group)]
    names = pa.array([_SLICE] * videos, pa.string())
    rows = {"videos": SlicedRows(pa.table({"video_id": keys}), "video_id", names)}
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        engine = Engine(Dataset(folder), EngineConfig(workers=workers), cluster)
        runs: dict[str, StageRun] = {}
        for steps in streams:
            runs = engine.stream(steps, [Slice(_SLICE, lambda: groups)], rows, runs)
        assert all(len(run.primary) == videos for run in runs.values())
        return time.monotonic() - started


def _computed(tables: Tables) -> pa.Table:
    return tables.good("compute", ["video_id"])


def _step(
    name: str, build: type, arguments: dict[str, object], rows: Callable[[Tables], pa.Table], waits: bool = False
) -> Step:
    contract = TableContract(
        name=name, key="video_id", doc="done",
        columns=(Column(name="video_id", type=pa.string(), doc="id"), *STATUS_COLUMNS),
    )  # fmt: skip
    output = Output(folder=name, contract=contract, parent="video_id")
    spec = StageSpec(
        name=name, build=build, arguments=arguments, outputs=(output,), fingerprint="f", identity=(),
        rows_per_part=_ROWS_PER_PART, waits=waits,
    )  # fmt: skip
    return Step(spec=spec, rows=rows)


@contextmanager
def _slow_endpoint(seconds: float) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(seconds)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()


if __name__ == "__main__":
    main()
