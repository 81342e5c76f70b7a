"""What rules would keep: the sums of the funnel, what is printed, and the page that is drawn.

python -m pytest tests/pipeline/commands/test_what_if.py
"""

import math
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.commands import what_if
from pipeline.dataset.folder import Dataset
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.what_if.funnel import Funnel, format_duration
from pipeline.readers.what_if.page import draw_page
from pipeline.stage import Output, Row
from schemas.caption_tables import SCORES
from schemas.command import exit_code_of
from schemas.config import PackConfig, RunConfig, ScoreConfig, SelectConfig
from schemas.contract import TableContract
from schemas.dataset_files import DUPLICATES_FILE, SELECTION_FILE
from schemas.media_tables import DUPLICATES
from schemas.named_values import list_of
from schemas.outcome_tables import SELECTION
from schemas.rule_sets import RULE_SETS, open_rules
from tests.pipeline.funnel_by_rows import funnel_by_rows, funnel_of_rows, kept_ids
from tests.pipeline.selected import select_rows

CONFIG = RunConfig(
    select=SelectConfig(rules=["brightness >= 0.03"]),
    score=ScoreConfig(scorers=["aesthetic_ridge", "text_area"]),
    pack=PackConfig(buckets=["384x256x17@8", "384x256x49@8", "64x64x1"]),
)
PLAIN = {pa.string(): "", pa.int32(): 0, pa.int64(): 0, pa.float64(): 0.5, pa.bool_(): False}


def _clip(index: int, **changes: object) -> Row:
    """A clip of 2 to 9 seconds; its values rise with its place."""
    clip: Row = {column.name: PLAIN[column.type] for column in CLIPS.columns}
    clip.update(clip_id=f"v-{index:03}", video_id="v", kind="video", duration=2.0 + index % 8, fps=24.0)
    clip.update(width=640, height=360, motion=float(index), camera="static", aesthetic=4 + index / 100, text_area=0.0)
    clip |= changes
    return clip | {"crop_width": clip["width"], "crop_height": clip["height"]}


CLIPS_20 = [_clip(index) for index in range(20)]


def _funnel(*texts: str, clips: list[Row] = CLIPS_20, copies: dict[str, str] | None = None) -> Funnel:
    return funnel_of_rows(clips, [rule for text in texts for rule in open_rules(text)], CONFIG, copies or {})


# --- the funnel ------------------------------------------------------------------------------------------------------


def test_each_rule_is_counted_alone_and_after_those_before_it() -> None:
    funnel = _funnel("motion >= 5", "aesthetic in top 50%", "camera == static")
    first, second, third = funnel.effects
    assert [effect.alone.clips for effect in funnel.effects] == [15, 10, 20]
    assert [effect.after.clips for effect in funnel.effects] == [15, 10, 10]
    assert (first.only, second.only, third.only) == (0, 5, 0)
    assert (first.here, second.here) == ("", ">= 4.1")
    assert [step.clips for _, step in funnel.steps()] == [20, 15, 10, 10, 10, 10]
    assert funnel.kept.seconds == sum(clip["duration"] for clip in CLIPS_20[10:])


def test_the_yield_per_bucket_counts_clips_and_the_samples_that_they_give() -> None:
    long, short, small, image = (
        _clip(1, duration=19.0),
        _clip(2, duration=2.2),
        _clip(3, width=100),
        _clip(4, kind="image", duration=0.0, fps=0.0, motion=None),
    )
    funnel = _funnel("duration >= 2", clips=[long, short, small, image])
    assert {str(bucket): count for bucket, count in funnel.measured.buckets.items()} == {
        "384x256x49@8": 1, "384x256x17@8": 1, "64x64x1": 1,
    }  # fmt: skip
    assert {str(bucket): count for bucket, count in funnel.samples.items()} == {
        "384x256x49@8": 3, "384x256x17@8": 1, "64x64x1": 1,
    }  # fmt: skip
    assert (funnel.measured.clips, funnel.fitting.clips, funnel.kept.clips) == (4, 3, 3)


def test_one_of_several_copies_stays_also_where_the_one_that_the_run_kept_is_gone() -> None:
    copies = {"v-001": "v-000", "v-002": "v-000", "v-005": "v-004"}
    assert kept_ids(_funnel(clips=CLIPS_20[:6], copies=copies)) == {"v-000", "v-003", "v-004"}
    assert kept_ids(_funnel(clips=CLIPS_20[1:4], copies=copies)) == {"v-001", "v-003"}


