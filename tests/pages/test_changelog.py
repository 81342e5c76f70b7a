"""The list of changes names every stage's version, and the pages that people arrive at link to what exists.

python -m pytest tests/pages/test_changelog.py
"""

import re
from pathlib import Path

import pytest

from tests.pages.rooms import ROOT

CHANGES = (ROOT / "CHANGELOG.md").read_text()
STAGES = ROOT / "pipeline" / "stages"


def _versions() -> dict[str, int]:
    """By the name of the room, or of the file where a room has several stages."""
    versions = {}
    for path in STAGES.rglob("*.py"):
        version = re.search(r"^VERSION = (\d+)$", path.read_text(), re.MULTILINE)
        if version:
            versions[path.parent.name if path.stem == "stage" else path.stem] = int(version[1])
    return versions


def test_every_stage_stands_with_its_present_version() -> None:
    """A stage with a new version needs a word on what that means for datasets that exist."""
    listed = re.findall(r"^\| (\w+) \| (\d+) \| (.*) \|$", CHANGES, re.MULTILINE)
    assert {name: int(version) for name, version, _ in listed} == _versions()
    for name, version, words in listed:
        if int(version) > 1:
            assert words.startswith(f"{version}: "), name


def test_what_is_not_released_says_what_it_means_for_datasets() -> None:
    unreleased = CHANGES.partition("## Unreleased\n")[2].partition("\n## ")[0]
    assert "### Datasets and runs\n" in unreleased


@pytest.mark.parametrize(
    "page", sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name
)
def test_links_lead_to_files_that_exist(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    lost = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert lost == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_recipes_that_pages_name_exist(page: str) -> None:
    recipes = set(re.findall(r"^([a-z][a-z-]*)(?: \*arguments)?:", (ROOT / "justfile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:\./|`)just ([a-z][a-z-]*)", (ROOT / page).read_text()))
    assert named - recipes == set()
    assert named
