"""The arguments of `just curate`.

just curate demo
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from pipeline.commands.front import add_config_arguments, config_of
from schemas.command import make_parser
from schemas.config import RunConfig
from schemas.describe import describe_config
from schemas.errors import InputError
from schemas.nearest import closest

_EPILOG = """examples:
  just curate demo                                   a sample bucket, made on this machine
  just curate ~/videos                               a folder, to datasets/videos
  just curate s3://bucket/raw --out s3://bucket/set  an object store (credentials from the environment)
  just curate uris.txt --limit 100                   a file that lists URIs
  just curate ~/videos --set 'select.rules=["motion >= 0.5"]'
  just curate ~/videos --profile gpu --show-config > run.yaml

Run the same command again to go on after a stop, or to add what is new in the bucket."""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser(
        "curate", "Turn a bucket of raw video into captioned, verified WebDataset shards.", _EPILOG
    )
    argument_parser.add_argument("bucket", help="a folder, s3://..., gs://..., a .txt file that lists URIs, or `demo`")
    argument_parser.add_argument("--out", help="dataset folder (default: datasets/<name of the bucket>)")
    add_config_arguments(argument_parser)
    argument_parser.add_argument("--limit", type=int, metavar="N", help="process only the first N objects")
    argument_parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="skip keys that match")
    add_confirmations(argument_parser)
    argument_parser.add_argument(
        "--show-config", action="store_true", help="print all settings with what they mean, check them, and stop"
    )
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `config` is what it asks for. Raises `ConfigError` and `InputError` for what cannot be."""
    parsed = parser().parse_args(arguments)
    if parsed.limit is not None:
        parsed.set.append(f"ingest.limit={parsed.limit}")
    if parsed.exclude:
        parsed.set.append(f"ingest.exclude={parsed.exclude!r}")
    parsed.settings = config_of(parsed)
    if parsed.show_config:
        _show(parsed.settings)
    require_bucket(parsed.bucket)
    return parsed


def _show(config: RunConfig) -> NoReturn:
    """Print the configuration; then what a run would refuse of it is said here already."""
    print(describe_config(config), end="", flush=True)
    from pipeline.stages.preflight import check_config

    check_config(config, fetch=False)
    raise SystemExit(0)


def require_bucket(bucket: str) -> None:
    """Raise `InputError` for a bucket on this machine that is not there, before anything heavy is loaded."""
    path = Path(bucket)
    if bucket != "demo" and "://" not in bucket and not path.exists():
        names = [sibling.name for sibling in path.parent.iterdir()] if path.parent.is_dir() else []
        near = closest(path.name, names)
        hint = f"; did you mean {str(path.with_name(near))!r}?" if near else ""
        raise InputError(f"bucket {bucket} does not exist{hint}")


def add_confirmations(argument_parser: argparse.ArgumentParser) -> None:
    """Add `--bucket-moved` and `--confirm-vanished`: what a run may do to a dataset only if a person confirms it."""
    for name, text in (
        ("bucket-moved", "the bucket is the dataset's own, at a new location"),
        ("confirm-vanished", "go on without the sources that are no longer listed"),
    ):
        argument_parser.add_argument(
            f"--{name}",
            action="append_const",
            dest="confirmed",
            const=name.removeprefix("confirm-"),
            default=[],
            help=text,
        )
