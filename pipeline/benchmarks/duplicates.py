"""How the near-duplicate search scales: a synthetic million with planted copies; and 20,000 against exact search.

    just bench duplicates                             # 1,000,000 clips at the embedded profile's width, some minutes
    just bench duplicates --vectors 100000            # a quick run
    just bench duplicates --record                    # keeps the tables in docs/benchmarks.md

`pipeline.benchmarks.made_clips` describes the clips. On the million, time is counted from clips and features to the
table of copies; the index is built before the first clip is compared. On 20,000, where the product itself compares all
pairs, the search for larger sets is compared with the exact result.
"""

import resource
import time
from collections.abc import Sequence

import faiss
import numpy as np
from numpy.typing import NDArray

from pipeline.benchmarks.made_clips import SORTS, MadeClips, make_clips
from pipeline.benchmarks.record import markdown_table, record
from pipeline.engine.progress import Progress
from pipeline.stages.select.duplicates import BLOCK, find_copies
from pipeline.stages.select.features import ClipFeatures
from pipeline.stages.select.neighbours import HashNeighbours, Neighbours, Pairs, VectorNeighbours
from schemas.command import make_parser
from schemas.config import DuplicateConfig
from schemas.errors import ConfigError
from schemas.terminal import print_table

EMBEDDED_WIDTH = 1280
BESIDE_EXACT = 20_000
CONFIG = DuplicateConfig()
Table = tuple[str, Sequence[str], list[Sequence[object]]]


class Timer:
    """Wall-clock and CPU seconds (all threads) since it was created."""

    def __init__(self) -> None:
        self._start = time.monotonic(), time.process_time()

    def read(self) -> tuple[float, float]:
        """(wall, CPU) seconds."""
        return time.monotonic() - self._start[0], time.process_time() - self._start[1]


