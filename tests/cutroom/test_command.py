"""The front door: help, settings and the refusal of a typo load nothing heavy; messages name what people type.

python -m pytest tests/cutroom/test_command.py
"""

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands import completion
from schemas.command import make_parser
from schemas.commands import COMMANDS, as_typed
from schemas.errors import InputError
from schemas.front_door import dispatch
from schemas.version import VERSION

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = (
    "torch", "diffusers", "transformers", "ray", "webdataset", "open_clip", "vllm", "pandas", "sklearn",
    "onnxruntime", "faiss",
)  # fmt: skip
HEAVY = (*NETWORKS, "scipy", "cv2", "av", "numpy", "pyarrow", "fsspec", "PIL")
_WORDS = {
    "curate": (["demo", "--set", "pack.crff=20"], ["demo", "--profile", "gpuu"]),
    "plan": (["demo", "--finish", "soon"], ["demo", "--sample", "0"]),
    "train": (["demo", "--set", "model.familly=latte"], ["demo", "--recipe", "cogvideox"]),
    "doctor": (["demo", "--set", "encoders.codec=linaer"],),
    "encode": (["demo", "--set", "encoders.text=t6"],),
    "what-if": (["nowhere", "aesthetic =>= 4"],),
    "sample": (["nowhere"], ["nowhere", "--prompt", "a", "--sampler", "dmp"]),
    "distill": (["summariser", "nowhere", "--rank", "0"],),
    "bench": (["splitt"],),
    "tune": (["film.mp4", "--model", "nowhere"],),
    "export": (["nowhere", "there"],),
}
# Every command with --help and with an option that does not exist, then what is its own; prints who loaded what.
_PROGRAM = """
import contextlib, io, json, sys
from schemas.front_door import dispatch
from schemas.command import exit_code_of

def tried(name, words):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as err:
        code = exit_code_of(lambda: dispatch([name, *words]))
    return name, words, code, bool(out.getvalue()), err.getvalue(), [one for one in heavy if one in sys.modules]

heavy, asked = json.loads(sys.argv[1]), json.loads(sys.argv[2])
print(json.dumps([tried(name, words) for name, listed in asked.items() for words in listed]))
"""


def _tried(asked: dict[str, list[list[str]]], heavy: tuple[str, ...], folder: Path) -> list[Any]:
    command = [sys.executable, "-c", _PROGRAM, json.dumps(heavy), json.dumps(asked)]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    modules: list[Any] = json.loads(done.stdout)
    return modules


@pytest.mark.parametrize("name", ["curate", "train"])
def test_settings_are_shown_and_checked_without_networks(name: str, tmp_path: Path) -> None:
    ((_, _, code, answered, _, loaded),) = _tried({name: [["demo", "--show-config"]]}, NETWORKS, tmp_path)
    assert (code, answered, loaded) == (0, True, [])


def test_help_and_typos_load_nothing_heavy(tmp_path: Path) -> None:
    asked = {name: [["--help"], ["--no-such-option"], *_WORDS.get(name, ())] for name in COMMANDS}
    loaded = _tried(asked, HEAVY, tmp_path)
    assert [module for module in loaded if module[-1]] == []
    codes = {(name, *words): (code, answered) for name, words, code, answered, _, _ in loaded}
    assert len(codes) == sum(len(words) for words in asked.values())
    for words, (code, answered) in codes.items():
        assert (code, answered) == ((0, True) if words[-1] == "--help" else (2, False)), words
    told = {(name, *words): message for name, words, _, _, message, _ in loaded}
    assert "did you mean 'pack.crf'?" in told["curate", "demo", "--set", "pack.crff=20"]
    assert "did you mean 'model.family'?" in told["train", "demo", "--set", "model.familly=latte"]
    assert "did you mean 'split'?" in told["bench", "splitt"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_examples_of_its_command(name: str) -> None:
    made: argparse.ArgumentParser = importlib.import_module(COMMANDS[name].arguments).parser()
    lines = [line.strip() for line in (made.epilog or "").split("examples:\n")[1].splitlines()]
    mine = [line for line in lines if f"{name} " in f"{line} "]
    assert mine
    options = {word for line in mine for word in line.split() if word.startswith("--") and line.startswith("just")}
    assert options <= {*made._option_string_actions, *(("--record",) if name == "bench" else ())}


def test_an_unknown_command_names_the_nearest_and_none_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match="no command 'verfy'; did you mean 'verify'"):
        dispatch(["verfy"])
    assert dispatch([]) == 0
    listed = capsys.readouterr().out
    assert [name for name in COMMANDS if f"  {name} " not in listed] == []


def test_the_version_stands_in_one_place(capsys: pytest.CaptureFixture[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "schemas.version.VERSION"}
    with pytest.raises(SystemExit):
        dispatch(["--version"])
    assert capsys.readouterr().out == f"cutroom {VERSION}\n"


def test_commands_are_named_as_they_are_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "`just curate demo` makes one; just a word, and just what-if"
    monkeypatch.delenv("CUTROOM_DOOR", raising=False)
    assert as_typed(text) == text
    monkeypatch.setenv("CUTROOM_DOOR", "cutroom")
    assert as_typed(text) == "`cutroom curate demo` makes one; just a word, and cutroom what-if"
    assert make_parser("curate", "x").prog == "cutroom curate"


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
def test_bash_completes_commands_options_and_choices(capsys: pytest.CaptureFixture[str]) -> None:
    completion.run(argparse.Namespace(shell="bash"))
    script = capsys.readouterr().out

    def offered(*words: str) -> list[str]:
        line = " ".join(f"'{word}'" for word in ("cutroom", *words))
        asked = f'{script}\nCOMP_WORDS=({line}); COMP_CWORD={len(words)}; _cutroom; printf "%s\\n" "${{COMPREPLY[@]}}"'
        return subprocess.run(["bash", "-c", asked], capture_output=True, text=True, check=True).stdout.split()

    assert offered("ver") == ["verify"]
    assert offered("curate", "demo", "--prof") == ["--profile"]
    assert offered("curate", "demo", "--profile", "") == ["cluster", "embedded", "gpu"]
    assert offered("distill", "s") == ["summariser"]


def test_fish_is_offered_every_command_and_long_option(capsys: pytest.CaptureFixture[str]) -> None:
    completion.run(argparse.Namespace(shell="fish"))
    lines = capsys.readouterr().out.splitlines()
    assert all(any(f"-a {name} -d " in line for line in lines) for name in COMMANDS)
    assert (
        "complete -c cutroom -n '__fish_seen_subcommand_from curate' -l profile -x -a 'cluster embedded gpu'" in lines
    )
