"""`just bench scale growth`: what a dataset costs to keep up to date, by real runs of the command over made films.

A first run; the same again; one percent more films; another caption; a rule that drops some clips, and without it
again. Of each run: rows encoded, frames decoded for that, bytes of new shards, and the files of the dataset afterwards.
With `--s3` bucket and dataset are in an object store on loopback, and its requests are counted.

    just bench scale growth --films 1000 --record
    just bench scale growth --films 1000 --s3 --record
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.benchmarks.made_films import make_films
from pipeline.benchmarks.object_store import Requests, place_for
from pipeline.benchmarks.record import markdown_table, record
from pipeline.dataset.folder import Dataset
from pipeline.storage.store import Store
from schemas.command import make_parser
from schemas.errors import StageError
from schemas.terminal import print_table

SETTINGS = (
    "summarise.summariser=join",
    "split.detector=adaptive",
    "pack.buckets=[256x256x17@8]",
    # To the embedder all these patterns look alike.
    "duplicates.min_similarity=1",
    "duplicates.max_hash_distance=0",
)
_RULE = "select.rules=[motion in top 50%]"
_CAPTION = "caption.prompt={subject} in {light}"
_HEADINGS = ("run", "seconds", "encoded", "frames decoded", "new shards, share of bytes", "files", "requests")


def main() -> None:
    """Entry point."""
    parser = make_parser("bench scale growth", "Measure what a dataset costs to keep up to date.")
    parser.add_argument("--films", type=int, default=200, help="made films in the bucket (default: 200)")
    parser.add_argument("--s3", action="store_true", help="bucket and dataset in an object store here (moto)")
    parser.add_argument("--record", action="store_true", help="write the table to docs/benchmarks.md")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, place_for(Path(folder), parsed.s3) as (place, requests):
        rows = _Growth(place, requests).measure(parsed.films)
    where = "an object store (moto, loopback)" if parsed.s3 else "a local disk"
    title = f"{parsed.films} films of one shot on {where}"
    print_table(title, _HEADINGS, rows)
    if parsed.record:
        name = "scale growth-s3" if parsed.s3 else "scale growth"
        command = "just bench scale growth " + " ".join(sys.argv[1:])
        record(name, f"Growth, {where}", [f"{title}.", markdown_table(_HEADINGS, rows)], command)


class _Growth:
    def __init__(self, place: str, requests: Requests) -> None:
        self._place, self._requests = place, requests
        self._dataset = Dataset(f"{place}/set")
        self._shards: dict[str, int] = {}

    def measure(self, films: int) -> list[Sequence[object]]:
        """The rows of the table: one for each run, in this order."""
        more = max(1, films // 100)
        self._make(range(films))
        rows = [self._run("first"), self._run("again")]
        self._make(range(films, films + more))
        rows.append(self._run(f"{more} more"))
        rows.append(self._run("another caption", _CAPTION))
        rows.append(self._run("half of the clips", _CAPTION, _RULE))
        rows.append(self._run("all again", _CAPTION))
        return rows

    def _make(self, numbers: range) -> None:
        make_films(Store(f"{self._place}/bucket"), numbers, 1, seed=0)

    def _run(self, name: str, *settings: str) -> Sequence[object]:
        command = [sys.executable, "-m", "cutroom", "curate", f"{self._place}/bucket", "--out", f"{self._place}/set"]
        for setting in (*SETTINGS, *settings):
            command += ["--set", setting]
        self._requests.take()
        started = time.monotonic()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        seconds, requests = time.monotonic() - started, self._requests.take()
        if done.returncode:
            raise StageError(f"the run {name!r} ended with {done.returncode}: {done.stderr[-1000:]}")
        encode: dict[str, Any] = self._dataset.read_record()["stages"]["encode"]
        files = self._dataset.store.list()
        shards = {file.key: file.size for file in files if file.key.endswith(".tar")}
        new = sum(size for key, size in shards.items() if key not in self._shards)
        self._shards = shards
        return (
            name,
            f"{seconds:.0f}",
            encode["computed"],
            encode["counters"].get("decoded_frames", 0),
            f"{new / sum(shards.values()):.2%}",
            len(files),
            ", ".join(f"{count} {method}" for method, count in requests.items()),
        )


if __name__ == "__main__":
    main()
