"""The arguments of `just completion`.

cutroom completion bash
"""

import argparse
from collections.abc import Sequence

from schemas.command import make_parser

SHELLS = ("bash", "zsh", "fish")
_EPILOG = """examples:
  eval "$(cutroom completion bash)"                                          in ~/.bashrc
  eval "$(cutroom completion zsh)"                                           in ~/.zshrc, after compinit
  cutroom completion fish > ~/.config/fish/completions/cutroom.fish"""


def parser() -> argparse.ArgumentParser:
    """What may be typed."""
    argument_parser = make_parser(
        "completion", "Print what a shell needs to complete `cutroom` commands and options.", _EPILOG
    )
    argument_parser.add_argument("shell", choices=SHELLS)
    return argument_parser


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    return parser().parse_args(arguments)
