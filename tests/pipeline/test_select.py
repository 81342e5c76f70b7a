"""Selection: each clip is kept or names the one thing that dropped it.

python -m pytest tests/pipeline/test_select.py
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa
import pytest

from pipeline.select import select, with_measures
from pipeline.stage import Row
from schemas.caption_tables import SCORES
from schemas.config import PackConfig, RunConfig, SelectConfig
from schemas.errors import RuleError
from schemas.media_tables import CLIPS, DUPLICATES

RULES = ["aesthetic >= 4.5", "motion >= 1", "camera != zoom in"]


def _clip(key: str, **changes: object) -> Row:
    clip: Row = dict.fromkeys(CLIPS.names)
    clip.update(clip_id=key, video_id=f"of {key}", kind="video", shot=0, duration=5.0, fps=24.0, width=384, height=256)
    return clip | {"motion": 5.0, "camera": "static", "aesthetic": 5.0, **changes}


def _none(clips: Sequence[Row]) -> pa.Table:
    return DUPLICATES.empty()


def _select(*clips: Row, failures: Mapping[str, str] | None = None) -> dict[str, Row]:
    config = RunConfig(select=SelectConfig(rules=RULES), pack=PackConfig(buckets=["384x256x17@8"]))
    table, _ = select(clips, config, failures or {}, _none)
    return {row["clip_id"]: row for row in table.to_pylist()}


def test_a_kept_clip_names_its_bucket_and_nothing_else() -> None:
    assert _select(_clip("a"))["a"] == {
        "clip_id": "a", "state": "kept", "rule": None, "value": None, "threshold": None, "reason": None,
        "bucket": "384x256x17@8",
    }  # fmt: skip


def test_a_filtered_clip_names_the_first_rule_its_value_and_the_threshold() -> None:
    found = _select(_clip("a", aesthetic=3.14159, motion=0.0))["a"]
    assert (found["state"], found["rule"]) == ("filtered", "aesthetic >= 4.5")
    assert (found["value"], found["threshold"]) == (3.14159, 4.5)
    assert found["reason"] == "aesthetic is 3.142, the rule says aesthetic >= 4.5"


def test_rules_on_words_have_no_number() -> None:
    found = _select(_clip("a", camera="zoom in"))["a"]
    assert (found["state"], found["value"], found["threshold"]) == ("filtered", None, None)
    assert found["reason"] == "camera is zoom in, the rule says camera != zoom in"


def test_a_clip_without_the_value_passes() -> None:
    assert _select(_clip("a", motion=None, camera=None))["a"]["state"] == "kept"


def test_an_unbucketed_clip_says_why() -> None:
    found = _select(_clip("a", duration=1.0), _clip("b", kind="image", duration=0.0, fps=0.0))
    assert {row["state"] for row in found.values()} == {"unbucketed"}
    assert "1.00 s is shorter than" in found["a"]["reason"]
    assert found["b"]["reason"] == "no image bucket is configured"


def test_a_clip_that_could_not_be_measured_has_failed() -> None:
    found = _select(_clip("a", aesthetic=0.0), failures={"a": "no picture"})["a"]
    assert (found["state"], found["reason"]) == ("failed", "no picture")


def test_only_what_would_ship_is_asked_for_copies() -> None:
    asked: list[str] = []

    def find(clips: Sequence[Row]) -> pa.Table:
        asked.extend(clip["clip_id"] for clip in clips)
        return DUPLICATES.table([{"id": "c", "duplicate_of": "b", "similarity": 0.99, "hash_distance": 2.0}])

    clips = [_clip("d", duration=0.5), _clip("c"), _clip("a", aesthetic=1.0), _clip("b")]
    config = RunConfig(select=SelectConfig(rules=RULES), pack=PackConfig(buckets=["384x256x17@8"]))
    table, duplicates = select(clips, config, {}, find)
    assert sorted(asked) == ["b", "c"]
    assert [(row["clip_id"], row["state"]) for row in table.to_pylist()] == [
        ("a", "filtered"), ("b", "kept"), ("c", "duplicate"), ("d", "unbucketed"),
    ]  # fmt: skip
    assert table.to_pylist()[2]["reason"].startswith("near-duplicate of b (similarity 0.990")
    assert duplicates["id"].to_pylist() == ["c"]


def test_a_rule_of_the_wrong_kind_stops_the_selection() -> None:
    with pytest.raises(RuleError, match="holds words"):
        _select(_clip("a", aesthetic="fine"))


def test_measures_of_all_scorers_become_columns_and_failures_are_told() -> None:
    def score(key: str, scorer: str, measures: Mapping[str, float] | None) -> Row:
        error = None if measures else "no picture"
        status = "ok" if measures else "failed"
        known = {"clip_id": key, "scorer": scorer, "measures": list(measures.items()) if measures else None}
        return {**known, "status": status, "error": error, "attempts": 1}

    clips = pa.table({"clip_id": ["a", "b"], "width": [1, 2]})
    tables = [
        SCORES.table([score("b", "beauty", {"aesthetic": 5.0}), score("a", "beauty", {"aesthetic": 4.0})]),
        SCORES.table([score("a", "text", {"text_area": 0.1}), score("b", "text", None)]),
    ]
    rows, failures = with_measures(clips, tables)
    assert {row["clip_id"]: (row["width"], row["aesthetic"], row.get("text_area")) for row in rows} == {
        "a": (1, 4.0, 0.1), "b": (2, 5.0, None),
    }  # fmt: skip
    assert failures == {"b": "no picture"}
