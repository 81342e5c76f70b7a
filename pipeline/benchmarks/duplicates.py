"""How the near-duplicate search scales: a synthetic million with planted copies, one percent more, and 20,000 exactly.

    just bench duplicates                             # 1,000,000 clips at the embedded profile's width, some minutes
    just bench duplicates --vectors 100000            # a quick run
    just bench duplicates --record                    # keeps the tables in docs/benchmarks.md

`pipeline.benchmarks.made_clips` describes the clips. They arrive as in a run: their features are stored, their pairs
are searched, and the copies are settled; then another percent arrives. On 20,000, where the product itself compares all
pairs, the search for larger sets is compared with the exact result. Peak memory is that of a step, without what made
the clips; it includes the pages of mapped files, which the kernel takes back when it needs them.
"""

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import faiss
import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.made_clips import SORTS, MadeClips, make_clips
from pipeline.benchmarks.record import markdown_table, record
from pipeline.engine.progress import Progress
from pipeline.stages.select.duplicates import find_copies
from pipeline.stages.select.feature_files import FeatureFiles
from pipeline.stages.select.features import ClipFeatures
from pipeline.stages.select.neighbours import Pairs, exact_near, near_hashes
from pipeline.stages.select.pairs import StoredPairs
from pipeline.stages.select.vector_index import VectorIndex
from pipeline.storage.store import Store
from schemas.command import make_parser
from schemas.config import DuplicateConfig
from schemas.errors import ConfigError
from schemas.terminal import print_table

EMBEDDED_WIDTH = 1280
BESIDE_EXACT = 20_000
CONFIG = DuplicateConfig()
Table = tuple[str, Sequence[str], list[Sequence[object]]]
Step = tuple[str, float, float, int]


class Timer:
    """Wall-clock and CPU seconds (all threads) since it was created."""

    def __init__(self) -> None:
        self._start = time.monotonic(), time.process_time()

    def read(self) -> tuple[float, float]:
        """(wall, CPU) seconds."""
        return time.monotonic() - self._start[0], time.process_time() - self._start[1]


def peak_megabytes() -> int:
    """Peak memory of this process since `forget_peak`."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def forget_peak() -> None:
    """Count the peak from now on, where the kernel can (Linux)."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def measure_scale(made: MadeClips, extra: int, seed: int, folder: Path, progress: Progress) -> list[Table]:
    """Find the copies among all clips, of which `extra` arrive later: time, memory, the recall of planted copies."""
    count = len(made.clips)
    order = np.random.default_rng(seed).permutation(count)
    first = np.sort(order[extra:])
    steps = _arrive(made, first, first, f"{len(first):,} clips", folder, progress)
    steps += _arrive(made, np.sort(order[:extra]), np.arange(count), f"{extra:,} more", folder, progress)
    steps += _arrive(made, np.empty(0, np.int64), np.arange(count), "none more", folder, progress)
    with FeatureFiles(Store(folder), "made") as files:
        copies = find_copies(made.clips, files, CONFIG, progress)
    duplicates = dict(zip(copies["id"].to_pylist(), copies["duplicate_of"].to_pylist(), strict=True))
    planted: list[Sequence[object]] = [
        (sort, f"{low:g} to {high:g}", f"{lowest * 64:.0f} to {highest * 64:.0f}", len(of), _found(of, duplicates))
        for (sort, of), (low, high, lowest, highest) in zip(made.originals.items(), SORTS.values(), strict=True)
    ]
    others = count - sum(len(of) for of in made.originals.values())
    unplanted = sum(not any(key in of for of in made.originals.values()) for key in duplicates)
    planted.append(("not planted", "", "", others, unplanted))
    times = [(step, round(wall, 1), round(cpu, 1), peak) for step, wall, cpu, peak in steps]
    return [
        (f"{count:,} clips, {made.width} wide", ("step", "seconds", "CPU s", "peak MB"), list(times)),
        ("Copies found", ("planted", "cosine", "bits of 64", "clips", "found"), planted),
    ]


def _arrive(
    made: MadeClips, new: NDArray[np.int64], wanted: NDArray[np.int64], name: str, folder: Path, progress: Progress
) -> list[Step]:
    """What a run does when the clips `new` have arrived: its steps with (wall, CPU) seconds and peak MB."""
    steps: list[Step] = []
    with FeatureFiles(Store(folder), "made") as files:
        with _step(f"{name}: features", steps, progress):
            if len(new):
                made.store(files, new)
        with _step(f"{name}: pairs", steps, progress):
            pairs = StoredPairs(files, CONFIG)
            with progress.bar("find copies", pairs.unsearched) as advance:
                pairs.search(lambda clips: advance(clips, 0))
        with _step(f"{name}: settled", steps, progress):
            find_copies(made.clips.take(wanted), files, CONFIG, progress)
    return steps


@contextmanager
def _step(name: str, steps: list[Step], progress: Progress) -> Iterator[None]:
    forget_peak()
    timer = Timer()
    yield
    steps.append((name, *timer.read(), peak_megabytes()))
    progress.note(f"  {name}: {steps[-1][1]:.1f} s, {steps[-1][2]:.1f} s CPU, {steps[-1][3]} MB")


def _found(originals: dict[str, str], duplicates: dict[str, str]) -> int:
    return sum(duplicates.get(copy) == original for copy, original in originals.items())


