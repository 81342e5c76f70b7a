"""`just plan <bucket>`: what curating a bucket will cost, with intervals, from the real curation of a sample of it.

just plan ~/videos --finish 24h
just plan s3://bucket/raw --profile gpu --json plan.json
"""

import argparse
import json
import sys
import tempfile
import textwrap
from collections.abc import Callable
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
        f"{plan.sampled} of {plan.objects} objects were curated, of {_size(plan.bytes)} in all; "
        f"the intervals are of {LEVEL:.0%}\n"
    )
    shown = [_row(title, plan.totals[name], form) for name, title, form in _SHOWN]
    print_table("The whole bucket", _HEADINGS, shown)
    columns = (("samples", _count), ("shards", _count), ("bytes", _size))
    buckets = [
        (name, *(cell for key, form in columns for cell in _pair(each[key], form)))
        for name, each in plan.buckets.items()
    ]
    print_table("Per bucket", ("bucket", "samples", "interval", "shards", "interval", "size", "interval"), buckets)
    fixed = {**plan.fixed, "all": sum(plan.fixed.values())}
    times = [(*_row(f"CPU, {name}", each, _time), _time(fixed[name])) for name, each in plan.cpu.items()]
    times += [(*_row(f"GPU, {name}", each, _time), "") for name, each in plan.gpu.items()]
    print_table("Time of one core or GPU", (*_HEADINGS, "of it fixed"), times)
    print_table("Read from the bucket", _HEADINGS, [_row(name, each, _size) for name, each in plan.egress.items()])
    print_table("Disk", _HEADINGS, [_row(name, each, _size) for name, each in plan.disk.items()])
    calls = [
        _row(f"{stage}: {key.replace('_', ' ')}", each, _price if key == "cost" else _count)
        for stage, used in plan.calls.items()
        for key, each in used.items()
        if each.value
    ]
    if calls:
        print_table("Models", _HEADINGS, calls)
    if finish:
        needed = machines(plan, finish)
        gpus = f", GPUs: {needed['gpus']}" if plan.gpu else ""
        print(f"To end within {finish / 3600:g} h, if kept busy: cores like these: {needed['cores']}{gpus}\n")
    for note in plan.notes:
        print(textwrap.fill(note, _WIDTH))


def _row(title: str, estimated: Estimate, form: Callable[[float], str]) -> tuple[str, str, str, str]:
    return title, form(estimated.value), form(estimated.low), form(estimated.high)


def _pair(estimated: Estimate, form: Callable[[float], str]) -> tuple[str, str]:
    return form(estimated.value), f"{form(estimated.low)} to {form(estimated.high)}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _price(value: float) -> str:
    return f"{value:,.2f}"


def _size(value: float) -> str:
    unit, name = next((pair for pair in ((1e12, "TB"), (1e9, "GB")) if value >= pair[0]), (1e6, "MB"))
    return f"{value / unit:,.1f} {name}"


def _time(value: float) -> str:
    unit, name = next((pair for pair in ((3600.0, "h"), (60.0, "min")) if value >= pair[0]), (1.0, "s"))
    return f"{value / unit:,.1f} {name}"


_SHOWN = (
    ("video seconds", "video", _time),
    ("shipped seconds", "video shipped", _time),
    ("unreadable", "unreadable files", _count),
    ("identical", "identical files", _count),
    ("pictures", "pictures", _count),
    ("clips", "clips", _count),
    ("stills", "stills", _count),
    ("samples", "samples", _count),
    ("caption tokens", "tokens of captions", _count),
)


if __name__ == "__main__":
    run_command(main)
