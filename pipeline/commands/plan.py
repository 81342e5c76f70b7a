"""`just plan <bucket>`: what curating a bucket will cost, with intervals, from the real curation of a sample of it.

just plan ~/videos --finish 24h
just plan s3://bucket/raw --profile gpu --json plan.json
"""

import argparse
import json
import sys
import tempfile
import textwrap
from pathlib import Path

from pipeline.commands.arguments.plan import parse
from pipeline.commands.curate import prepare_demo
from pipeline.commands.plan_runs import plan_bucket
from pipeline.engine.cluster import Cluster
from pipeline.planning.forecast import Plan, as_json, machines
from pipeline.planning.totals import LEVEL, Estimate
from pipeline.storage.addresses import clean
from pipeline.storage.store import Store
from schemas.command import run_command
from schemas.terminal import print_table

_WIDTH = 100
_HEADINGS = ("", "estimate", "at least", "at most")
_SHOWN = (
    ("video seconds", "hours of video", 3600.0),
    ("shipped seconds", "hours shipped", 3600.0),
    ("unreadable", "unreadable files", 1.0),
    ("identical", "identical files", 1.0),
    ("pictures", "pictures", 1.0),
    ("clips", "clips", 1.0),
    ("stills", "stills", 1.0),
    ("samples", "samples", 1.0),
    ("caption tokens", "tokens of captions", 1.0),
)


def main() -> None:
    """Entry point."""
    run(parse())


def run(parsed: argparse.Namespace) -> None:
    """Curate the sample, print the plan, and write it as JSON if asked to."""
    bucket = prepare_demo() if parsed.bucket == "demo" else parsed.bucket
    cluster = Cluster(parsed.settings.engine.ray_address)
    print(f"planning {clean(bucket)} (profile {parsed.settings.profile}): curating a sample", file=sys.stderr)
    with tempfile.TemporaryDirectory() as temporary:
        folder = parsed.keep or Path(temporary) / "sample"
        plan = plan_bucket(bucket, parsed.settings, folder.absolute(), cluster, parsed.sample, parsed.seed)
    print_plan(plan, parsed.finish)
    if parsed.json:
        target = parsed.json.absolute()
        wanted = {"finish_seconds": parsed.finish, **machines(plan, parsed.finish)} if parsed.finish else None
        described = {"bucket": clean(bucket), "profile": parsed.settings.profile, "seed": parsed.seed, "level": LEVEL}
        text = json.dumps(described | as_json(plan) | {"machines": wanted}, indent=2)
        Store(target.parent).write(target.name, text.encode())
        print(f"written: {target}")


def print_plan(plan: Plan, finish: float | None) -> None:
    """Print the plan, in at most 100 columns."""
    print(
        f"{plan.sampled} of {plan.objects} objects were curated, of {plan.bytes / 1e9:.3f} GB in all; the intervals "
        f"hold with a probability of about {LEVEL:.0%}\n"
    )
    print_table("The whole bucket", _HEADINGS, [_row(title, plan.totals[name], unit) for name, title, unit in _SHOWN])
    buckets = [
        (
            name,
            *(
                cell
                for key, unit in (("samples", 1.0), ("shards", 1.0), ("bytes", 1e9))
                for cell in _pair(each[key], unit)
            ),
        )
        for name, each in plan.buckets.items()
    ]
    print_table("Per bucket", ("bucket", "samples", "interval", "shards", "interval", "GB", "interval"), buckets)
    times = [(*_row(f"CPU hours: {name}", each, 3600.0), _number(plan.fixed.get(name, sum(plan.fixed.values())) / 3600))
             for name, each in plan.cpu.items()]  # fmt: skip
    times += [(*_row(f"GPU hours: {name}", each, 3600.0), "") for name, each in plan.gpu.items()]
    print_table("Time", (*_HEADINGS, "of it fixed"), times)
    print_table("Read from the bucket, GB", _HEADINGS, [_row(name, each, 1e9) for name, each in plan.egress.items()])
    print_table("Disk, GB", _HEADINGS, [_row(name, each, 1e9) for name, each in plan.disk.items()])
    calls = [_row(f"{stage}: {key.replace('_', ' ')}", each, 1.0) for stage, used in plan.calls.items()
             for key, each in used.items() if each.value]  # fmt: skip
    if calls:
        print_table("Models", _HEADINGS, calls)
    if finish:
        needed = machines(plan, finish)
        gpus = f" and {needed['gpus']} GPUs" if plan.gpu else ""
        print(f"To end within {finish / 3600:g} h: {needed['cores']} cores{gpus} like these, kept busy.\n")
    for note in plan.notes:
        print(textwrap.fill(note, _WIDTH))


def _row(title: str, estimated: Estimate, unit: float) -> tuple[str, str, str, str]:
    value, low, high = (_number(each / unit) for each in (estimated.value, estimated.low, estimated.high))
    return title, value, low, high


def _pair(estimated: Estimate, unit: float) -> tuple[str, str]:
    return _number(estimated.value / unit), f"{_number(estimated.low / unit)} to {_number(estimated.high / unit)}"


def _number(value: float) -> str:
    """Three digits where there are no more before the point."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


if __name__ == "__main__":
    run_command(main)
