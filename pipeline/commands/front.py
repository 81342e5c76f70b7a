"""Command-line arguments shared by the curation commands.

just curate demo --profile embedded --set pack.crf=20
"""

import argparse

from schemas.command import add_change_arguments
from schemas.config import RunConfig
from schemas.load import load_config
from schemas.profiles import PROFILES


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """`--profile`, `--config` and `--set`."""
    parser.add_argument("--profile", choices=sorted(PROFILES), help="defaults to start from (default: embedded)")
    add_change_arguments(parser)


def config_of(arguments: argparse.Namespace) -> RunConfig:
    """The configuration from the arguments."""
    return load_config(arguments.config, arguments.set, arguments.profile)
