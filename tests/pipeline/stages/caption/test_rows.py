"""What is asked of the models: stills inside samples only, and each sample by itself, told from its start.

python -m pytest tests/pipeline/stages/caption/test_rows.py
"""

import random
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from captioning.captioners.facts import FactsCaptioner
from captioning.prompts import FACTS_PROMPT
from pipeline.dataset.folder import PART_COLUMN, Dataset
from pipeline.dataset.ledger_rows import caption_failures
from pipeline.dataset.plan import Part, make_plan
from pipeline.dataset.query import querying
from pipeline.engine.cluster import Cluster
from pipeline.engine.engine import Engine
from pipeline.stage import STATUS, Failure, Row
from pipeline.stages.caption.rows import caption_rows, gather_said, overview_rows, summary_rows
from pipeline.stages.specs_of_run import make_specs
from pipeline.stages.summarise.stage import IDENTITY
from pipeline.storage.store import Store
from schemas.caption_tables import FRAME_CAPTIONS
from schemas.config import EngineConfig, RunConfig
from schemas.ids import digest
from schemas.outcome_tables import SAMPLE_SPANS
from tests.pipeline.planned_spans import plan_spans
from tests.pipeline.stages.select.test_sample_spans import clip_lists, config, make_clip, make_stills

MOVES: Row = {"camera": "pan left", "motion": 5.0, "camera_motion": 5.0, "subject_motion": 0.0}


class NoCluster(Cluster):
    """One that says so if anything wants to be computed."""

    def start(self) -> None:
        raise AssertionError("something is computed that is there already")


def tables(clips: list[Row], stills: list[Row]) -> tuple[pa.Table, pa.Table]:
    """The clips and stills tables as far as rows are made of them."""
    known = [{**clip, **MOVES} for clip in clips]
    return pa.Table.from_pylist(known), pa.Table.from_pylist([{**still, PART_COLUMN: "p"} for still in stills])


def frame(still: Row, text: str | None = None, error: str | None = None) -> Row:
    """A frame caption of a still, or its failure."""
    status = {"status": "failed" if error else "ok", "error": error, "attempts": 2}
    return {"still_id": still["still_id"], "clip_id": still["clip_id"], "time": still["time"],
            "caption": text, "captioner": "made", "model": "m", "prompt_hash": "0", **status}  # fmt: skip


@given(clip_lists, st.integers(1, 3))
@settings(max_examples=60)
def test_stills_outside_every_sample_are_not_captioned_and_all_inside_are(
    clips_and_stills: list[tuple[float, float, float, list[float]]], most: int
) -> None:
    clips = [make_clip(f"film{number}", *clip[:3]) for number, clip in enumerate(clips_and_stills)]
    stills = [
        still
        for clip, (start, seconds, _, shares) in zip(clips, clips_and_stills, strict=True)
        for still in make_stills(clip, [start + share * seconds for share in shares])
    ]
    spans = plan_spans(clips, stills, config(max_samples_per_clip=most)).to_pylist()
    asked = set(caption_rows(spans, *tables(clips, stills), None)["still_id"].to_pylist())
    inside = {
        still["still_id"]
        for still in stills
        for span in spans
        if still["clip_id"] == span["clip_id"] and span["start_time"] <= still["time"] < span["end_time"]
    }
    nearest = {span["stills"][0]["still_id"] for span in spans if len(span["stills"]) == 1}
    assert inside <= asked <= inside | nearest


def two_samples() -> tuple[Row, list[Row], list[Row]]:
    """A clip of 5 s from 10 s on with two samples of 2.125 s: its stills, and the spans."""
    clip = make_clip("film", 10.0, 5.0)
    stills = make_stills(clip, [10.5, 11.5, 12.5, 13.5, 14.5])
    return clip, stills, plan_spans([clip], stills, config()).to_pylist()


def test_each_sample_is_told_from_its_own_stills_with_times_from_its_start() -> None:
    clip, stills, spans = two_samples()
    clips, table = tables([clip], stills)
    frames = [frame(still, f"At {still['time']}.") for still in stills]
    random.Random(5).shuffle(frames)
    said = gather_said(spans, frames)
    assert _failures(spans, frames) == {}
    overviews = {spans[1]["sample_id"]: "The second."}
    first, second = summary_rows(spans, said, clips, overviews, measured=True).to_pylist()
    assert (first["captions"], second["captions"]) == (["At 10.5.", "At 11.5."], ["At 12.5.", "At 13.5."])
    assert first["times"] == pytest.approx([0.5, 1.5])
    assert second["times"] == pytest.approx([12.5 - 12.125, 13.5 - 12.125])
    assert (first["overview"], second["overview"]) == ("", "The second.")
    assert first["measured"] == second["measured"] == "The camera pans left."
    assert {row["clip_id"] for row in (first, second)} == {clip["clip_id"]}
    seen = overview_rows(spans, table, count=1).to_pylist()
    assert [row["keys"] for row in seen] == [[stills[1]["still_id"]], [stills[3]["still_id"]]]
    assert seen[1]["times"] == pytest.approx([13.5 - 12.125])
    assert seen[1]["references"] == [{"key": stills[3]["still_id"], "part": "p"}]


