"""The commands by name: the two modules of each, and what it does in a line.

The module of the arguments is light: it makes help and refuses typos. The other one is imported to work.

    cutroom --help
"""

import os
import re
from typing import NamedTuple

DOOR = "CUTROOM_DOOR"  # the environment variable that says what people type before a command: `just` or `cutroom`


class Command(NamedTuple):
    """A command: the module with `parser()` and `parse(arguments)`, the module with `run(parsed)`, and its line."""

    arguments: str
    work: str
    summary: str


def _curation(stem: str, summary: str) -> Command:
    return Command(f"pipeline.commands.arguments.{stem}", f"pipeline.commands.{stem}", summary)


def _training(stem: str, summary: str) -> Command:
    return Command(f"training.commands.arguments.{stem}", f"training.commands.{stem}", summary)


COMMANDS = {
    "curate": _curation("curate", "raw videos to a verified dataset of captioned shards"),
    "plan": _curation("plan", "what curating a bucket will cost, from a sample of it"),
    "ledger": _curation("ledger", "in which state every video, clip and sample ended, and why"),
    "explain": _curation("explain", "a clip's whole history, or what became of each second of a video"),
    "report": _curation("report", "how good the captions are: a page, JSON and a table"),
    "view": _curation("view", "that page in the browser, with the samples as videos"),
    "what-if": _curation("what_if", "what a selection rule would keep, per bucket"),
    "verify": _curation("verify", "re-open every shard and check it"),
    "compact": _curation("compact", "full, shuffled shards again after a dataset grew"),
    "export-clips": _curation("export_clips", "samples as files that other trainers read"),
    "retry": _curation("retry", "try again what failed"),
    "teach": _curation("teach", "a filter of your own, from your labels"),
    "distill": _curation("distill", "train a small model on a large model's captions"),
    "doctor": _curation("doctor", "whether a recipe can train on a dataset, or a cluster can curate"),
    "encode": _training("encode", "encode clips and captions for training, once"),
    "train": _training("train", "captioned shards to a text-to-video model"),
    "sample": _training("sample", "videos from a model"),
    "tune": Command("training.commands.arguments.tune", "pipeline.commands.tune", "tune an image model on one video"),
    "export": _training("export", "a model as a folder that diffusers opens"),
    "bench": _curation("bench", "measure accuracy and speed, compared with other tools"),
    "schemas": _curation("schemas", "every table with its columns"),
    "completion": _curation("completion", "completion of commands and options for bash, zsh or fish"),
}

_TYPED = re.compile(rf"(?<![\w-])just (?=(?:{'|'.join(COMMANDS)}|<command>)(?![\w-]))")


def door() -> str:
    """What people type before a command here."""
    return os.environ.get(DOOR, "just")


def as_typed(text: str) -> str:
    """A text that names commands as `just <command>`, with what people type here in place of `just`."""
    return text if door() == "just" else _TYPED.sub(f"{door()} ", text)
