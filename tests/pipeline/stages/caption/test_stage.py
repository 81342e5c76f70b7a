"""Captions land on their own stills and clips, however late and in whatever order the backends answer."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from captioning.captioners import CAPTIONERS
from captioning.protocols import CaptionReply, ClipReply, ClipRequest, StillRequest
from captioning.summarisers import SUMMARISERS
from captioning.tasks.summary import Budget
from pipeline.dataset.folder import Dataset
from pipeline.stage import Row, run_rows
from pipeline.stages.caption import stage as caption
from pipeline.stages.split.stage import OUTPUTS
from pipeline.stages.summarise import stage as summarise
from schemas.config import CaptionConfig, SummariseConfig
from schemas.media_tables import STILL_IMAGES

STILL_COUNT = 40


class LateCaptioner:
    """Answers after random waits, so out of order, with words that only the right picture holds."""

    name, model, prompt_hash, default_prompt = "late", "test", "0", ""

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt

    async def caption(self, requests: Sequence[StillRequest]) -> AsyncIterator[CaptionReply]:
        chance = random.Random(7)

        async def answer(request: StillRequest) -> CaptionReply:
            await asyncio.sleep(chance.random() / 50)
            if request.image.read() == b"picture 13":
                return CaptionReply(still_id=request.still_id, error="refused")
            return CaptionReply(still_id=request.still_id, caption=f"says {request.image.read().decode()}")

        for done in asyncio.as_completed([answer(request) for request in requests]):
            yield await done


class BackwardSummariser:
    """Answers in reverse order."""

    name, model, prompt_hash = "backward", "test", "0"

    def __init__(self, budget: Budget) -> None:
        pass

    async def summarise(self, requests: Sequence[ClipRequest]) -> AsyncIterator[ClipReply]:
        for request in reversed(requests):
            text = " ".join(request.frame_captions)
            yield ClipReply(sample_id=request.sample_id, short=text, medium=text, dense=text)


def make_stills(dataset: Dataset) -> list[Row]:
    """Store stills whose picture names its id; returns the caption stage's input rows."""
    stills = [
        {"still_id": f"c{number // 4}-s{number:03d}", "clip_id": f"c{number // 4}", "video_id": "v",
         "image": f"picture {number}".encode()}
        for number in range(STILL_COUNT)
    ]  # fmt: skip
    dataset.write_part(OUTPUTS[3], "f", "part-1", STILL_IMAGES.table(stills))
    known = {"offset": 0.0, "names": [], "probabilities": [], "camera": None, "motion": None, "camera_motion": None,
             "subject_motion": None, "part": "still_images/f/part-1.parquet"}  # fmt: skip
    return [
        {**known, "time": float(number), **{name: still[name] for name in ("still_id", "clip_id")}}
        for number, still in enumerate(stills)
    ]


def test_late_and_unordered_captions_land_on_their_own_stills(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CAPTIONERS, "late", LateCaptioner)
    rows = make_stills(Dataset(str(tmp_path)))
    stage = caption.Caption(str(tmp_path), CaptionConfig(captioner="late"), threads=1)
    outcomes = run_rows(stage, rows, "still_id", max_attempts=1)
    assert len(outcomes) == STILL_COUNT
    for number, (row, outcome) in enumerate(zip(rows, outcomes, strict=True)):
        assert outcome.result.key == row["still_id"]
        if number == 13:
            assert outcome.result.error == "refused"
        else:
            assert outcome.result.values is not None
            assert outcome.result.values["caption"] == f"says picture {number}"


def test_a_caption_is_passed_on_before_the_next_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    class Telling(LateCaptioner):
        async def caption(self, requests: Sequence[StillRequest]) -> AsyncIterator[CaptionReply]:
            async for reply in super().caption(requests):
                said.append(reply.still_id)
                yield reply

    monkeypatch.setitem(CAPTIONERS, "late", Telling)
    rows = make_stills(Dataset(str(tmp_path)))
    stage = caption.Caption(str(tmp_path), CaptionConfig(captioner="late"), threads=1)
    for number, result in enumerate(stage.process_batch(rows), 1):
        assert (len(said), said[-1]) == (number, result.key)


def test_summaries_land_on_their_own_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUMMARISERS, "backward", BackwardSummariser)
    stage = summarise.Summarise(SummariseConfig(summariser="backward"), threads=1)
    rows: list[Row] = [
        {"sample_id": f"c{number // 3}-{number}", "clip_id": f"c{number // 3}",
         "captions": [f"one {number}", f"two {number}"], "times": [0.0, 2.0], "overview": "", "measured": ""}
        for number in range(9)
    ]  # fmt: skip
    outcomes = run_rows(stage, rows, "sample_id", max_attempts=1)
    values = [outcome.result.values or {} for outcome in outcomes]
    said = {row["sample_id"]: (row["clip_id"], row["dense"]) for row in values}
    assert said == {
        f"c{number // 3}-{number}": (f"c{number // 3}", f"one {number} two {number}") for number in range(9)
    }
