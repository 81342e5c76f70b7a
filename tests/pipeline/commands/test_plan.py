"""`just plan`: its words, and what it refuses before any work."""

from pathlib import Path

import pytest

from pipeline.commands.arguments.plan import parse
from pipeline.commands.plan import print_plan
from pipeline.commands.plan_runs import plan_bucket
from pipeline.engine.cluster import Cluster
from pipeline.planning.forecast import Plan
from pipeline.planning.totals import Estimate
from schemas.config import RunConfig, ScoreConfig
from schemas.errors import ConfigError, InputError


def test_times_are_read(tmp_path: Path) -> None:
    assert [parse([str(tmp_path), "--finish", text]).finish for text in ("90m", "24h", "1.5d")] == [5400, 86400, 129600]


@pytest.mark.parametrize("words", [["--finish", "24"], ["--finish", "0h"], ["--finish", "soon"]])
def test_what_is_no_time_is_refused(words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([str(tmp_path), *words])
    assert "24h" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--sample", "0"], ["--seed", "-1"]])
def test_numbers_have_ranges(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=words[0]):
        parse([str(tmp_path), *words])


def test_a_folder_with_files_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--keep .* is there already"):
        parse([str(tmp_path), "--keep", str(tmp_path)])


def test_a_missing_model_is_refused_before_the_bucket_is_listed(tmp_path: Path) -> None:
    config = RunConfig(score=ScoreConfig(head_weights="nowhere.npz", scorers=["laion_aesthetic"]))
    with pytest.raises(ConfigError):
        plan_bucket(str(tmp_path / "nowhere"), config, tmp_path / "set", Cluster())
    assert not (tmp_path / "set").exists()


def test_an_empty_bucket_is_refused_as_by_curate(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    with pytest.raises(InputError, match="is empty: nothing to curate"):
        plan_bucket(str(tmp_path / "bucket"), RunConfig(), tmp_path / "set", Cluster())
    assert not (tmp_path / "set").exists()


def test_a_name_that_no_list_can_hold_is_named(tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / "two\nlines.mp4").touch()
    with pytest.raises(InputError, match="line break"):
        plan_bucket(str(tmp_path / "bucket"), RunConfig(), tmp_path / "set", Cluster())


def test_the_plan_fits_a_terminal_and_names_units(capsys: pytest.CaptureFixture[str]) -> None:
    day, size = Estimate(86400.0, 43200.0, 172800.0, "bytes"), Estimate(2.5e12, 2e9, 3e12, "bytes")
    names = ("video seconds", "shipped seconds", "unreadable", "identical", "pictures", "clips", "stills", "samples",
             "caption tokens")  # fmt: skip
    plan = Plan(
        objects=10**6, bytes=10**13, sampled=500, totals=dict.fromkeys(names, day),
        buckets={"1360x768x161@16": {"samples": day, "shards": day, "bytes": size}},
        cpu={"split": day, "all": day}, gpu={"caption": day}, calls={"caption": {"cost": day}},
        egress={"ingest": size}, disk={"all": size}, fixed={"split": 90.0}, notes=["A note."],
    )  # fmt: skip
    print_plan(plan, 86400.0)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    text = " ".join(" ".join(lines).split())
    assert "video 24.0 h 12.0 h 48.0 h" in text
    assert "ingest 2.5 TB 2.0 GB 3.0 TB" in text
    assert "caption: cost 86,400.00" in text
    assert "cores like these: 2, GPUs: 2" in text
