"""`just bench kills`: a run killed with -9 at random moments, packing included, ends with the bytes of a whole run.

Each moment starts the same command again and kills its whole process group. Half of the moments are drawn from the time
of an undisturbed run, half from that of packing. A run that ends before its moment is compared with the undisturbed
one, byte for byte, and a new dataset is begun. Only the command line is used.

    just bench kills --moments 30
    just bench kills --moments 30 --s3
"""

import hashlib
import io
import random
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.benchmarks.killed_run import KilledRun
from pipeline.benchmarks.made_films import make_films
from pipeline.benchmarks.object_store import place_for
from pipeline.benchmarks.record import markdown_table, record
from pipeline.storage.store import Store
from schemas.command import make_parser
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.errors import VerifyError
from schemas.terminal import print_table

SETTINGS = (
    "summarise.summariser=join",
    "split.detector=adaptive",
    "caption.stills_per_part=4",
    "pack.samples_per_shard=1",
    "pack.buckets=[256x256x17@8]",
)
_BEFORE_PACK = "summarise"
_PACK_SECONDS = 4.0
_FILMS, _SHOTS = 3, 3


@dataclass(slots=True)
class Kills:
    """What happened: the moments by the stage that they hit, and how many runs were compared."""

    hits: Counter[str] = field(default_factory=Counter)
    compared: int = 0


def main() -> None:
    """Entry point."""
    parser = make_parser("bench kills", "Kill a run at random moments and compare its dataset with an undisturbed one.")
    parser.add_argument("--moments", type=int, default=30, help="how many kills (default: 30)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--s3", action="store_true", help="bucket and dataset in an object store here (moto)")
    parser.add_argument("--record", action="store_true", help="write the table to docs/benchmarks.md")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, place_for(Path(folder), parsed.s3) as (place, _):
        kills = run_kills(place, parsed.moments, parsed.seed)
    headings = ("killed", "times")
    rows = [(stage, str(times)) for stage, times in sorted(kills.hits.items())]
    where = "an object store (moto, loopback)" if parsed.s3 else "a local disk"
    title = f"{kills.hits.total()} kills on {where}: of the runs, {kills.compared} ended; all equal the undisturbed one"
    print_table(title, headings, rows)
    if parsed.record:
        name = "kills-s3" if parsed.s3 else "kills"
        command = "just bench kills " + " ".join(sys.argv[1:])
        record(name, f"Kills at random moments, {where}", [f"{title}.", markdown_table(headings, rows)], command)


def run_kills(place: str, moments: int, seed: int) -> Kills:
    """Kill runs over a bucket in `place` at `moments` moments. Raises `VerifyError` if a dataset differs."""
    make_films(Store(f"{place}/bucket"), range(_FILMS), _SHOTS, seed)
    seconds = KilledRun(_command(place, "undisturbed")).finish()
    wanted = digests(Store(f"{place}/undisturbed"))
    draw, kills, number = random.Random(seed), Kills(), 0  # noqa: S311
    while kills.hits.total() < moments:
        packing = draw.random() < 0.5
        after, wait = (_BEFORE_PACK, draw.uniform(0, _PACK_SECONDS)) if packing else ("", draw.uniform(0, seconds))
        print(f"{kills.hits.total()} of {moments} kills, {kills.compared} runs compared", file=sys.stderr)
        if hit := KilledRun(_command(place, f"killed-{number}")).kill_after(after, wait):
            kills.hits[hit] += 1
        else:
            _compare(place, number, wanted, kills)
            number += 1
    KilledRun(_command(place, f"killed-{number}")).finish()
    _compare(place, number, wanted, kills)
    return kills


def _compare(place: str, number: int, wanted: dict[str, str], kills: Kills) -> None:
    made = digests(Store(f"{place}/killed-{number}"))
    if differing := sorted(key for key in {*made, *wanted} if made.get(key) != wanted.get(key)):
        raise VerifyError(f"{place}/killed-{number} differs from the undisturbed run in {', '.join(differing)}")
    kills.compared += 1


def digests(dataset: Store) -> dict[str, str]:
    """What must be equal: the bytes of every shard, and the rows of ledger and index without the count of attempts."""
    shards = [file.key for file in dataset.list("shards") if file.key.endswith(".tar")]
    made = {key: hashlib.sha256(dataset.read(key)).hexdigest() for key in shards}
    for key in (LEDGER_FILE, INDEX):
        table = pq.read_table(io.BytesIO(dataset.read(key)))
        names = [name for name in table.column_names if name != "attempts"]
        rows = sorted(str(row) for row in table.select(names).to_pylist())
        made[key] = hashlib.sha256("\n".join(rows).encode()).hexdigest()
    return made


def _command(place: str, dataset: str) -> list[str]:
    command = [sys.executable, "-m", "cutroom", "curate", f"{place}/bucket", "--out", f"{place}/{dataset}"]
    for setting in SETTINGS:
        command += ["--set", setting]
    return command
