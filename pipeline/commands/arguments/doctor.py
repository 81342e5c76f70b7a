"""The arguments of `just doctor`: of a training recipe, or with `--cluster` of the nodes of a Ray cluster.

just doctor datasets/demo --recipe demo
just doctor --cluster head:6379 --bucket s3://raw --out s3://set
"""

import argparse
import sys
from collections.abc import Sequence

from pipeline.commands.front import add_config_arguments, config_of
from schemas.command import make_parser
from schemas.errors import ConfigError
from training.commands.arguments import doctor as training

_EPILOG = """examples:
  just doctor --cluster                                        the cluster that this machine is a node of
  just doctor --cluster head:6379 --bucket s3://raw --out s3://set --config run.yaml

`just curate` with engine.ray_address makes the same checks before its first row."""
_CLUSTER = "--cluster"


def parser() -> argparse.ArgumentParser:
    """What may be typed about a training recipe, with the option that leads to the other doctor."""
    made = training.parser()
    made.add_argument(_CLUSTER, metavar="ADDRESS", nargs="?", help="check a Ray cluster (--cluster --help)")
    return made


def cluster_parser() -> argparse.ArgumentParser:
    """What may be typed with `--cluster`."""
    made = make_parser("doctor --cluster", "Ask every node of a Ray cluster whether it can curate.", _EPILOG)
    made.add_argument(
        _CLUSTER, metavar="ADDRESS", nargs="?", const="auto", required=True, help="of the cluster (default: auto)"
    )
    made.add_argument("--bucket", help="whether each node reads it")
    made.add_argument("--out", help="the dataset's folder or address: whether each node reads and writes it")
    add_config_arguments(made)
    return made


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line; `settings` is the configuration. Raises `ConfigError`, or `DatasetError` for no folder."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not any(word.partition("=")[0] == _CLUSTER for word in words):
        return training.parse(words)
    parsed = cluster_parser().parse_args(words)
    config = config_of(parsed)
    if config.engine.ray_address not in (None, parsed.cluster):
        raise ConfigError(
            f"engine.ray_address = {config.engine.ray_address!r} and --cluster {parsed.cluster}; give one of them"
        )
    engine = config.engine.model_copy(update={"ray_address": parsed.cluster})
    parsed.settings = config.model_copy(update={"engine": engine})
    return parsed
