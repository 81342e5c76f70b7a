"""Selection: each clip is kept or names the one thing that dropped it.

python -m pytest tests/pipeline/stages/select/test_select.py
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.query import querying
from pipeline.measures.clips_table import CLIPS
from pipeline.stage import Row
from pipeline.stages.select.measured import FAILURE, ScoreTable, measured_clips
from pipeline.stages.select.select import CLIP_COLUMNS, WORD_COLUMNS, check_rules
from pipeline.storage.store import Store
from schemas.caption_tables import SCORES
from schemas.config import PackConfig, RunConfig, ScoreConfig, SelectConfig
from schemas.errors import RuleError
from schemas.media_tables import DUPLICATES
from schemas.named_values import list_of
from tests.pipeline.selected import select_rows

RULES = ["aesthetic >= 4.5", "motion >= 1", "camera != zoom in"]


def _clip(key: str, **changes: object) -> Row:
    clip: Row = dict.fromkeys(CLIPS.names)
    clip.update(clip_id=key, video_id=f"of {key}", kind="video", shot=0, duration=5.0, fps=24.0, width=384, height=256)
    clip.update(crop_width=384, crop_height=256)
    return clip | {"motion": 5.0, "camera": "static", "aesthetic": 5.0, **changes}


def _none(clips: Sequence[Row]) -> pa.Table:
    return DUPLICATES.empty()


def _select(*clips: Row, failures: Mapping[str, str] | None = None, rules: Sequence[str] = RULES) -> dict[str, Row]:
    config = RunConfig(select=SelectConfig(rules=list(rules)), pack=PackConfig(buckets=["384x256x17@8", "64x64x1"]))
    table, _ = select_rows(clips, config, failures or {}, _none)
    return {row["clip_id"]: row for row in table.to_pylist()}


def test_a_kept_clip_names_its_bucket_and_nothing_else() -> None:
    assert _select(_clip("a"))["a"] == {
        "clip_id": "a", "state": "kept", "rule": None, "value": None, "threshold": None, "reason": None,
        "bucket": "384x256x17@8",
    }  # fmt: skip


def test_a_filtered_clip_names_the_first_rule_its_value_and_the_threshold() -> None:
    row = _select(_clip("a", aesthetic=3.14159, motion=0.0))["a"]
    assert (row["state"], row["rule"]) == ("filtered", "aesthetic >= 4.5")
    assert (row["value"], row["threshold"]) == (3.14159, 4.5)
    assert row["reason"] == "aesthetic is 3.142, the rule says aesthetic >= 4.5"


def test_rules_on_words_have_no_number() -> None:
    row = _select(_clip("a", camera="zoom in"))["a"]
    assert (row["state"], row["value"], row["threshold"]) == ("filtered", None, None)
    assert row["reason"] == "camera is zoom in, the rule says camera != zoom in"


def test_a_clip_without_the_value_passes() -> None:
    assert _select(_clip("a", motion=None, camera=None))["a"]["state"] == "kept"


def test_an_unbucketed_clip_says_why() -> None:
    rows = _select(_clip("a", duration=1.0), _clip("b", kind="image", duration=0.0, fps=0.0, crop_width=32))
    assert {row["state"] for row in rows.values()} == {"unbucketed"}
    assert "1.00 s is shorter than" in rows["a"]["reason"]
    assert "32x256 is smaller than 64x64x1" in rows["b"]["reason"]


def test_a_clip_that_could_not_be_measured_has_failed() -> None:
    row = _select(_clip("a", aesthetic=0.0), failures={"a": "no picture"})["a"]
    assert (row["state"], row["reason"]) == ("failed", "no picture")


def test_only_what_would_ship_is_asked_for_copies() -> None:
    asked: list[str] = []

    def find(clips: Sequence[Row]) -> pa.Table:
        asked.extend(clip["clip_id"] for clip in clips)
        return DUPLICATES.table([{"id": "c", "duplicate_of": "b", "similarity": 0.99, "hash_distance": 2.0}])

    clips = [_clip("d", duration=0.5), _clip("c"), _clip("a", aesthetic=1.0), _clip("b")]
    config = RunConfig(select=SelectConfig(rules=RULES), pack=PackConfig(buckets=["384x256x17@8"]))
    table, duplicates = select_rows(clips, config, {}, find)
    assert sorted(asked) == ["b", "c"]
    assert [(row["clip_id"], row["state"]) for row in table.to_pylist()] == [
        ("a", "filtered"), ("b", "kept"), ("c", "duplicate"), ("d", "unbucketed"),
    ]  # fmt: skip
    assert table.to_pylist()[2]["reason"].startswith("near-duplicate of b (similarity 0.990")
    assert duplicates["id"].to_pylist() == ["c"]


def test_a_rule_of_the_wrong_kind_stops_the_selection() -> None:
    with pytest.raises(RuleError, match="holds words"):
        _select(_clip("a", aesthetic="fine"))


def test_a_percentile_is_of_all_measured_clips_and_the_reason_shows_its_number() -> None:
    clips = [_clip(f"{place}", aesthetic=4.0 + place / 10, motion=float(place)) for place in range(10)]
    rows = _select(*clips, rules=["motion < 5", "aesthetic in top 20%"])
    # The two best clips move too much, and still they count: nothing is kept.
    assert {row["rule"] for row in rows.values()} == {"motion < 5", "aesthetic in top 20%"}
    assert rows["4"]["reason"] == "aesthetic is 4.4, aesthetic in top 20% needs >= 4.8 here"
    assert (rows["4"]["value"], rows["4"]["threshold"]) == (4.4, 4.8)


def test_a_clip_that_failed_counts_for_no_percentile() -> None:
    clips = [_clip(f"{place}", aesthetic=4.0 + place) for place in range(5)]
    rows = _select(*clips, rules=["aesthetic in top 50%"], failures={"4": "no picture"})
    assert [row["state"] for row in rows.values()] == ["filtered", "filtered", "kept", "kept", "failed"]


RULE_POOL = [
    "aesthetic in top 50%",
    "motion in middle 60%",
    "motion in bottom 75%",
    "sharpness >= 3",
    "camera != moving",
]
pools = st.lists(
    st.fixed_dictionaries(
        {
            "aesthetic": st.integers(0, 5).map(float),
            "motion": st.none() | st.integers(0, 5).map(float),
            "sharpness": st.integers(0, 5).map(float),
            "camera": st.sampled_from([None, "static", "moving"]),
        }
    ),
    min_size=1,
    max_size=12,
)


@given(pools, st.permutations(RULE_POOL), st.randoms(use_true_random=False))
def test_neither_the_order_of_rules_nor_of_clips_changes_what_is_kept(
    pool: list[Row], rules: list[str], random: object
) -> None:
    clips = [_clip(f"{place:02}", **values) for place, values in enumerate(pool)]
    before = _select(*clips, rules=RULE_POOL)
    random.shuffle(clips)  # type: ignore[attr-defined]
    after = _select(*clips, rules=rules)
    assert {key: row["state"] for key, row in before.items()} == {key: row["state"] for key, row in after.items()}


def test_a_rule_set_is_opened_and_named_in_the_reason() -> None:
    rows = _select(_clip("a", brightness=0.01), _clip("b", brightness=0.5), rules=["permissive"])
    assert rows["a"]["reason"] == "brightness is 0.01, the rule says brightness >= 0.03 (rule set permissive)"
    assert (rows["a"]["rule"], rows["b"]["state"]) == ("brightness >= 0.03", "kept")


def test_an_image_has_no_duration_and_no_rate_to_hold_against_it() -> None:
    image = _clip("a", kind="image", duration=0.0, fps=0.0, motion=None, camera=None)
    rules = ["duration >= 2", "fps >= 16", "duration in top 50%"]
    assert _select(image, rules=rules)["a"]["state"] == "kept"


def test_rules_may_name_what_the_clips_table_measures() -> None:
    assert CLIP_COLUMNS[:5] == ("duration", "fps", "width", "height", "motion")
    assert "camera" in WORD_COLUMNS
    assert "clip_id" not in CLIP_COLUMNS


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("text_area <= 0.1", "'text_area' is measured by scorer text_area, which is not in score.scorers = []; add it"),
        ("aesthetic in top 20%", "is measured by scorer aesthetic_ridge or aesthetic_laion, which is not in"),
        (
            "permissive",
            "rule 'text_area <= 0.25' of rule set 'permissive': 'text_area' is measured by scorer text_area",
        ),
        ("astetic >= 4", "no column 'astetic'"),
        ("camera >= 4", "column 'camera' holds words"),
    ],
)
def test_a_rule_on_what_nothing_measures_is_refused_before_any_work(rule: str, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        check_rules(RunConfig(select=SelectConfig(rules=[rule]), score=ScoreConfig(scorers=[])))
    assert message in str(caught.value)
    check_rules(RunConfig(select=SelectConfig(rules=["permissive", "aesthetic in top 20%", "camera != static"])))


def test_measures_of_all_scorers_become_columns_and_failures_are_told() -> None:
    def score(key: str, scorer: str, measures: Mapping[str, float] | None) -> Row:
        error = None if measures else "no picture"
        status = "ok" if measures else "failed"
        known = {"clip_id": key, "scorer": scorer, "measures": list_of(measures) if measures else None}
        return {**known, "status": status, "error": error, "attempts": 1}

    clips = pa.table({"clip_id": ["a", "b"], "width": [1, 2]})
    tables = [
        SCORES.table([score("b", "beauty", {"aesthetic": 5.0}), score("a", "beauty", {"aesthetic": 4.0})]),
        SCORES.table([score("a", "text", {"text_area": 0.1}), score("b", "text", None)]),
    ]
    with querying(Store("/nowhere")) as connection:
        measures = [("aesthetic",), ("text_area",)]
        scores = [
            ScoreTable(connection.from_arrow(table), names) for table, names in zip(tables, measures, strict=True)
        ]
        columns = ["width", "aesthetic", "text_area", "unheard_of"]
        measured = measured_clips(connection.from_arrow(clips), scores, columns).order("clip_id")
        assert measured.columns == ["clip_id", *columns, FAILURE]
        assert measured.fetchall() == [("a", 1, 4.0, 0.1, None, None), ("b", 2, 5.0, None, None, "no picture")]
