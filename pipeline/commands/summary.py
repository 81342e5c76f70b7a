"""The summary printed at the end of a run: the funnel, the shards per bucket, the times, example captions."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from pipeline.dataset.ledger import count_states
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.outcome_tables import KINDS, LEDGER, SAMPLES, STATES
from schemas.terminal import print_table

if TYPE_CHECKING:
    from pipeline.dataset.query import Relation


def print_summary(dataset: Dataset, record: Mapping[str, Any], examples: pa.Table) -> None:
    """Print the whole summary of a finished run."""
    from pipeline.dataset.query import querying

    with querying(dataset.store) as connection:
        print_funnel(dataset.relation(connection, LEDGER_FILE, LEDGER))
        print_shards(dataset.relation(connection, INDEX, SAMPLES))
    print_times(record)
    print_captions(examples)


def print_funnel(ledger: "Relation") -> None:
    """Print the number of videos, clips, samples and lost spans in each state, and their seconds."""
    cells = count_states(ledger)
    counts = {key: count for key, (count, _) in cells.items()}
    seconds = {key: length for key, (_, length) in cells.items()}
    for title, values in (("Funnel", counts), ("Seconds", seconds)):
        rows = []
        for kind in KINDS:
            row = [values.get((kind, state), 0) for state in STATES]
            rows.append((f"{kind}s", *(round(value, 1) for value in (sum(row), *row))))
        print_table(title, ("", "in", *STATES), rows)
    video = sum(length for (kind, _), length in seconds.items() if kind == "video")
    if video:
        shipped = seconds.get(("sample", "shipped"), 0.0)
        print(f"{shipped:.1f} of {video:.1f} s of video ship ({shipped / video:.0%}); just ledger lists what is lost\n")


def print_shards(samples: "Relation") -> None:
    """Print samples, sources, shards and megabytes per bucket and split."""
    packed = samples.filter("status = 'ok'")
    counted = "count(*) AS samples, count(DISTINCT video_id) AS sources"
    groups = packed.aggregate(
        f"bucket, split, {counted}, count(DISTINCT shard) AS shards, sum(size) / 1e6 AS megabytes"
    )
    rows = [(*cells, f"{megabytes:.1f}") for *cells, megabytes in groups.order("bucket, split").fetchall()]
    print_table("Shards", ("bucket", "split", "samples", "sources", "shards", "MB"), rows)
    of_split = {split: counts for split, *counts in packed.aggregate(f"split, {counted}").fetchall()}
    for split in ("train", "val"):
        count, sources = of_split.get(split, (0, 0))
        print(f"{split}: {count} samples of {sources} sources")
    print()


def print_times(record: Mapping[str, Any]) -> None:
    """Print wall time, busy time and rate of each stage, and the bottleneck."""
    rows = []
    for name, stage in record["stages"].items():
        busy = stage["busy_seconds"]
        full = stage["seconds"] * stage["workers"]
        rows.append(
            (
                name,
                stage["rows"],
                stage["computed"],
                stage["failed"],
                f"{stage['seconds']:.1f}",
                f"{busy:.1f}",
                f"{busy / full:.0%}" if full and busy else "",
                f"{stage['computed'] / stage['seconds']:.1f}" if busy else "",
            )
        )
    headings = ("stage", "rows", "computed", "failed", "seconds", "busy s", "workers busy", "rows/s")
    print_table("Where the time went", headings, rows)
    decoded = {name: stage["counters"].get("decoded_frames") for name, stage in record["stages"].items()}
    frames = ", ".join(f"{count} in {name}" for name, count in decoded.items() if count)
    bottleneck = record["bottleneck"]
    share = record["stages"][bottleneck]["busy_seconds"] if bottleneck else 0
    print(f"computed {record['computed_rows']} rows in {record['seconds']:.1f} s", end="")
    print(f"; bottleneck: {bottleneck} ({share:.1f} s of work)" if bottleneck else "", end="")
    print(f"; frames decoded: {frames}" if frames else "")
    for name, used in record["models"].items():
        thinking = f" ({used['thinking_tokens']:.0f} of them thinking)" if used.get("thinking_tokens") else ""
        cost = f", cost {used['cost']:.2f}" if used["cost"] else ""
        print(
            f"{name}: {used['model_calls']:.0f} requests ({used['cached_replies']:.0f} more from the cache), "
            f"{used['prompt_tokens']:.0f} tokens in, {used['completion_tokens']:.0f} out{thinking}{cost}"
        )
    print()


def print_captions(captions: pa.Table) -> None:
    """Print captions."""
    rows = captions.to_pylist()
    for row in rows:
        origin = "joined frame captions" if row["fallback"] else row["summariser"]
        print(f"{row['sample_id']}  ({origin}, {row['tokens']} tokens by {row['token_counter']})")
        print(textwrap.indent(textwrap.fill(row["dense"], 100), "    "))
    if rows:
        print()
