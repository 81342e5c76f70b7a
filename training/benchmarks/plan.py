"""Cost of planning an epoch of ten million synthetic samples, in seconds and in memory.

from training.benchmarks.plan import run
rows = run()
"""

import resource
import time
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.bucket import BUCKET_SETS
from training.benchmarks.timing import at_most
from training.config import StageConfig
from training.data.index import SampleIndex
from training.data.plan import plan_epoch
from training.data.selection import select
from training.data.shapes import Geometry

HEADINGS = ("samples", "image share", "select, s", "plan an epoch, s", "packs", "fill", "peak memory, GB", "aim")
_SHARD_SAMPLES = 256


def made_index(rows: int, seed: int = 0) -> SampleIndex:
    """An index of `rows` samples in the buckets of the first stage, a third of them images, 256 per shard."""
    random = np.random.default_rng(seed)
    buckets = tuple(sorted(BUCKET_SETS["first-stage"]))
    shares = np.array([3.0 if bucket.is_image else 2.0 for bucket in buckets])
    counts = random.multinomial(rows, shares / shares.sum())
    bucket = np.repeat(np.arange(len(buckets), dtype=np.int32), counts)
    position = np.arange(rows) - np.repeat(np.cumsum(counts) - counts, counts)
    _, shard = np.unique(bucket.astype(np.int64) * rows + position // _SHARD_SAMPLES, return_inverse=True)
    size = random.integers(50, 500, rows) * 1024
    numbers = pa.array(np.arange(rows)).cast(pa.string())
    names = pc.binary_join_element_wise("0123456789abcdef-12000", numbers, "-").cast(pa.large_string())
    return SampleIndex(
        uri="made",
        split="train",
        buckets=buckets,
        shards=pa.array([f"made/train-{number:06d}.tar" for number in range(int(shard.max(initial=-1)) + 1)]),
        videos=pa.array([f"{number:016x}" for number in range(rows // 20 + 1)]),
        sources=pa.array([f"films/{number:08d}.mp4" for number in range(rows // 20 + 1)]),
        sample_ids=names,
        clip_ids=names,
        bucket=bucket,
        shard=shard.astype(np.int32),
        video=random.integers(0, rows // 20 + 1, rows).astype(np.int32),
        offset=position % _SHARD_SAMPLES * (512 * 1024),
        size=size,
        tokens=random.integers(10, 226, rows).astype(np.int32),
        file_rows=np.arange(rows),
    )


def run(rows: int = 10_000_000) -> list[Sequence[object]]:
    """One row per `image_share`; memory is the peak of the whole process, including the index with its ids."""
    index = made_index(rows)
    rows_of_table: list[Sequence[object]] = []
    for share in (None, 0.3):
        stage = StageConfig(name="low", steps=1, pack_length=25_000, packs_per_step=8, image_share=share)
        started = time.process_time()
        selection = select(index, stage, Geometry(), ())
        selected = time.process_time()
        plan = plan_epoch(selection, stage, 0, 0)
        planned = time.process_time()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        mode = "as it is" if share is None else f"{share:g}"
        times = f"{selected - started:.1f}", f"{planned - selected:.1f}"
        aims = f"{at_most(planned - started, 60)} s, {at_most(peak, 4)} GB"
        rows_of_table.append(
            (f"{rows:,}", mode, *times, f"{len(plan.packs):,}", f"{plan.fill:.3f}", f"{peak:.2f}", aims)
        )
    return rows_of_table