pools = st.lists(st.tuples(st.none() | st.integers(0, 4), st.integers(0, 4)), max_size=15)
rule_lists = st.lists(
    st.sampled_from(["motion in top 50%", "aesthetic >= 2", "motion < 3", "aesthetic in middle 80%"]), max_size=4
)


@given(pools, rule_lists)
def test_the_funnel_says_what_select_would_do(pool: list[tuple[int | None, int]], texts: list[str]) -> None:
    clips = [_clip(index, motion=motion, aesthetic=float(score)) for index, (motion, score) in enumerate(pool)]
    funnel = _funnel(*texts, clips=clips)
    config = CONFIG.model_copy(update={"select": SelectConfig(rules=texts)})
    table, _ = select_rows(clips, config, {}, lambda _: DUPLICATES.empty())
    assert kept_ids(funnel) == {row["clip_id"] for row in table.to_pylist() if row["state"] == "kept"}
    counts = [step.clips for _, step in funnel.steps()]
    assert counts == sorted(counts, reverse=True)


def test_a_measure_that_is_no_number_passes_as_in_select() -> None:
    """A null is dropped by a rule, and so it is by `select`; both let a NaN pass, which no stage writes."""
    clips = [_clip(index, motion=motion) for index, motion in enumerate([math.nan, None, 1.0, 9.0])]
    config = CONFIG.model_copy(update={"select": SelectConfig(rules=["motion < 3"])})
    table, _ = select_rows(clips, config, {}, lambda _: DUPLICATES.empty())
    kept = {row["clip_id"] for row in table.to_pylist() if row["state"] == "kept"}
    assert kept_ids(_funnel("motion < 3", clips=clips)) == kept


places = st.integers(0, 14).map("v-{:03}".format)
odd_rules = st.lists(
    st.sampled_from(["motion in top 50%", "motion < 3", "duration >= 4", "width >= 400", "camera != static"]),
    max_size=5,
)
odd_clips = st.tuples(
    st.sampled_from([None, 0.0, 1.5, 3.0]),
    st.sampled_from([64, 390, 640]),
    st.sampled_from(["video", "image"]),
    st.sampled_from([None, "static", "pan"]),
)