def peak_megabytes() -> int:
    """Peak memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def measure_scale(corpus: MadeClips, progress: Progress) -> list[Table]:
    """Find the copies among all clips: time and memory, and the recall of planted copies."""
    count = len(corpus.clips)
    steps = [("clips and features in memory", 0.0, 0.0, peak_megabytes())]
    timer = Timer()
    judged = 0
    with progress.bar("find copies", count) as bar:

        def advance(clips: int, failed: int) -> None:
            nonlocal judged
            if not judged:
                steps.append(("index built", *timer.read(), peak_megabytes()))
            # Without a terminal there is no bar: a line for each tenth.
            if judged * 10 // count != (judged + clips) * 10 // count:
                wall, cpu = timer.read()
                progress.note(f"  {judged + clips:9,} judged  {wall:6.1f} s, {cpu:6.1f} s CPU, {peak_megabytes()} MB")
            judged += clips
            bar(clips, failed)

        copies = find_copies(corpus.clips, corpus.features, CONFIG, advance)
    steps.append(("all clips judged", *timer.read(), peak_megabytes()))
    duplicates = dict(zip(copies["id"].to_pylist(), copies["duplicate_of"].to_pylist(), strict=True))
    planted: list[Sequence[object]] = [
        (sort, f"{low:g} to {high:g}", f"{lowest * 64:.0f} to {highest * 64:.0f}", len(of), _found(of, duplicates))
        for (sort, of), (low, high, lowest, highest) in zip(corpus.originals.items(), SORTS.values(), strict=True)
    ]
    others = count - sum(len(of) for of in corpus.originals.values())
    unplanted = sum(not any(key in of for of in corpus.originals.values()) for key in duplicates)
    planted.append(("not planted", "", "", others, unplanted))
    times = [(step, round(wall, 1), round(cpu, 1), peak) for step, wall, cpu, peak in steps]
    return [
        (
            f"{count:,} clips, {corpus.features.vectors.shape[1]} wide",
            ("until", "seconds", "CPU s", "peak MB"),
            list(times),
        ),
        ("Copies found", ("planted", "cosine", "bits of 64", "clips", "found"), planted),
    ]


def _found(originals: dict[str, str], duplicates: dict[str, str]) -> int:
    return sum(duplicates.get(copy) == original for copy, original in originals.items())


def measure_recall(corpus: MadeClips) -> list[Table]:
    """All near pairs by the search for large sets, compared with those by comparing every pair."""
    features, count = corpus.features, len(corpus.clips)
    rows = np.arange(count)
    rounds: list[tuple[str, float, Neighbours]] = []
    timer = Timer()
    vectors = VectorNeighbours(features.unit_vectors, count, CONFIG.min_similarity, exact_up_to=0)
    rounds.append((f"cosine >= {CONFIG.min_similarity:g}", timer.read()[1], vectors))
    timer = Timer()
    hashes = HashNeighbours(features.codes, features.still_counts(rows), CONFIG.max_hash_distance)
    rounds.append((f"hash distance <= {CONFIG.max_hash_distance:g}", timer.read()[1], hashes))
    lines: list[Sequence[object]] = []
    for (name, built, search), exact_pairs in zip(rounds, (_near_vectors, _near_hashes), strict=True):
        timer = Timer()
        exact = exact_pairs(features, count)
        exact_seconds = timer.read()[1]
        timer = Timer()
        candidates = _all_pairs(search, count)
        seconds = built + timer.read()[1]
        share = np.isin(exact, candidates).mean() if len(exact) else 1.0
        lines.append((name, len(exact), f"{share:.4f}", len(candidates), round(exact_seconds, 1), round(seconds, 1)))
    headings = ("pairs with", "pairs", "recall", "candidates", "exact: CPU s", "search: CPU s")
    return [(f"{count:,} clips beside every pair compared", headings, lines)]


def _all_pairs(search: Neighbours, count: int) -> NDArray[np.int64]:
    """The pairs that the search returns if every clip is kept, each encoded as one number."""
    batches: list[Pairs] = []
    for start in range(0, count, BLOCK):
        block = np.arange(start, min(start + BLOCK, count))
        everything = np.ones(len(block), bool)
        batches += [search.before(block), search.within(everything)]
        search.keep(everything)
    pairs = np.concatenate(batches)
    return np.unique(pairs[:, 0] * count + pairs[:, 1])


def _near_vectors(features: ClipFeatures, count: int) -> NDArray[np.int64]:
    unit = features.unit_vectors(np.arange(count))
    batches = []
    for start in range(0, count, BLOCK):
        later, earlier = np.nonzero(np.tril(unit[start : start + BLOCK] @ unit.T, start - 1) >= CONFIG.min_similarity)
        batches.append((later + start) * count + earlier)
    return np.concatenate(batches)


def _near_hashes(features: ClipFeatures, count: int) -> NDArray[np.int64]:
    stills = features.still_counts(np.arange(count))
    batches = []
    for number in np.unique(stills[stills > 0]).tolist():
        indices = np.flatnonzero(stills == number)
        codes = features.codes(indices, number)
        for index, code in enumerate(codes):
            near = np.bitwise_count(codes[:index] ^ code).sum(axis=1) <= CONFIG.max_hash_distance * number
            batches.append(indices[index] * count + indices[:index][near])
    return np.concatenate(batches)


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
    progress = Progress()
    progress.note(f"  comparing every pair of {BESIDE_EXACT:,} clips")
    tables = measure_recall(make_clips(BESIDE_EXACT, arguments.width, arguments.seed))
    progress.note(f"  making {arguments.vectors:,} clips x {arguments.width}")
    tables = measure_scale(make_clips(arguments.vectors, arguments.width, arguments.seed), progress) + tables
    for table in tables:
        print_table(*table)
    if arguments.record:
        command = f"just bench duplicates --vectors {arguments.vectors} --width {arguments.width}"
        engine = f"Faiss {faiss.__version__} on {faiss.omp_get_max_threads()} threads, seed {arguments.seed}."
        parts = [part for title, headings, rows in tables for part in (f"{title}:", markdown_table(headings, rows))]
        record("duplicates", "Near-duplicates", [engine, *parts], command)
