"""What needs a person is said in one sentence, and nothing is where nothing does.

python -m pytest tests/captioning/report/test_verdict.py
"""

from dataclasses import replace

from captioning.quality.records import Gate, Measure, Report
from captioning.report.strays import find_strays, strays
from captioning.report.verdict import verdict, verdict_markup
from tests.captioning.report.made_report import make_report


def measure(name: str, value: float, better: str = "low", spread: float = 0.05) -> Measure:
    low, high = value - spread, value + spread
    return Measure(name=name, value=value, low=low, high=high, count=9, unit="share", better=better, doc="d")  # type: ignore[arg-type]


def plain(**changes: object) -> Report:
    report = make_report(12)
    views = tuple(replace(view, findings=(), suspicion=0.0) for view in report.samples)
    gate = Gate(rule="empty <= 0", value=0.0, passed=True)
    return replace(report, samples=views, worst=(), measures={"all": ()}, gates=(gate,), **changes)  # type: ignore[arg-type]


def test_where_all_is_well_nobody_is_asked_to_look() -> None:
    assert verdict(plain()).is_well
    assert verdict(plain()).sentence.startswith("Nothing here needs a person")
    assert 'class="verdict well"' in verdict_markup(plain())


def test_every_reason_to_look_stands_in_the_sentence() -> None:
    report = make_report(40)
    judged = verdict(report)
    wrong = sum(view.suspicion >= 0.5 for view in report.samples)
    assert judged.sentence.startswith(f"Look at this: 2 gates fail, {wrong} of 40 samples look wrong")
    page = verdict_markup(report)
    assert "<code>repeated &lt;= 0.05</code> fails: the value is 0.12" in page
    assert "<code>grounded &gt;= 0.5</code> fails: it was not measured" in page
    assert "camera contradiction (8)" in page


def test_a_dataset_without_captions_is_not_called_well() -> None:
    assert verdict(replace(plain(), samples=())).sentence == "There is no caption to judge."


def test_a_group_strays_where_its_interval_lies_beyond_that_of_all_on_the_bad_side() -> None:
    measures = {
        "all": (measure("loop", 0.1), measure("grounded", 0.8, "high"), measure("words", 30, "none")),
        "bucket a": (measure("loop", 0.3), measure("grounded", 0.5, "high")),
        "bucket b": (measure("loop", 0.18), measure("grounded", 0.95, "high")),  # within chance, and better
        "source c": (measure("loop", 0.9), measure("words", 300, "none")),
    }
    report = plain()
    report = replace(report, measures=measures)
    assert [(stray.group, stray.here.name) for stray in find_strays(report)] == [
        ("source c", "loop"), ("bucket a", "grounded"), ("bucket a", "loop"),
    ]  # fmt: skip
    assert verdict(report).sentence == "Look at this: 2 groups stray."
    table = strays(find_strays(report))
    assert table.index("source c") < table.index("bucket a")
    assert strays([]) == ""


def test_few_samples_and_pictures_that_tell_of_no_camera_do_not_stray() -> None:
    few = replace(measure("loop", 0.9), count=4)
    measures = {
        "all": (measure("loop", 0.1), measure("tells_camera", 0.8, "high"), measure("grounded", 0.8, "high")),
        "source few": (few,),
        "bucket 384x256x1": (measure("tells_camera", 0.0, "high"), measure("grounded", 0.1, "high")),
        "bucket 384x256x17@8": (measure("tells_camera", 0.2, "high"),),
    }
    report = replace(plain(), measures=measures)
    assert sorted((stray.group, stray.here.name) for stray in find_strays(report)) == [
        ("bucket 384x256x1", "grounded"), ("bucket 384x256x17@8", "tells_camera"),
    ]  # fmt: skip
