"""What the page's script needs to show, search and sort every sample: plain JSON, nothing that is empty.

python -m pytest tests/captioning/report
"""

from collections.abc import Mapping

from captioning.quality.records import CaptionRecord, Finding, FrameCaption, Measure, Report, SampleView
from captioning.report.markup import Json, shown_name, shown_value
from captioning.report.thumbnails import shown_stills

_EMPTY: tuple[Json, ...] = (None, "", (), [], {})


def gallery_data(report: Report) -> Json:
    """Every sample of the report, in its order."""
    return {"samples": [_sample(view) for view in report.samples]}


def _sample(view: SampleView) -> Json:
    record = view.record
    return _filled(
        {
            "id": record.sample_id,
            "source": record.source,
            "bucket": record.bucket,
            "seconds": round(record.duration, 2),
            "suspicion": round(view.suspicion, 3),
            "short": record.short if record.short != record.dense else "",
            "medium": record.medium if record.medium not in (record.dense, record.short) else "",
            "dense": record.dense,
            "overview": record.overview,
            "fields": dict(record.fields),
            "length": length_of(record),
            "error": record.error,
            "fallback": record.fallback,
            "stills": shown_stills(view),
            "frames": [_frame(frame) for frame in record.frames],
            "findings": [_finding(finding) for finding in view.findings],
            "measured": measured(record),
            "lineage": lineage(record),
        }
    )


def _frame(frame: FrameCaption) -> Json:
    labels = [f"{name} {probability:.0%}" for name, probability in frame.labels]
    return _filled({"still": frame.still_id, "time": round(frame.time, 2), "text": frame.text, "labels": labels})


def _finding(finding: Finding) -> Json:
    return {"check": shown_name(finding.check), "weight": round(finding.weight, 3), "why": finding.why}


def _filled(values: Mapping[str, Json]) -> Json:
    return {name: value for name, value in values.items() if value not in _EMPTY}


def length_of(record: CaptionRecord) -> str:
    """`38 words, 51 tokens`; empty where there is no caption."""
    if not record.dense:
        return ""
    tokens = f", {record.tokens:,} tokens" if record.tokens else ""
    return f"{len(record.dense.split()):,} words{tokens}"


def measured(record: CaptionRecord) -> dict[str, str]:
    """Camera and motions as text, with their unit; only what was measured."""
    unit = "% of the diagonal per second"
    numbers = {
        "motion": record.motion,
        "camera motion": record.camera_motion,
        "subject motion": record.subject_motion,
    }
    shown = {name: f"{value:.2f} {unit}" for name, value in numbers.items() if value is not None}
    return {**({"camera": record.camera} if record.camera else {}), **shown}


def lineage(record: CaptionRecord) -> dict[str, str]:
    """Which backends, models and prompts made the caption, who counted its tokens, and what their budget was."""
    named = {
        "captioner": " · ".join(part for part in (record.captioner, record.captioner_model) if part),
        "summariser": " · ".join(part for part in (record.summariser, record.summariser_model) if part),
        "prompts": ", ".join(record.prompt_hashes),
        "tokens by": record.token_counter,
        "budget": record.budget or "",
    }
    return {name: value for name, value in named.items() if value}


def groups_data(report: Report) -> Json:
    """The measures per bucket and per source, for the page's comparison of groups."""
    kinds: dict[str, list[Json]] = {"bucket": [], "source": []}
    for group, measures in report.measures.items():
        kind, _, name = group.partition(" ")
        if kind in kinds:
            kinds[kind].append({"name": name, "measures": {measure.name: _measure(measure) for measure in measures}})
    return kinds


def _measure(measure: Measure) -> Json:
    return {
        "value": measure.value,
        "low": measure.low,
        "high": measure.high,
        "shown": shown_value(measure.value, measure.unit),
        "range": f"{shown_value(measure.low, measure.unit)} to {shown_value(measure.high, measure.unit)}",
        "count": measure.count,
        "unit": measure.unit,
    }
