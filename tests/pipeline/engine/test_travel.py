"""What a run takes to a cluster: our packages and small files that it names, nothing else that lies beside them."""

import os
from pathlib import Path

import pytest

from pipeline.engine import travel
from pipeline.engine.travel import PACKAGES, packed, travelling
from schemas.errors import ConfigError

ROOT = Path(__file__).resolve().parents[3]


def paths(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("heads/indoor.safetensors", "models/small/config.json", "secret.env"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    return tmp_path


def test_packages_and_named_files_travel_and_nothing_else(here: Path) -> None:
    with packed(ROOT, ["heads/indoor.safetensors", "models/small", str(here / "secret.env")]) as folder:
        found = paths(folder)
        assert (folder / "heads/indoor.safetensors").read_text() == "heads/indoor.safetensors"
    assert {path.split("/")[0] for path in found} == {*PACKAGES, "heads", "models"}
    assert {path for path in found if path.split("/")[0] not in PACKAGES} == {
        "heads/indoor.safetensors",
        "models/small/config.json",
    }
    assert "pipeline/engine/travel.py" in found
    assert not any("__pycache__" in path for path in found)
    assert not folder.exists()


def test_a_path_out_of_the_folder_is_refused_and_an_absolute_one_stays_where_it_is(here: Path) -> None:
    for path in ("../head.safetensors", "heads/../../head.safetensors", "pipeline/head.safetensors"):
        with pytest.raises(ConfigError, match=rf"{path} cannot travel .* give its absolute path"):
            travelling([path])
    assert travelling([str(here / "secret.env"), "~/head.safetensors", "heads/a", "heads/a"]) == ["heads/a"]


def test_files_too_large_to_travel_are_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(travel, "MOST_MEGABYTES", 3)
    for name in ("a.bin", "b.bin"):
        (here / name).write_bytes(os.urandom(2 << 20))
    with packed(ROOT, ["a.bin"]) as folder:
        assert (folder / "a.bin").stat().st_size == 2 << 20
    too_large = r"b\.bin is too large .* hold 4 MB, at most 3 travel; copy it to every node"
    with pytest.raises(ConfigError, match=too_large), packed(ROOT, ["a.bin", "b.bin"]):
        pass
