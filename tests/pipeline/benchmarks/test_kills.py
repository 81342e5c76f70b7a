"""The parts of `just bench kills` that need no run: films from a seed, what counts as equal, and the kill itself."""

import os
import sys
import time
from pathlib import Path

import pytest

from pipeline.benchmarks import killed_run
from pipeline.benchmarks.killed_run import KilledRun
from pipeline.benchmarks.made_films import make_films
from pipeline.media.probe import probe
from pipeline.storage.store import Store
from schemas.errors import StageError

_PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
print(child.pid, file=open(sys.argv[1], "w"), flush=True)
print("  split                  3 rows,      3 computed     1.0 s", file=sys.stderr, flush=True)
time.sleep(60)
"""


def test_the_same_seed_gives_the_same_films(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_films(Store(tmp_path / name), range(3), 3, 3)
    files = sorted((tmp_path / "a").iterdir())
    assert [path.read_bytes() for path in files] == [(tmp_path / "b" / path.name).read_bytes() for path in files]
    assert len(files) == 3
    assert probe(str(files[0]), files[0].stat().st_size).frames == 216


def test_a_kill_ends_children_in_sessions_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(killed_run, "_GONE_SECONDS", 1.0)  # this child does not end by itself
    note = tmp_path / "child"
    hit = KilledRun([sys.executable, "-c", _PARENT, str(note)]).kill_after("split", 0.1)
    assert hit == "after split"
    end = time.monotonic() + 10
    while Path(f"/proc/{note.read_text().strip()}").exists() and time.monotonic() < end:
        time.sleep(0.05)
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_a_run_that_ends_before_its_moment_is_no_kill_and_one_that_fails_is_said() -> None:
    assert KilledRun([sys.executable, "-c", ""]).kill_after("", 30) == ""
    with pytest.raises(StageError, match="ended with 3"):
        KilledRun([sys.executable, "-c", "raise SystemExit(3)"]).kill_after("split", 30)