def measure_recall(made: MadeClips, folder: Path) -> list[Table]:
    """All near pairs by the search for large sets, compared with those by comparing every pair.

    The clips arrive in three parts, so that segments of the index are searched and joined.
    """
    with FeatureFiles(Store(folder), "made") as files:
        for part in np.array_split(np.random.default_rng(0).permutation(len(made.clips)), 3):
            made.store(files, np.sort(part))
        features = ClipFeatures(files)
        timer = Timer()
        index = VectorIndex(features, len(made.clips))
        built = timer.read()[1]

        def by_index(number: int) -> Iterator[Pairs]:
            return index.near(number, CONFIG.min_similarity, lambda clips: None)

        lines = [
            _compared(
                f"cosine >= {CONFIG.min_similarity:g}",
                files,
                lambda number: exact_near(features, number, CONFIG.min_similarity),
                by_index,
                lambda pairs: features.similarities(pairs[:, 0], pairs[:, 1]) >= CONFIG.min_similarity,
                built,
            ),
            _compared(
                f"hash distance <= {CONFIG.max_hash_distance:g}",
                files,
                lambda number: _near_hashes(features, number),
                lambda number: near_hashes(features, number, CONFIG.max_hash_distance),
                lambda pairs: np.ones(len(pairs), bool),
                0.0,
            ),
        ]
    headings = ("pairs with", "pairs", "recall", "candidates", "exact: CPU s", "search: CPU s")
    return [(f"{len(made.clips):,} clips beside every pair compared", headings, lines)]


def _compared(
    name: str,
    files: FeatureFiles,
    exact: Callable[[int], Iterator[Pairs]],
    search: Callable[[int], Iterator[Pairs]],
    true: Callable[[Pairs], NDArray[np.bool_]],
    built: float,
) -> Sequence[object]:
    timer = Timer()
    every = [pairs[true(pairs)] for number in files.numbers for pairs in exact(number)]
    wanted = {(first, second) for pairs in every for first, second in pairs.tolist()}
    exact_seconds = timer.read()[1]
    timer = Timer()
    candidates = {
        (first, second) for number in files.numbers for pairs in search(number) for first, second in pairs.tolist()
    }
    seconds = built + timer.read()[1]
    share = len(wanted & candidates) / len(wanted) if wanted else 1.0
    return (name, len(wanted), f"{share:.4f}", len(candidates), round(exact_seconds, 1), round(seconds, 1))


def _near_hashes(features: ClipFeatures, number: int) -> Iterator[Pairs]:
    """The clips of a file with all before them within the distance, by comparing every pair."""
    places = np.concatenate([features.searched(other) for other in features.files.numbers if other <= number])
    facts = features.facts(places)
    for stills in np.unique(facts["stills"]).tolist():
        those = np.flatnonzero(facts["stills"] == stills)
        codes = np.stack([features.hash_words(places[those], facts["start"][those], n) for n in range(stills)], axis=1)
        for row in np.flatnonzero(places[those] >= features.searched(number)[0]).tolist():
            near = np.bitwise_count(codes[:row] ^ codes[row]).sum(axis=1) <= CONFIG.max_hash_distance * stills
            earlier = places[those[:row][near]]
            yield np.stack([np.full(len(earlier), places[those[row]]), earlier], axis=1)


def main() -> None:
    """Entry point."""
    parser = make_parser("bench duplicates", __doc__ or "")
    parser.add_argument("--vectors", type=int, default=1_000_000, metavar="N", help="clips (default: 1000000)")
    parser.add_argument("--width", type=int, default=EMBEDDED_WIDTH, help="numbers per embedding (default: 1280)")
    parser.add_argument("--seed", type=int, default=0, help="of the made-up clips (default: 0)")
    parser.add_argument("--record", action="store_true", help="keep the tables in docs/benchmarks.md")
    arguments = parser.parse_args()
    if arguments.vectors < 100 or arguments.width < 2:
        raise ConfigError(f"--vectors {arguments.vectors} --width {arguments.width}: at least 100 clips of 2 numbers")
    tables = _measure(arguments.vectors, arguments.width, arguments.seed, Progress())
    for table in tables:
        print_table(*table)
    if arguments.record:
        command = f"just bench duplicates --vectors {arguments.vectors} --width {arguments.width}"
        engine = f"Faiss {faiss.__version__} on {faiss.omp_get_max_threads()} threads, seed {arguments.seed}."
        parts = [part for title, headings, rows in tables for part in (f"{title}:", markdown_table(headings, rows))]
        record("duplicates", "Near-duplicates", [engine, *parts], command)


def _measure(count: int, width: int, seed: int, progress: Progress) -> list[Table]:
    with TemporaryDirectory(prefix="cutroom-bench-") as folder:
        small, large = Path(folder, "small"), Path(folder, "large")
        small.mkdir()
        large.mkdir()
        progress.note(f"  comparing every pair of {BESIDE_EXACT:,} clips")
        recall = measure_recall(make_clips(BESIDE_EXACT, width, seed, small), small)
        extra = count // 100
        progress.note(f"  making {count + extra:,} clips x {width}")
        made = make_clips(count + extra, width, seed, large)
        return measure_scale(made, extra, seed, large, progress) + recall
