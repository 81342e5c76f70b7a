"""Encoding a sample: what decides its identity, what is retried, and what its row says.

python -m pytest tests/pipeline/stages/encode/test_stage.py
"""

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.stage import Row, run_rows
from pipeline.stages.encode import stage as encode
from pipeline.stages.encode.rows import ENCODE_SCHEMA, encode_rows
from pipeline.stages.encode.stage import Encode
from tests.pipeline.stages.pack.test_stage import config, make_clips, plan_clips, stills_of


def _pixels(clips: list[Row], **changes: object) -> list[str]:
    configuration = config(**changes)
    texts: list[str] = encode_rows(plan_clips(clips, configuration), encode.spec(configuration).fingerprint)[
        "pixels"
    ].to_pylist()
    return texts


def test_captions_scores_and_the_place_of_a_source_are_no_part_of_the_identity(tmp_path: Path) -> None:
    clips = [{**clip, "stills": stills_of(clip)} for clip in make_clips(tmp_path)]
    before = _pixels(clips)
    said = {"dense": "other", "short": "o", "tokens": 9, "scores": '{"motion": 7.0}', "lineage": "{}", "fields": "{}"}
    moved = {"uri": "s3://elsewhere/film.mp4", "version": "other"}
    assert _pixels([{**clip, **said, **moved} for clip in clips]) == before
    assert len(set(before)) == 3


@pytest.mark.parametrize(
    "change", [{"crop_top": 2, "crop_height": 60}, {"rotation": 180}, {"scan": "interlaced"}, {"stream": 1}]
)
def test_what_decides_pixels_is_part_of_the_identity(change: Row, tmp_path: Path) -> None:
    clips = [{**clip, "stills": stills_of(clip)} for clip in make_clips(tmp_path)]
    before, after = _pixels(clips), _pixels([{**clips[0], **change}, *clips[1:]])
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1
    assert not set(before) & set(_pixels(clips, crf=30))


def test_another_still_is_another_identity(tmp_path: Path) -> None:
    clips = [{**clip, "stills": stills_of(clip)} for clip in make_clips(tmp_path)]
    changed = [{**still, "signature": bytes(192)} for still in clips[0]["stills"]]
    renamed = [{**still, "hash": 1} for still in clips[1]["stills"]]
    before = _pixels(clips)
    after = _pixels([{**clips[0], "stills": changed}, {**clips[1], "stills": renamed}, clips[2]])
    assert sum(one != other for one, other in zip(before, after, strict=True)) == 1


def test_a_row_says_what_was_made(tmp_path: Path) -> None:
    configuration = config()
    planned = plan_clips(make_clips(tmp_path), configuration)
    (row, *_) = encode_rows(planned, "f").to_pylist()
    result = Encode(18, "veryfast").process(row)
    assert result.values is not None
    ((name, [media]),) = result.others.items()
    assert name == "encoded_media"
    assert result.values["checksum"] == hashlib.sha256(media["media"]).hexdigest()
    assert (result.values["suffix"], result.values["bytes"]) == ("mp4", len(media["media"]))
    assert (result.values["crop"], result.values["shown_at"]) == ([5, 0, 85, 64], [4, 12])
    assert result.counters == {"decoded_frames": result.values["decoded_frames"], "samples_encoded": 1}


def test_an_error_that_may_pass_is_tried_again_and_counts_against_the_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionResetError("the store hung up")

    monkeypatch.setattr("pipeline.stages.encode.stage.make_media", refuse)
    monkeypatch.setattr("time.sleep", lambda _: None)
    row: Row = {"sample_id": "s", "bucket": "64x48x1"}
    (outcome,) = run_rows(Encode(18, "medium"), [row], "sample_id", 3)
    assert (outcome.attempts, outcome.expected) == (3, False)
    assert "the store hung up" in str(outcome.result.error)


def test_no_sample_is_no_row() -> None:
    planned = plan_clips([], config())
    assert encode_rows(planned, "f").equals(pa.Table.from_pylist([], ENCODE_SCHEMA))
