"""A model by its name: what leads nowhere is answered with the runs and exported models there are.

python -m pytest tests/training/export/test_find.py
"""

from pathlib import Path

import pytest

from schemas.errors import ConfigError
from training.export.find import find_source


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("runs/demo-demo", "runs/footage-latte-demo", "runs/not-one", "exported/small"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("runs/demo-demo", "runs/footage-latte-demo"):
        (tmp_path / name / "config.yaml").write_text("recipe: demo\n")
    (tmp_path / "exported/small/cutroom.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("runs/nope", "there is no run or model runs/nope in .*; there are runs/demo-demo, runs/footage-latte-demo$"),
        ("runs/demo-deno", r"did you mean runs/demo-demo\?"),
        ("demo-deno", r"did you mean runs/demo-demo\?"),
        ("exported/zzz", "there are exported/small, runs/demo-demo, runs/footage-latte-demo"),
    ],
)
def test_a_name_that_leads_nowhere_is_answered_with_what_there_is(here: Path, name: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        find_source(Path(name))


@pytest.mark.parametrize("name", ["runs/demo-demo", "demo-demo"])
def test_a_run_is_found_by_its_path_and_by_its_name(here: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="runs/demo-demo has no checkpoint yet"):
        find_source(Path(name))


def test_where_there_is_none_it_says_how_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="there is none; `just train <dataset>` makes one"):
        find_source(Path("runs/nope"))
