"""Values of variables reach workers in memory, by name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.engine.environment import check_set
from pipeline.stages.preflight import check_config
from schemas.errors import ConfigError
from schemas.load import load_config

ROOT = Path(__file__).resolve().parents[3]

# In a process of its own: a worker started by the driver would have inherited the variable otherwise.
_SHARED = """
import os
import ray
from pipeline.engine.cluster import Cluster
from pipeline.engine.environment import receive, share

with Cluster() as cluster:
    cluster.start()
    os.environ["KEY_OF_A_TEST"] = "a value"

    def read(vault):
        before = os.environ.get("KEY_OF_A_TEST")
        receive(vault)
        return before, os.environ.get("KEY_OF_A_TEST")

    print(ray.get(ray.remote(read).remote(share(["KEY_OF_A_TEST"]))))
    print(share([]))
"""


def test_workers_get_the_values_of_named_variables() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _SHARED],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines() == ["(None, 'a value')", "None"]


def test_a_variable_that_is_not_set_here_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_A_TEST", "a value")
    check_set(["KEY_OF_A_TEST"])
    monkeypatch.setenv("KEY_OF_A_TEST", " ")
    with pytest.raises(ConfigError, match=r"engine\.environment holds KEY_OF_A_TEST, which is not set here"):
        check_set(["KEY_OF_A_TEST"])


def test_the_configuration_takes_names_alone_and_shows_no_value() -> None:
    check_config(load_config(changes=["engine.environment=[OPENAI_API_KEY, AWS_PROFILE]"]))
    with pytest.raises(ConfigError, match=r"engine\.environment\[1\] is not the name of a variable") as refused:
        check_config(load_config(changes=["engine.environment=[AWS_PROFILE, 'KEY=hidden']"]))
    assert "hidden" not in str(refused.value)
