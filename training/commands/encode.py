"""`just encode <dataset>`: writes a dataset's latents and text embeddings once, so that training only reads them.

just encode datasets/demo --recipe demo --out datasets/demo-latents
"""

import argparse
import sys
import time

import pyarrow.compute as pc
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.storage.store import Store
from schemas.command import run_command
from schemas.heartbeat import Heartbeat
from training.commands.arguments.encode import parse
from training.config import TrainConfig
from training.encoders.registry import open_codec, open_text
from training.families.registry import open_family
from training.latents.settings import CacheSettings, claim, read_settings
from training.latents.source import Part, plan_parts
from training.latents.verify import verify_cache
from training.latents.write import LatentWriter

_LISTED = 20


def main(arguments: list[str]) -> int:
    """Entry point."""
    return run(parse(arguments))


def run(options: argparse.Namespace) -> int:
    """Encode or verify; returns 1 if verification finds a problem."""
    return encode(options.settings, options.dataset, options.out or f"{options.dataset}-latents", options)


def encode(config: TrainConfig, dataset: str, out: str, options: argparse.Namespace) -> int:
    """Fill or verify the cache `out`; returns the exit code."""
    codec = open_codec(config.encoders, options.device)
    text = open_text(config.encoders, open_family(config).family.sizes.text_length, options.device)
    settings, cache = CacheSettings.of(codec, text, options.precision), Store(out)
    if options.verify:
        existing = read_settings(cache)
        existing.require(settings.codec_identity, settings.text_identity, out)
        return _verify(cache, plan_parts(Store(dataset), config.stages, existing))
    parts = plan_parts(Store(dataset), config.stages, settings)
    claim(cache, settings)
    print(f"encoding {dataset} with {codec.name} and {text.name} into {out}", file=sys.stderr)
    print("looking first for what is encoded there already", file=sys.stderr)
    started = time.perf_counter()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    total = sum(len(part.samples) for part in parts)
    with Progress(*columns, disable=not sys.stderr.isatty()) as progress, Heartbeat("encode", total, "samples") as beat:
        task = progress.add_task("samples", total=total)

        def done(part: Part, failed: int) -> None:
            progress.advance(task, len(part.samples))
            beat.advance(len(part.samples), failed)
            if failed:
                print(f"{part.name}: {failed} of {len(part.samples)} samples cannot be encoded", file=sys.stderr)

        index = LatentWriter(Store(dataset), cache, settings, codec, text).write(parts, done)
    failures = index.filter(pc.not_equal(index["status"], "ok"))
    for row in failures.slice(0, _LISTED).to_pylist():
        print(f"encode: {row['sample_id']}: {row['error']}", file=sys.stderr)
    size = (pc.sum(index["size"]).as_py() or 0) / 2**20
    print(
        f"{len(index) - len(failures)} of {len(index)} samples x shapes in {len(parts)} shards, {size:.1f} MB, "
        f"{time.perf_counter() - started:.0f} s; train with --set data.latents={out}"
    )
    return 0


def _verify(cache: Store, parts: list[Part]) -> int:
    problems = list(verify_cache(cache, parts))
    for problem in problems[:_LISTED]:
        print(f"verify: {problem}", file=sys.stderr)
    if problems:
        more = f" ({len(problems) - _LISTED} more not shown)" if len(problems) > _LISTED else ""
        print(
            f"error: {cache.uri}: {len(problems)} problems{more}; remove the shards named and run `just encode`",
            file=sys.stderr,
        )
        return 1
    print(f"verified: {sum(len(part.samples) for part in parts)} entries of {len(parts)} shards")
    return 0


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
