"""Planted faults are found and untouched captions are left alone: the benchmark in small.

just bench quality          # the same with more rows, and with footage
"""

import random
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from captioning.quality.corpus import Corpus
from captioning.quality.records import CaptionRecord
from captioning.quality.registry import CHECKS
from pipeline.benchmarks.planted.detection import Detection, count, detections, wilson
from pipeline.benchmarks.planted.faults import differ, make_rows, swap_frames
from pipeline.benchmarks.planted.stills import from_images, photographs, seen
from tests.captioning.quality.clips import run_check

# (found at least, false alarms at most); on 25 planted rows one miss is 0.04.
AIMS = {
    "swapped": (0.9, 0.02),
    "repeated": (0.95, 0.02),
    "truncated": (0.95, 0.02),
    "boilerplate, unlisted": (0.95, 0.02),
    "boilerplate, listed": (0.95, 0.02),
    "event dropped": (0.3, 0.1),
}


@cache
def _found() -> dict[str, Detection]:
    rows = make_rows("held out", 420, 3, per_fault=25)
    return {detection.fault: detection for detection in detections(rows, Corpus.of([made.record for made in rows]))}


@pytest.mark.parametrize("fault", AIMS)
def test_planted_faults(fault: str) -> None:
    detection, (least, most) = _found()[fault], AIMS[fault]
    assert detection.planted == 25
    assert detection.rate >= least
    assert detection.false_alarms <= most


@cache
def _photographs() -> list[CaptionRecord]:
    return seen(from_images(photographs()))


def test_frame_captions_on_wrong_photographs() -> None:
    records, ids = swap_frames(_photographs(), 10, random.Random(2))
    detection = count(
        "frames",
        "swapped_frames",
        ids,
        {record.sample_id for record in records} - ids,
        run_check("swapped_frames", records),
    )
    assert detection.planted >= 8
    assert detection.rate >= 0.7
    assert detection.false_alarms <= 0.08


def test_shuffled_pictures_close_the_gap() -> None:
    records = _photographs()
    order = random.Random(1).sample(records, len(records))
    gaps = []
    for shown in (records, [_with_pictures(record, other) for record, other in zip(records, order, strict=True)]):
        gaps.append(np.median([result.value for result in run_check("pictures_gap", shown).values()]))
    assert gaps[0] > 3 > 1.2 > gaps[1]


def _with_pictures(record: CaptionRecord, other: CaptionRecord) -> CaptionRecord:
    frames = tuple(
        replace(shown, text=captioned.text) for captioned, shown in zip(record.frames, other.frames, strict=True)
    )
    return replace(record, frames=frames)


def test_swaps_are_planted_between_clips_of_other_content_only() -> None:
    records = _photographs()
    assert not differ(records[0], records[1])
    swapped, ids = swap_frames(records, 10, random.Random(3))
    assert {record.sample_id for record, was in zip(swapped, records, strict=True) if record != was} == set(ids)


def test_an_image_text_model_tells_swapped_captions() -> None:
    """A made text tower that knows the right vectors: its gap is wide, and wrong captions are found by it."""
    generator = np.random.default_rng(0)
    directions = generator.standard_normal((60, 32)).astype(np.float32)

    def tower(texts: list[str]) -> np.ndarray:
        places = [int(text.split()[1].rstrip(".")) for text in texts]
        return directions[places] + 0.1 * generator.standard_normal((len(texts), 32)).astype(np.float32)

    records = []
    for index in range(60):
        caption_index = index if index >= 5 else (index + 1) % 5
        frame = replace(_photographs()[0].frames[0], vector=tuple(directions[index].tolist()))
        records.append(
            CaptionRecord(
                sample_id=str(index), source=str(index), bucket="b", dense=f"Thing {caption_index}.", frames=(frame,)
            )
        )
    corpus = Corpus.of(records, image_text=tower)  # type: ignore[arg-type]
    wrong = {key for key, result in CHECKS["misaligned"].run(corpus).items() if result.why}
    assert wrong == {"0", "1", "2", "3", "4"}
    assert np.median([result.value for result in CHECKS["alignment_gap"].run(corpus).values()]) > 0.8
    assert np.mean([result.value for result in CHECKS["aligned_sentences"].run(corpus).values()]) > 0.9


def test_intervals_of_shares() -> None:
    assert wilson(60, 60)[0] == pytest.approx(0.94, abs=0.005)
    assert wilson(0, 500)[1] == pytest.approx(0.0076, abs=0.001)
