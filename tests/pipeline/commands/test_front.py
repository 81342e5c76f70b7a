"""Shared by all commands: an error is one line and an exit code, and the configuration comes from the arguments.

python -m pytest tests/pipeline/commands/test_front.py
"""

import argparse

import pytest

from pipeline.commands.front import add_config_arguments, config_of
from schemas.command import Terminated, exit_code_of
from schemas.errors import ConfigError, VerifyError


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigError("pack.seed is wrong"), 2, "error: pack.seed is wrong\n"),
        (VerifyError("does not add up"), 1, "error: does not add up\n"),
        (KeyboardInterrupt(), 130, "stopped; run the same command again to go on from here\n"),
        (Terminated(), 143, "stopped; run the same command again to go on from here\n"),
        (BrokenPipeError(), 0, ""),
        (
            PermissionError(13, "Permission denied", "/x"),
            2,
            "error: PermissionError: [Errno 13] Permission denied: '/x'\n",
        ),
        (SystemExit(2), 2, ""),
        (SystemExit("no such table"), 2, "error: no such table\n"),
        (SystemExit(), 0, ""),
    ],
    ids=lambda value: type(value).__name__,
)
def test_errors_end_with_one_line_and_their_code(
    error: BaseException, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> int:
        raise error

    assert exit_code_of(command) == code
    assert capsys.readouterr().err == words


@pytest.mark.parametrize("code", [None, 0, 1])
def test_the_commands_own_code_is_kept(code: int | None) -> None:
    assert exit_code_of(lambda: code) == (code or 0)


def test_an_error_that_is_no_ones_fault_keeps_its_traceback_and_ends_in_a_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code_of(lambda: 1 // 0) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("Traceback")
    assert lines[-1].startswith("error: ZeroDivisionError: ")


def test_arguments_make_the_configuration() -> None:
    parser = argparse.ArgumentParser()
    add_config_arguments(parser)
    config = config_of(parser.parse_args(["--profile", "gpu", "--set", "pack.seed=7", "--set", "pack.crf=20"]))
    assert (config.profile, config.pack.seed, config.pack.crf) == ("gpu", 7, 20)
