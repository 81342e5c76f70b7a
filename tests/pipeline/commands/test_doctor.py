"""`just doctor --cluster`: what may be typed, and the table with its exit code; without it, the doctor of training."""

import argparse

import pytest

from pipeline.commands import doctor
from pipeline.commands.arguments.doctor import parse, parser
from pipeline.engine.cluster_nodes import Finding
from schemas.errors import ConfigError, DatasetError

GOOD = Finding("n1", "packages", "13 of the same versions as here")
BAD = Finding("n2", "OPENAI_API_KEY", "is not [set]", "set it")


def test_the_address_is_that_of_the_configuration_and_auto_if_none_is_given() -> None:
    assert parse(["--cluster"]).settings.engine.ray_address == "auto"
    parsed = parse(["--cluster=head:6379", "--bucket", "s3://raw", "--set", "engine.node_seconds=9"])
    assert (parsed.settings.engine.ray_address, parsed.settings.engine.node_seconds) == ("head:6379", 9)
    with pytest.raises(ConfigError, match="give one of them"):
        parse(["--cluster", "head:6379", "--set", "engine.ray_address=auto"])


def test_without_a_cluster_it_is_the_doctor_of_training() -> None:
    with pytest.raises(DatasetError, match="no dataset"):
        parse(["no-such-dataset"])
    assert "--cluster" in parser().format_help()


@pytest.mark.parametrize(
    ("findings", "misfit", "code", "words"),
    [
        ([GOOD], "", 0, "1 node asked, 0 errors"),
        ([BAD, GOOD], "", 1, "is not [set]; set it"),
        ([GOOD], "stage embed fits no node", 1, "1 node asked, 1 error"),
    ],
)
def test_an_error_gives_exit_code_1(
    findings: list[Finding],
    misfit: str,
    code: int,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(doctor, "examine", lambda _: (findings, misfit))
    assert doctor.run(argparse.Namespace(cluster="auto")) == code
    assert words in capsys.readouterr().out
