"""The pages made from code are what it makes now, and hold what they are for.

python -m pytest tests/pages
"""

import re
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from schemas.errors import CutroomError
from tests.pages import __main__ as pages
from tests.pages import architecture, errors
from tests.pages.drawing import Drawing, wrapped
from tests.pages.rooms import ROOT, layers, stages

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("name", sorted(pages.PAGES))
def test_a_page_is_what_the_code_makes_of_it_now(name: str) -> None:
    assert (ROOT / name).read_text() == pages.PAGES[name](), f"{name} is out of date; `just pages` writes it"


def test_pages_are_written_where_they_are_out_of_date(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "PAGES", {"one.md": lambda: "text\n"})
    monkeypatch.setattr(sys, "argv", ["pages", "--check"])
    assert pages.main() == 1
    assert "one.md is out of date" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["pages"])
    assert pages.main() == 0
    assert capsys.readouterr().out == "written: one.md\n"
    monkeypatch.setattr(sys, "argv", ["pages", "--check"])
    assert pages.main() == 0
    assert capsys.readouterr().out == ""


# --- the picture -----------------------------------------------------------------------------------------------------


def test_the_stages_of_the_picture_are_the_rooms_of_the_stages() -> None:
    """A room of a stage opens with its name; what stages share (`measures`) does not."""
    rooms = {path.parent.name: path.read_text() for path in (ROOT / "pipeline" / "stages").glob("*/__init__.py")}
    names = [stage.label for stage in stages()]
    assert sorted(names) == sorted(name for name, text in rooms.items() if text.startswith(f'"""{name}: '))
    assert (names[0], names[-1]) == ("ingest", "pack")


def test_the_picture_shows_every_room_once_and_marks_those_with_ray() -> None:
    words = [text.text for text in ElementTree.fromstring(architecture.draw()).iter(f"{SVG}text")]
    house = [room for name in ("this list", "of training", "of captioning") for layer in layers(name) for room in layer]
    for label in {room.label for room in house}:
        wanted = sum(room.label == label for room in [*house, *stages()])
        assert words.count(label) == wanted, label
    assert {room.label for room in house if room.uses_ray} == {"engine", "benchmarks"}
    assert words.count("Ray") == 1 + sum(room.uses_ray for room in house)


def test_no_box_leaves_the_picture_and_no_two_cross() -> None:
    root = ElementTree.fromstring(architecture.draw())
    _, _, width, height = (float(number) for number in root.attrib["viewBox"].split())
    boxes = [tuple(float(box.attrib[name]) for name in ("x", "y", "width", "height"))
             for box in root.iter(f"{SVG}rect") if box.attrib["class"] not in ("paper", "frame", "ray")]  # fmt: skip
    assert len(boxes) > 30
    for index, (left, top, wide, high) in enumerate(boxes):
        assert left >= 0
        assert left + wide <= width
        assert top + high <= height
        for other_left, other_top, other_wide, other_high in boxes[:index]:
            apart = left >= other_left + other_wide or other_left >= left + wide
            assert apart or top >= other_top + other_high or other_top >= top + high


def test_every_class_that_is_used_has_a_light_and_a_dark_colour() -> None:
    text = architecture.draw()
    light, dark = text.split("@media (prefers-color-scheme:dark)")
    used = set(re.findall(r'class="(\w+)"', dark))
    assert used == set(re.findall(r"\.(\w+)\{", light)) & used
    assert used == set(re.findall(r"\.(\w+)\{", dark)) & used


def test_words_are_wrapped_and_escaped() -> None:
    assert wrapped("aa bb cc", 10 * 0.56 * 5, 10) == ["aa bb", "cc"]
    assert wrapped("far-too-long-a-word b", 20, 10) == ["far-too-long-a-word", "b"]
    drawing = Drawing(100, "a < b", "c & d")
    drawing.words(0, 0, "<script>", 10)
    root = ElementTree.fromstring(drawing.svg(50))
    assert [text.text for text in root.iter(f"{SVG}text")] == ["<script>"]


# --- the catalogue of errors -----------------------------------------------------------------------------------------


def test_every_kind_of_error_says_when_it_comes_and_what_to_do() -> None:
    kinds = list(errors.kinds())
    assert {kind.__name__ for kind in kinds} == {kind.__name__ for kind in CutroomError.__subclasses__()}
    for kind in kinds:
        occasion, advice = errors.parts(kind)
        assert occasion.endswith(".")
        assert advice.endswith(".")
        assert len(advice) > 20


def test_exit_codes_are_those_that_the_page_explains() -> None:
    codes = {errors.exit_code(kind) for kind in errors.kinds()}
    assert codes == {1, 2}
    assert [kind.__name__ for kind in errors.kinds() if errors.exit_code(kind) == 1] == ["VerifyError"]
    explained = set(re.findall(r"^\| (\d+) \|", errors.write(), re.MULTILINE))
    assert explained == {"0", "1", "2", "130", "143"}