def _failures(spans: list[Row], frames: list[Row], captions: Sequence[Row] = ()) -> dict[str, Failure]:
    """What the ledger says of samples without a caption."""
    with querying(Store("/nowhere")) as connection:
        status = [(name, FRAME_CAPTIONS.schema.field(name).type) for name in STATUS]
        planned, answers, summaries = (
            connection.from_arrow(
                pa.Table.from_pylist([{name: row[name] for name in schema.names} for row in rows], schema)
            )
            for rows, schema in (
                (spans, SAMPLE_SPANS.schema),
                (frames, pa.schema([("still_id", pa.string()), *status])),
                (captions, pa.schema([("sample_id", pa.string()), *status])),
            )
        )
        return {key: tuple(rest) for key, *rest in caption_failures(planned, answers, summaries).fetchall()}


def test_a_sample_goes_on_without_a_still_that_failed_and_fails_alone_without_any() -> None:
    clip, stills, spans = two_samples()
    frames = [
        frame(stills[0], error="refused"),
        frame(stills[1], "A dog."),
        frame(stills[2], error="cut off"),
        frame(stills[3], error="no reply"),
    ]
    said = gather_said(spans, frames)
    assert [row["caption"] for row in said[spans[0]["sample_id"]]] == ["A dog."]
    assert _failures(spans, frames) == {spans[1]["sample_id"]: ("caption", "no reply", 2)}
    silent = {spans[0]["sample_id"]: ("summarise", "too long", 3), spans[1]["sample_id"]: ("caption", "no reply", 2)}
    failed = {"sample_id": spans[0]["sample_id"], "status": "failed", "error": "too long", "attempts": 3}
    assert _failures(spans, frames, [failed]) == silent
    rows = summary_rows(spans, said, tables([clip], stills)[0], {}, measured=False).to_pylist()
    assert [(row["sample_id"], row["captions"]) for row in rows] == [(spans[0]["sample_id"], ["A dog."])]


def test_a_sample_whose_clip_has_no_still_says_so() -> None:
    spans = plan_spans([make_clip("film", 0.0, 2.5)], [], config()).to_pylist()
    assert gather_said(spans, []) == {}
    assert _failures(spans, []) == {spans[0]["sample_id"]: ("caption", "no still of its clip could be made", 1)}


def test_only_samples_that_see_other_stills_are_summarised_again() -> None:
    """The first of two samples loses a still (the picture is another); the second is as it was."""
    clip, stills, spans = two_samples()
    frames = [frame(still, f"At {still['time']}.") for still in stills]
    before = summary_rows(spans, gather_said(spans, frames), tables([clip], stills)[0], {}, False).to_pylist()
    fewer = plan_spans([clip], stills[1:], config()).to_pylist()
    after = summary_rows(fewer, gather_said(fewer, frames), tables([clip], stills)[0], {}, False).to_pylist()

    def identities(rows: list[Row]) -> list[tuple[str, str]]:
        return [(row["sample_id"], digest(*(row[name] for name in IDENTITY))) for row in rows]

    plan = make_plan(identities(after), [Part("part-0", tuple(identities(before)))], {"part-0"}, 64)
    assert plan.served == {"part-0": frozenset({spans[1]["sample_id"]})}
    assert [key for part in plan.pending for key, _ in part.rows] == [spans[0]["sample_id"]]


def test_frame_captions_of_a_dataset_whose_captions_were_by_clip_are_kept(tmp_path: Path) -> None:
    """What was said of all stills of a clip serves those of its samples, and nothing is asked."""
    clip, stills, _ = two_samples()
    dataset, specs = Dataset(str(tmp_path)), make_specs(RunConfig(), str(tmp_path))
    spec = specs.caption
    assert specs.label
    # As it was when captions were by clip: a change here would ask for every frame caption again.
    told = {"captioner": "facts", "model": FactsCaptioner.model, "prompt": FACTS_PROMPT, "max_attempts": 3}
    names = ("still_id", "clip_id", "time", "caption", "captioner", "model", "prompt_hash", "status", "error")
    columns = [[name, "double" if name == "time" else "string"] for name in names] + [["attempts", "int32"]]
    upstream = [specs.split.fingerprint, specs.label.fingerprint]
    assert spec.fingerprint == digest("caption", 2, told, "", upstream, columns)
    whole = [{"sample_id": "all", "clip_id": clip["clip_id"], "stills": stills}]
    rows = caption_rows(whole, *tables([clip], stills), None).to_pylist()
    identities = [(row["still_id"], digest(*(row[name] for name in spec.identity))) for row in rows]
    said = FRAME_CAPTIONS.table([frame(still, f"At {still['time']}.") for still in stills])
    dataset.append_plan(spec.outputs[0].folder, spec.fingerprint, [Part("part-0", tuple(identities))])
    dataset.write_part(spec.outputs[0], spec.fingerprint, "part-0", said)
    spans = plan_spans([clip], stills, config()).to_pylist()
    wanted = caption_rows(spans, *tables([clip], stills), None)
    assert 0 < len(wanted) < len(stills)
    engine = Engine(dataset, EngineConfig(), NoCluster())
    kept = engine.run(spec, wanted).primary
    assert kept["still_id"].to_pylist() == wanted["still_id"].to_pylist()
    assert (engine.records["caption"].reused, engine.records["caption"].computed) == (len(wanted), 0)
