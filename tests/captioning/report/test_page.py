"""The page as text: what stands in it, that it loads nothing, and that no caption becomes markup.

python -m pytest tests/captioning/report/test_page.py
"""

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from captioning.quality.records import Report
from captioning.report.gallery import gallery_data
from captioning.report.page import write_page
from tests.captioning.report.made_report import HOSTILE, make_comparison, make_pictures, make_report

PICTURES = make_pictures()


class Outline(HTMLParser):
    """All elements with their attributes, the text of each data block, and the visible text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: dict[str, str] = {}
        self.text = ""
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self._inside = dict(attrs).get("id") or tag

    def handle_endtag(self, tag: str) -> None:
        if tag in ("script", "style"):
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.blocks[self._inside] = self.blocks.get(self._inside, "") + data
        else:
            self.text += data


@pytest.fixture(scope="module")
def report() -> Report:
    return make_report(40)


def test_it_shows_all_sections(report: Report) -> None:
    outline = Outline(write_page(report, PICTURES, make_comparison(report)))
    sections = [attributes["id"] for name, attributes in outline.elements if name == "section"]
    assert sections == [
        "verdict", "changes", "worst", "gates", "measures", "lengths", "repeats", "funnel", "making", "gallery",
    ]  # fmt: skip
    for text in (
        *report.notes,
        "repeated <= 0.05",
        "not measured",
        "near-duplicate of another clip",
        "fe3a2bad282b16bb",
    ):
        assert text in outline.text
    clips = json.loads(outline.blocks["data-samples"])["samples"]
    assert [clip["id"] for clip in clips] == [view.record.sample_id for view in report.samples]


def test_it_asks_nobody_for_anything(report: Report) -> None:
    outline = Outline(write_page(report, PICTURES))
    for name, attributes in outline.elements:
        assert name not in {"iframe", "object", "embed", "base"}
        assert not (attributes.get("src") or "data:").startswith(("http", "//"))
        assert (attributes.get("href") or "#").startswith(("#", "data:,"))
        assert not [key for key in attributes if key.startswith("on") or key == "style"]
    assert "url(" not in outline.blocks["style"]
    assert "@import" not in outline.blocks["style"]


def test_hostile_text_adds_no_element() -> None:
    plain, hostile = make_report(40), make_report(40, hostile=True)
    outline = Outline(write_page(hostile, PICTURES, make_comparison(hostile)))
    assert not [attributes for name, attributes in outline.elements if name == "img" and "onerror" in attributes]
    scripts = sum(name == "script" for name, _ in outline.elements)
    assert scripts == sum(name == "script" for name, _ in Outline(write_page(plain, PICTURES)).elements) == 4
    clips = json.loads(outline.blocks["data-samples"])["samples"]
    assert [clip["dense"] for clip in clips[: len(HOSTILE)]] == [f"{text} dense" for text in HOSTILE]
    assert HOSTILE[0] in outline.text


def test_it_is_utf_8_whatever_a_caption_holds() -> None:
    assert any("\ud800" in text for text in HOSTILE), "half a character, which UTF-8 cannot hold"
    page = write_page(make_report(10, hostile=True), PICTURES)
    assert page.encode("utf-8").decode("utf-8") == page


def test_pictures_stand_in_it_once_and_those_left_out_are_counted(report: Report) -> None:
    outline = Outline(write_page(report, PICTURES))
    above = {attributes["data-still"] for name, attributes in outline.elements if name == "img"}
    below = set(json.loads(outline.blocks["data-pictures"]))
    assert not above & below
    assert len(above) + len(below) == sum(len(view.record.frames) for view in report.samples)
    small = Outline(write_page(report, PICTURES, most_bytes=1))
    assert json.loads(small.blocks["data-pictures"]) == {}
    assert "20 samples without thumbnails" in small.text


def test_what_needs_a_person_comes_first_and_what_found_nothing_is_folded(report: Report) -> None:
    (first, *rest) = report.measures["all"]
    zero = replace(first, name="refusal", value=0.0, low=0.0, high=0.1)
    page = write_page(replace(report, measures={**report.measures, "all": (zero, first, *rest)}), PICTURES)
    order = [page.index(f'id="{name}"') for name in ("verdict", "worst", "gates", "measures", "gallery")]
    assert order == sorted(order)
    assert "Look at this: 2 gates fail, " in page
    folded = page[page.index("1 check found nothing: refusal") :]
    assert folded.index("Measures at zero") < folded.index("</details>")
    assert page.count('<th scope="row"><b>refusal</b>') == 1


def test_the_worst_six_stand_open_and_the_others_unfold(report: Report) -> None:
    page = write_page(report, PICTURES)
    worst = page[page.index('id="worst"') : page.index('id="gates"')]
    assert worst[: worst.index("<details>")].count('class="strip') == 6
    assert f"{len(report.worst) - 6} more samples" in worst
    assert worst.count('class="strip') == len(report.worst)


def test_a_dataset_without_captions_still_gives_a_page(report: Report) -> None:
    bare = replace(
        report, samples=(), worst=(), measures={}, histograms=(), funnel=(), gates=(), models={}, notes=(), repeats=()
    )
    outline = Outline(write_page(bare, PICTURES))
    assert [attributes["id"] for name, attributes in outline.elements if name == "section"] == ["verdict", "gallery"]
    assert json.loads(outline.blocks["data-samples"]) == {"samples": []}


def test_what_is_empty_takes_no_room_in_the_data(report: Report) -> None:
    data = gallery_data(report)
    assert isinstance(data, dict)
    clips = data["samples"]
    assert isinstance(clips, list)
    assert all(value not in (None, "", []) for clip in clips for value in clip.values())
