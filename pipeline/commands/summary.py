"""The summary printed at the end of a run: the funnel, the shards per bucket, the times, example captions."""

import textwrap
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from pipeline.dataset.folder import Dataset
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.outcome_tables import KINDS, LEDGER, SAMPLES, STATES
from schemas.terminal import print_table


def print_summary(dataset: Dataset, record: Mapping[str, Any], examples: pa.Table) -> None:
    """Print the whole summary of a finished run."""
    print_funnel(dataset.read_table(LEDGER_FILE, LEDGER))
    print_shards(dataset.read_table(INDEX, SAMPLES))
    print_times(record)
    print_captions(examples)


def print_funnel(ledger: pa.Table) -> None:
    """Print the number of videos, clips, samples and lost spans in each state, and their seconds."""
    counts: dict[tuple[str, str], float] = defaultdict(int)
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    for row in ledger.select(["kind", "state", "seconds"]).to_pylist():
        counts[row["kind"], row["state"]] += 1
        seconds[row["kind"], row["state"]] += row["seconds"]
    for title, cells in (("Funnel", counts), ("Seconds", seconds)):
        rows = []
        for kind in KINDS:
            row = [cells[kind, state] for state in STATES]
            rows.append((f"{kind}s", *(round(value, 1) for value in (sum(row), *row))))
        print_table(title, ("", "in", *STATES), rows)
    video = sum(count for (kind, _), count in seconds.items() if kind == "video")
    if video:
        shipped = seconds["sample", "shipped"]
        print(f"{shipped:.1f} of {video:.1f} s of video ship ({shipped / video:.0%}); just ledger lists what is lost\n")


def print_shards(samples: pa.Table) -> None:
    """Print samples, sources, shards and megabytes per bucket and split."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in samples.to_pylist():
        if row["status"] == "ok":
            groups.setdefault((row["bucket"], row["split"]), []).append(row)
    rows = [
        (
            bucket,
            split,
            len(samples),
            len({row["video_id"] for row in samples}),
            len({row["shard"] for row in samples}),
            f"{sum(row['size'] for row in samples) / 1e6:.1f}",
        )
        for (bucket, split), samples in sorted(groups.items())
    ]
    print_table("Shards", ("bucket", "split", "samples", "sources", "shards", "MB"), rows)
    for split in ("train", "val"):
        split_rows = [row for (_, name), listed in groups.items() if name == split for row in listed]
        print(f"{split}: {len(split_rows)} samples of {len({row['video_id'] for row in split_rows})} sources")
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


def print_captions(captions: pa.Table, count: int = 3) -> None:
    """Print `count` captions, spread evenly over the dataset."""
    rows = [row for row in captions.to_pylist() if row["status"] == "ok"]
    chosen = [rows[(2 * index + 1) * len(rows) // (2 * count)] for index in range(count)] if rows else []
    for row in {row["sample_id"]: row for row in chosen}.values():
        origin = "joined frame captions" if row["fallback"] else row["summariser"]
        print(f"{row['sample_id']}  ({origin}, {row['tokens']} tokens by {row['token_counter']})")
        print(textwrap.indent(textwrap.fill(row["dense"], 100), "    "))
    if chosen:
        print()
