"""`just encode <dataset>`: what VAE and text encoder make of a dataset, written once, so that training only reads it.

just encode datasets/demo --recipe demo --out datasets/demo-latents
"""

import argparse
import sys
import time

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from pipeline.storage.store import Store
from schemas.command import make_parser, run_command
from schemas.heartbeat import Heartbeat
from training.commands.front import add_recipe_arguments, dataset_of, recipe_of
from training.config import TrainConfig
from training.encoders.registry import open_codec, open_text
from training.families.registry import open_family
from training.latents.settings import DTYPES, CacheSettings, claim, read_settings
from training.latents.source import Part, plan_parts
from training.latents.verify import verify_cache
from training.latents.write import LatentWriter

_SHOWN = 20
_EPILOG = """examples:
  just encode demo                                              datasets/demo-latents, for the recipe demo
  just encode datasets/mine --recipe cogvideox-2b --device cuda --precision bfloat16
  just encode datasets/mine --verify                            read all of it again and check it
  just train datasets/mine --set data.latents=datasets/mine-latents

Every stage's shapes are encoded: latents once per shape, text states once per caption. Killed, the same command goes
on where it stopped."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = make_parser("encode", "Encode a dataset's clips and captions for a recipe, once.", _EPILOG)
    parser.add_argument("dataset", help="dataset folder or s3://..., or `demo` (datasets/demo)")
    parser.add_argument("--out", help="the cache's folder (default: <dataset>-latents)")
    parser.add_argument("--precision", choices=sorted(DTYPES), default="float32", help="of what is stored")
    parser.add_argument("--device", default="cpu", help="where the encoders run: cpu, cuda, cuda:1")
    parser.add_argument("--verify", action="store_true", help="check every entry instead of encoding")
    add_recipe_arguments(parser)
    return parser.parse_args(arguments)


def main(arguments: list[str]) -> int:
    """Encode or verify; exit code 1 if something is wrong with the cache."""
    options = parse(arguments)
    dataset = dataset_of(options.dataset)
    return encode(recipe_of(options), dataset, options.out or f"{dataset}-latents", options)


def encode(config: TrainConfig, dataset: str, out: str, options: argparse.Namespace) -> int:
    """Fill or verify the cache `out`; returns the exit code."""
    codec = open_codec(config.encoders, options.device)
    text = open_text(config.encoders, open_family(config).family.sizes.text_length, options.device)
    settings, cache = CacheSettings.of(codec, text, options.precision), Store(out)
    if options.verify:
        found = read_settings(cache)
        found.require(settings.codec_identity, settings.text_identity, out)
        return _verify(cache, plan_parts(Store(dataset), config.stages, found))
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
    rows = index.to_pylist()
    failures = [f"{row['sample_id']}: {row['error']}" for row in rows if row["status"] != "ok"]
    for failure in failures[:_SHOWN]:
        print(f"encode: {failure}", file=sys.stderr)
    size = sum(row["size"] or 0 for row in rows) / 2**20
    print(
        f"{len(rows) - len(failures)} of {len(rows)} samples x shapes in {len(parts)} shards, {size:.1f} MB, "
        f"{time.perf_counter() - started:.0f} s; train with --set data.latents={out}"
    )
    return 0


def _verify(cache: Store, parts: list[Part]) -> int:
    complaints = list(verify_cache(cache, parts))
    for complaint in complaints[:_SHOWN]:
        print(f"verify: {complaint}", file=sys.stderr)
    if complaints:
        more = f" ({len(complaints) - _SHOWN} more not shown)" if len(complaints) > _SHOWN else ""
        print(
            f"error: {cache.uri}: {len(complaints)} complaints{more}; remove the shards named and run `just encode`",
            file=sys.stderr,
        )
        return 1
    print(f"verified: {sum(len(part.samples) for part in parts)} entries of {len(parts)} shards")
    return 0


if __name__ == "__main__":
    run_command(lambda: main(sys.argv[1:]))
