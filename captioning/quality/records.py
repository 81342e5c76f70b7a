"""Input and output of the caption measures as plain records, so that every measure is tested without a dataset.

record = CaptionRecord(sample_id="a", source="a.mp4", dense="A dog runs.")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCaption:
    """The caption of one still; `time` is in seconds from the sample's start.

    `labels` are an image classifier's (name, probability 0 to 1). `vector` is the still's image embedding, empty where
    there is none. `colours` are the shares of the still's pixels by colour name, largest first
    (`captioning.captioners.colours`), empty where not measured; `brightness` is its mean luma, 0 to 1.
    """

    still_id: str
    time: float
    text: str
    labels: tuple[tuple[str, float], ...] = ()
    vector: tuple[float, ...] = ()
    colours: tuple[tuple[str, float], ...] = ()
    brightness: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionRecord:
    """One captioned sample with all that is known of it. An empty text means that there is none.

    `duration` is in seconds. `frames` are the stills inside the sample's span. `tokens` is the length of `dense` by
    `token_counter`. `camera` and the motions (percent of the frame's diagonal per second, >= 0) are measured on its
    clip; None for images. `error`: why captioning failed.
    """

    sample_id: str
    source: str
    bucket: str = ""
    duration: float = 0.0
    short: str = ""
    medium: str = ""
    dense: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    tokens: int = 0
    token_counter: str = ""
    budget: str | None = None
    fallback: str | None = None
    error: str | None = None
    frames: tuple[FrameCaption, ...] = ()
    overview: str = ""
    camera: str | None = None
    motion: float | None = None
    camera_motion: float | None = None
    subject_motion: float | None = None
    captioner: str = ""
    captioner_model: str = ""
    summariser: str = ""
    summariser_model: str = ""
    prompt_hashes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding of a check on one sample. `weight` (0 to 1) is how bad it is; `why` explains it in a sentence."""

    sample_id: str
    check: str
    weight: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a group of samples with its 95 % bootstrap interval; `count` is the number of samples.

    `better` says which direction is good, None if neither is. `doc` describes the measure in one sentence.
    """

    name: str
    value: float
    low: float
    high: float
    count: int
    unit: Literal["share", "words", "tokens", "score"]
    better: Literal["low", "high"] | None
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """A bound on a measure: `rule` as written in the configuration (`empty <= 0`), the value, and whether it holds."""

    rule: str
    value: float | None
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts between `edges` (one more than counts); `mark` is a value to draw a line at, such as the token budget."""

    name: str
    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mark: float | None = None
    mark_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """How many objects of one kind (video, clip, sample) ended in a state, and why."""

    kind: str
    state: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """One sample as the page shows it: the record, its findings, and the suspicion (0 to 1) that follows from them."""

    record: CaptionRecord
    findings: tuple[Finding, ...]
    suspicion: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The content of the page and the JSON. `measures` has the groups `all`, `bucket <name>` and `source <name>`.

    `notes` are caveats for the reader (which tiers ran, that the embedded captioner knows no actions). `repeats` are
    captions of several samples, with the ids of these samples.
    """

    dataset: str
    made: str
    samples: tuple[SampleView, ...]
    worst: tuple[str, ...]
    measures: Mapping[str, Sequence[Measure]]
    histograms: tuple[Histogram, ...]
    funnel: tuple[FunnelStep, ...]
    gates: tuple[Gate, ...]
    models: Mapping[str, str]
    notes: tuple[str, ...] = ()
    repeats: tuple[tuple[str, tuple[str, ...]], ...] = ()