@given(st.lists(odd_clips, max_size=15), odd_rules, st.dictionaries(places, places, max_size=6))
def test_queries_count_what_python_counts(
    pool: list[tuple[float | None, int, str, str | None]], texts: list[str], copies: dict[str, str]
) -> None:
    clips = [
        _clip(index, motion=motion, width=width, kind=kind, camera=camera)
        for index, (motion, width, kind, camera) in enumerate(pool)
    ]
    rules = [rule for text in texts for rule in open_rules(text)]
    queried, counted = _funnel(*texts, clips=clips, copies=copies), funnel_by_rows(clips, rules, CONFIG, copies)
    assert kept_ids(queried) == counted.kept_ids
    assert queried.effects == counted.effects
    for name in ("measured", "fitting", "kept", "samples"):
        assert getattr(queried, name) == getattr(counted, name)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (89, "89 s"), (90, "1.5 min"), (5399, "90.0 min"), (5400, "1.5 h")]
)
def test_times_are_shown_in_the_unit_that_fits(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """What a run leaves behind, as far as this command reads it; one clip could not be measured, one is a copy."""
    dataset = Dataset(str(tmp_path_factory.mktemp("dataset")))
    stages = {name: {"fingerprint": "f"} for name in ("split", "score aesthetic_ridge", "score text_area")}
    dataset.write_record({"config": CONFIG.model_dump(), "stages": stages})

    def write(folder: str, contract: TableContract, rows: list[Row]) -> None:
        dataset.write_part(
            Output(folder=folder, contract=contract, parent=contract.key), "f", "part-0", contract.table(rows)
        )

    clips = [*CLIPS_20, _clip(20)]
    write("clips", CLIPS, [{name: clip[name] for name in CLIPS.names} for clip in clips])
    for scorer, measure in (("aesthetic_ridge", "aesthetic"), ("text_area", "text_area")):
        scores = [
            {"clip_id": clip["clip_id"], "scorer": scorer, "measures": list_of({measure: clip[measure]}),
             "status": "ok", "error": None, "attempts": 1}
            for clip in clips
        ]  # fmt: skip
        write(f"scores/{scorer}", SCORES, scores)
    failures = {"v-020": "no picture"}
    copy = {"id": "v-001", "duplicate_of": "v-009", "similarity": 0.99, "hash_distance": 1.0}
    selection, duplicates = select_rows(clips, CONFIG, failures, lambda _: DUPLICATES.table([copy]))
    dataset.write_table(SELECTION_FILE, SELECTION, selection)
    dataset.write_table(DUPLICATES_FILE, DUPLICATES, duplicates)
    return dataset


def _run(dataset: Dataset, *arguments: str) -> int:
    sys.argv = ["what-if", dataset.store.uri, *arguments]
    return exit_code_of(what_if.main)


def test_it_prints_the_funnel_in_a_hundred_columns_and_draws_the_page(
    dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(dataset, *RULE_SETS, "aesthetic in top 20%", "camera != statik") == 0
    printed = capsys.readouterr().out
    assert max(len(line.rstrip()) for line in printed.split("drawn: ")[0].splitlines()) <= 100
    assert re.search(r"motion in middle 90% +>= 1 and <= 18", printed)
    assert "No clip's camera is 'statik'; did you mean 'static'?" in printed
    assert "cogvideox's aesthetic >= 4.5, open_sora's aesthetic >= 5" in printed
    assert "rated by aesthetic_ridge" in " ".join(printed.split())
    page = Path(dataset.store.path("report/what-if.html"))
    assert printed.rstrip().endswith(f"drawn: {page}")
    assert "0 of 20 clips would be kept" in page.read_text()


def test_without_rules_it_shows_those_of_the_run(dataset: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(dataset) == 0
    printed = capsys.readouterr().out
    assert re.search(r"1  brightness >= 0.03 +0 +20 +100", printed)
    assert re.search(r"without near-duplicates +1 +19 +95", printed)
    assert "own rules" not in printed


def test_rules_are_also_added_to_those_of_the_run_and_the_page_goes_where_it_is_asked(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(dataset, "motion >= 10", "--html", str(tmp_path / "new" / "page.html")) == 0
    printed = capsys.readouterr().out
    assert "The last run's own rules (brightness >= 0.03) kept 19; with these added: 10." in " ".join(printed.split())
    assert "10 of 20 clips would be kept" in (tmp_path / "new" / "page.html").read_text()


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("cogvideo", "'cogvideo' is no rule set; did you mean 'cogvideox'?"),
        ("astetic >= 4", "no column 'astetic'; did you mean 'aesthetic'?"),
        ("aesthetic in top 0%", "0% is not more than 0%"),
    ],
)
def test_a_rule_that_cannot_be_used_is_one_line(
    rule: str, message: str, dataset: Dataset, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(dataset, rule) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


# --- the page --------------------------------------------------------------------------------------------------------


class _Reader(HTMLParser):
    """Collects what the page shows and checks that what is opened is closed."""

    VOID = ("meta", "rect", "line", "br")
    OPTIONAL = ("td", "tr")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in (*self.VOID, *self.OPTIONAL):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.OPTIONAL:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_shows_thresholds_on_every_histogram_and_where_the_rules_come_from() -> None:
    texts = ["open_sora", "camera != moving"]
    reader = _read(draw_page("datasets/demo", texts, _funnel(*texts), []))
    thresholds = [attrs for tag, attrs in reader.seen if attrs.get("class") == "threshold"]
    assert len(thresholds) == 9  # one for each number; the middle of motion has two
    assert sum(tag == "svg" for tag, _ in reader.seen) == 9
    assert RULE_SETS["open_sora"].source in reader.text
    assert ">= 1 (motion in middle 90%)" in " ".join(reader.text.split())


def test_the_page_loads_nothing_runs_nothing_and_escapes_what_it_is_given() -> None:
    evil = 'x<script>alert("x")</script>'
    clips = [_clip(index, camera=evil) for index in range(3)]
    texts = [f"camera != {evil}"]
    page = draw_page(f"datasets/{evil}", texts, _funnel(*texts, clips=clips), [evil])
    reader = _read(page)
    assert not {tag for tag, _ in reader.seen} & {"script", "link", "img", "iframe"}
    assert not [attrs for _, attrs in reader.seen if {"src", "href", "onload", "onclick"} & set(attrs)]
    assert "url(" not in page
    assert "@import" not in page
    assert reader.text.count("alert") >= 4


@pytest.mark.parametrize("clips", [[], CLIPS_20[:1], [_clip(0, motion=None, width=10)]])
def test_a_page_of_little_can_be_drawn(clips: list[Row]) -> None:
    texts = ["motion in top 20%", "width >= 768", "camera == static"]
    reader = _read(draw_page("datasets/demo", texts, _funnel(*texts, clips=clips), []))
    assert f"0 of {len(clips)} clips would be kept" in reader.text
