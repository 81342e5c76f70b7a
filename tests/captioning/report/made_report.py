"""A report by code, as a dataset of any number of clips would give it, with small pictures drawn for its stills."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np

from captioning.quality.compare import Comparison, MeasureChange, SampleChange
from captioning.quality.records import (
    CaptionRecord,
    Finding,
    FrameCaption,
    FunnelStep,
    Gate,
    Histogram,
    Measure,
    Report,
    SampleView,
)

HOSTILE = (
    "</script><script>window.executed = 1</script>",
    "<img src=x onerror='window.executed = 2'>",
    '"><svg onload=window.executed=3>',
    "<!--<script>",
    "line\u2028separator\u2029paragraph \x00 \ud800 ]]> &amp; {{7*7}} javascript:alert(1)",
)
BUCKETS = ("384x256x33@8", "256x256x17@8", "256x384x33@8")
SOURCES = ("harbour/morning.mp4", "harbour/night.mp4", "kitchen.mov", "a street & more.webm")
_SUBJECTS = ("red boat", "grey gull", "man in a yellow coat", "kettle", "bicycle", "wet street", "paper lantern")
_ACTS = ("drifts past the quay", "waits near the rail", "turns toward the light", "moves slowly out of the picture")


def make_report(clips: int = 40, hostile: bool = False, seed: int = 0) -> Report:
    """A report of so many clips; a hostile one holds markup wherever a model or a file name could put it."""
    chance = random.Random(seed)
    views = [_view(index, chance) for index in range(clips)]
    if hostile:
        views[: len(HOSTILE)] = [_spoilt(view, text) for view, text in zip(views, HOSTILE, strict=False)]
    ordered = sorted(views, key=lambda view: -view.suspicion)
    lengths = [len(view.record.dense.split()) for view in views]
    return Report(
        dataset=f"datasets/{HOSTILE[0]}" if hostile else "datasets/harbour",
        made="2026-03-01 12:00 UTC",
        samples=tuple(views),
        worst=tuple(view.record.sample_id for view in ordered[:20]),
        measures=_measures(clips, chance),
        histograms=(
            _histogram("words", lengths, None),
            _histogram("tokens", [2 * length for length in lengths], 226.0),
        ),
        funnel=(
            FunnelStep(kind="video", state="shipped", reason="", count=31),
            FunnelStep(kind="video", state="failed", reason="no video stream", count=2),
            FunnelStep(kind="clip", state="shipped", reason="", count=clips),
            FunnelStep(kind="clip", state="filtered", reason="text_area 0.31 > 0.25", count=7),
            FunnelStep(kind="clip", state="duplicate", reason="near-duplicate of another clip", count=4),
            FunnelStep(kind="sample", state="shipped", reason="", count=clips + 5),
        ),
        gates=(
            Gate(rule="empty <= 0", value=0.0, passed=True),
            Gate(rule="repeated <= 0.05", value=0.12, passed=False),
            Gate(rule="grounded >= 0.5", value=None, passed=False),
        ),
        models={"captioner": "facts, measured facts, revision 1", "summariser": "smollm, SmolLM2-135M-Instruct"},
        notes=("Captions come from measured facts, not from a vision model.", *(HOSTILE[:2] if hostile else ())),
        repeats=((views[0].record.dense, tuple(view.record.sample_id for view in views[:3])),),
    )


def _view(index: int, chance: random.Random) -> SampleView:
    clip = f"{index:016x}-{index * 100}-{index * 100 + 4400}"
    subject, act = chance.choice(_SUBJECTS), chance.choice(_ACTS)
    frames = tuple(
        FrameCaption(
            still_id=f"{clip}-s{ordinal:03d}",
            time=0.5 + 2 * ordinal,
            text=f"A {subject} at {0.5 + 2 * ordinal:.1f} seconds.",
            labels=(("dock", 0.42), ("ship", 0.2)),
        )
        for ordinal in range(1 + index % 4)
    )
    empty = index % 13 == 12
    record = CaptionRecord(
        sample_id=clip,
        source=SOURCES[index % len(SOURCES)],
        bucket=BUCKETS[index % len(BUCKETS)],
        duration=4.4,
        short=f"A {subject}.",
        medium="" if empty else f"A {subject} {act}.",
        dense="" if empty else f"A {subject} {act}, " * (1 + index % 5) + "while the camera holds still.",
        fields={"subject": subject},
        tokens=20 + index % 30,
        token_counter="all-MiniLM-L6-v2 (estimate)",
        budget="t5-226",
        fallback="one distinct frame caption" if index % 7 == 0 else None,
        error="the reply was cut off" if empty else None,
        frames=frames,
        camera="static",
        motion=1.5,
        camera_motion=0.25,
        subject_motion=1.25,
        captioner="facts",
        captioner_model="measured facts, revision 1",
        summariser="smollm",
        summariser_model="SmolLM2-135M-Instruct",
        prompt_hashes=("fe3a2bad282b16bb",),
    )
    findings = _findings(clip, index)
    return SampleView(
        record=record, findings=findings, suspicion=max((finding.weight for finding in findings), default=0.0)
    )


def _findings(clip: str, index: int) -> tuple[Finding, ...]:
    findings = []
    if index % 13 == 12:
        findings.append(
            Finding(sample_id=clip, check="empty", weight=1.0, why="There is no caption: the reply was cut off.")
        )
    if index % 3 == 0:
        why = "Half of its phrases of four words stand in it twice."
        findings.append(Finding(sample_id=clip, check="repeated_phrases", weight=0.3 + index % 50 / 100, why=why))
    if index % 5 == 0:
        why = "It says that the camera pans, but the camera was measured to be static."
        findings.append(Finding(sample_id=clip, check="camera_contradiction", weight=0.6, why=why))
    return tuple(findings)


def _spoilt(view: SampleView, text: str) -> SampleView:
    clip = f"{view.record.sample_id}{text}"
    frames = tuple(
        replace(frame, still_id=frame.still_id + text, text=text, labels=((text, 0.5),)) for frame in view.record.frames
    )
    record = replace(
        view.record, sample_id=clip, source=text, bucket=text, short=text, medium=text + "!", dense=text + " dense",
        fields={text: text}, fallback=text, camera=text, captioner=text, prompt_hashes=(text,), frames=frames,
        token_counter=text, overview=text,
    )  # fmt: skip
    finding = Finding(sample_id=clip, check=text, weight=1.0, why=text)
    return SampleView(record=record, findings=(finding,), suspicion=1.0)


def _measures(clips: int, chance: random.Random) -> dict[str, Sequence[Measure]]:
    def group(count: int) -> tuple[Measure, ...]:
        repeated, grounded, words = chance.uniform(0.02, 0.3), chance.uniform(0.4, 0.9), chance.uniform(20, 60)
        return (
            Measure(name="repeated", value=repeated, low=repeated / 2, high=repeated * 1.4, count=count, unit="share",
                    better="low", doc="Captions in which a phrase of four words stands twice."),
            Measure(name="grounded", value=grounded, low=grounded - 0.1, high=grounded + 0.1, count=count, unit="score",
                    better="high", doc="Agreement of its nouns with the labels."),
            Measure(name="words", value=words, low=words - 4, high=words + 4, count=count, unit="words",
                    better=None, doc="Mean words of the dense caption."),
        )  # fmt: skip

    names = ["all", *(f"bucket {bucket}" for bucket in BUCKETS), *(f"source {source}" for source in SOURCES)]
    return {name: group(clips if name == "all" else clips // 3) for name in names}


def _histogram(name: str, values: Sequence[int], mark: float | None) -> Histogram:
    counts, edges = np.histogram(values, bins=12)
    shown = tuple(float(edge) for edge in edges.round(1))
    return Histogram(
        name=name, unit=name, edges=shown, counts=tuple(map(int, counts)), mark=mark, mark_name="budget" if mark else ""
    )


def make_comparison(report: Report) -> Comparison:
    """A comparison in which one measure clearly changed and one did not."""
    ids = [view.record.sample_id for view in report.samples]
    repeated, grounded = report.measures["all"][:2]
    worse = SampleChange(sample_id=ids[0], before=0.1, after=0.8, gone=(), new=("empty", HOSTILE[0]))
    return Comparison(
        before="datasets/harbour-before",
        after=report.dataset,
        measures=(
            MeasureChange(
                group="all",
                name="repeated",
                before=replace(repeated, value=repeated.value + 0.2, low=repeated.low + 0.2, high=repeated.high + 0.2),
                after=repeated,
                clear=True,
                better=True,
            ),
            MeasureChange(group="all", name="grounded", before=grounded, after=grounded, clear=False, better=None),
        ),
        gates=(
            (
                Gate(rule="repeated <= 0.05", value=0.32, passed=False),
                Gate(rule="repeated <= 0.05", value=0.04, passed=True),
            ),
        ),
        worse=(worse,),
        better=tuple(
            SampleChange(sample_id=sample_id, before=0.9, after=0.2, gone=("empty",), new=()) for sample_id in ids[2:5]
        ),
        added=tuple(ids[5:7]),
        removed=("an-older-clip",),
        models={"captioner": ("facts: revision 1", "facts: revision 2")},
    )


def make_pictures(width: int = 320, height: int = 214) -> Callable[[str], bytes]:
    """Draws a JPEG for every still id: another colour and disc for each."""

    @lru_cache(maxsize=256)
    def picture(still_id: str) -> bytes:
        chance = random.Random(still_id.encode("utf-8", "backslashreplace"))
        image = np.full((height, width, 3), [chance.randrange(40, 220) for _ in range(3)], np.uint8)
        centre = (chance.randrange(width), chance.randrange(height))
        cv2.circle(image, centre, height // 4, [chance.randrange(256) for _ in range(3)], -1, cv2.LINE_AA)
        return cv2.imencode(".jpg", image)[1].tobytes()

    return picture
