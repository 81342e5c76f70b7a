"""What the caption measures read and what they give: plain records, so that every measure is tested without a dataset.

python -m pytest tests/captioning/quality
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCaption:
    """What was said of one still; `time` in seconds from the sample's start. `labels`: what an image classifier saw.

    `vector` is the still's image embedding (for the pairing test), empty where there is none. `colours` are the shares
    of the still's pixels by colour name, largest first (`captioning.captioners.colours`), empty where not measured;
    `brightness` is its mean luma, 0 to 1.
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
    """One captioned sample with all that is known of it. Empty text means that there is none.

    `duration` is the sample's, in seconds. `frames` are the stills inside its span. `tokens` are of `dense`, by
    `token_counter`. `camera` and the motions (percent of the picture's diagonal per second) are measured on its clip;
    None for single pictures. `error`: why captioning failed.
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
    """One thing that a check found on one sample. `weight` (0 to 1) is how bad it is; `why` a sentence for people."""

    sample_id: str
    check: str
    weight: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One number of a group of samples with its 95 % bootstrap interval; `count` is the samples that it rests on.

    `better` says which way is good; None for what is only described. `doc` says what it is in one sentence.
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
    """A bound on a measure: `rule` as the configuration has it (`empty <= 0`), the value, and whether it holds."""

    rule: str
    value: float | None
    passed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts between `edges` (one more than counts); `mark` is a line worth drawing, such as the token budget."""

    name: str
    unit: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    mark: float | None = None
    mark_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunnelStep:
    """How many objects of a kind (video, clip, sample) ended in a state, and why."""

    kind: str
    state: str
    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleView:
    """One sample as the page shows it: the record, what was found on it, and how suspicious that makes it (0 to 1)."""

    record: CaptionRecord
    findings: tuple[Finding, ...]
    suspicion: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that the page and the JSON hold. `measures` has the groups `all`, `bucket <name>` and `source <name>`.

    `notes` are sentences that a reader must know (which tiers ran, that the embedded captioner knows no actions).
    `repeats` are captions that stand on several samples, with the samples.
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
