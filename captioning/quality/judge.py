"""Runs all checks over the captions of a dataset and makes the report, which is stored as JSON.

The suspicion of a sample is 1 - product of (1 - weight) over its findings: every finding is taken as an independent
sign that the caption is bad, with its weight as the probability. It stays below 1, and many light findings weigh as
much as a heavy one only slowly.

    report = make_report(records, Settings(dataset="datasets/videos", gates=["empty <= 0"]))
"""

import datetime
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import TypeAdapter, ValidationError

from captioning.quality.check import Check, CheckResult
from captioning.quality.checks.repeated import repeats
from captioning.quality.checks.sizes import histograms
from captioning.quality.corpus import Corpus
from captioning.quality.evidence import TextVectors
from captioning.quality.gates import DEFAULT_GATES, judge_gates, read_gates
from captioning.quality.intervals import interval
from captioning.quality.records import CaptionRecord, Finding, FunnelStep, Measure, Report, SampleView
from captioning.quality.registry import CHECKS
from schemas.errors import DatasetError
from schemas.in_our_words import what_is_wrong

CAPTIONS_SHOWN = 20
_JSON = TypeAdapter(Report)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings of a report. `made` is its time as text (default: now, UTC); `worst` is how many samples are listed.

    A bucket or source with at least `least_group` samples has measures of its own. `embed` and `image_text` are the
    models of `Corpus`, or None.
    """

    dataset: str = ""
    made: str = ""
    gates: Sequence[str] = DEFAULT_GATES
    token_budget: int = 226
    seed: int = 0
    worst: int = 20
    least_group: int = 5
    embed: TextVectors | None = None
    image_text: TextVectors | None = None
    models: Mapping[str, str] | None = None
    funnel: Sequence[FunnelStep] = ()
    notes: Sequence[str] = ()


def make_report(records: Sequence[CaptionRecord], settings: Settings) -> Report:
    """Check all records. Raises `RuleError` for a gate that cannot be parsed, before anything is checked."""
    gates = read_gates(settings.gates, CHECKS)
    corpus = Corpus.of(
        records,
        token_budget=settings.token_budget,
        seed=settings.seed,
        embed=settings.embed,
        image_text=settings.image_text,
    )
    results = {check.name: check.run(corpus) for check in CHECKS.values()}
    measures = _measures(records, results, settings)
    views = _views(records, results)
    worst = sorted(
        (view for view in views if view.suspicion > 0), key=lambda view: (-view.suspicion, view.record.sample_id)
    )
    return Report(
        dataset=settings.dataset,
        made=settings.made or datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        samples=views,
        worst=tuple(view.record.sample_id for view in worst[: settings.worst]),
        measures=measures,
        histograms=histograms(corpus),
        funnel=tuple(settings.funnel),
        gates=judge_gates(gates, measures["all"]),
        models={**_models(records), **(settings.models or {})},
        notes=(*settings.notes, *_notes(corpus, results)),
        repeats=_repeats(corpus),
    )


def suspicion(findings: Iterable[Finding]) -> float:
    """1 - product of (1 - weight) over the findings, 0 to 1."""
    return 1 - math.prod(1 - finding.weight for finding in findings)


def report_to_json(report: Report) -> str:
    """The whole report as JSON."""
    return _JSON.dump_json(report, indent=1).decode()


def report_from_json(text: str | bytes) -> Report:
    """Parse a report's JSON. Raises `DatasetError` if it is not one."""
    try:
        return _JSON.validate_json(text)
    except ValidationError as error:
        location, _, _, words = what_is_wrong(error)[0]
        where = ".".join(map(str, location))
        raise DatasetError(f"not a caption report: {where} {words}; run `just report` again") from error


def _measures(
    records: Sequence[CaptionRecord], results: Mapping[str, Mapping[str, CheckResult]], settings: Settings
) -> dict[str, list[Measure]]:
    groups: dict[str, list[str]] = {"all": [record.sample_id for record in records]}
    named: dict[str, list[str]] = defaultdict(list)
    for record in records:
        for name in (f"bucket {record.bucket}", f"source {record.source}"):
            named[name].append(record.sample_id)
    groups |= {name: named[name] for name in sorted(named) if len(named[name]) >= settings.least_group}
    return {name: list(_of_group(keys, results, settings.seed)) for name, keys in groups.items()}


def _of_group(samples: Sequence[str], results: Mapping[str, Mapping[str, CheckResult]], seed: int) -> Iterable[Measure]:
    for check in CHECKS.values():
        values = [results[check.name][key].value for key in samples if key in results[check.name]]
        if values:
            mean, low, high = interval(values, seed)
            yield Measure(
                name=check.name,
                value=mean,
                low=low,
                high=high,
                count=len(values),
                unit=check.unit,
                better=check.better,
                doc=check.doc,
            )


def _views(
    records: Sequence[CaptionRecord], results: Mapping[str, Mapping[str, CheckResult]]
) -> tuple[SampleView, ...]:
    views = []
    for record in records:
        findings = tuple(_findings(record.sample_id, results))
        # Only the checks need the vectors; they would be most of the report's bytes.
        frames = tuple(replace(frame, vector=()) for frame in record.frames)
        views.append(
            SampleView(record=replace(record, frames=frames), findings=findings, suspicion=suspicion(findings))
        )
    return tuple(views)


def _findings(key: str, results: Mapping[str, Mapping[str, CheckResult]]) -> Iterable[Finding]:
    matches: list[tuple[Check, CheckResult]] = [
        (check, results[check.name][key]) for check in CHECKS.values() if key in results[check.name]
    ]
    for check, result in sorted(matches, key=lambda pair: -pair[0].weight):
        if result.why:
            yield Finding(sample_id=key, check=check.name, weight=check.weight, why=result.why)


def _models(records: Sequence[CaptionRecord]) -> dict[str, str]:
    models: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for role, name, model in (
            ("captioner", record.captioner, record.captioner_model),
            ("summariser", record.summariser, record.summariser_model),
            ("token counter", record.token_counter, ""),
        ):
            if name:
                models[role].add(f"{name}: {model}" if model else name)
    return {role: ", ".join(sorted(models_of_role)) for role, models_of_role in models.items()}


def _notes(corpus: Corpus, results: Mapping[str, Mapping[str, CheckResult]]) -> Iterable[str]:
    yield "Consistency means agreement with the frame captions and measurements; it does not mean truth."
    if corpus.embed is None:
        yield "No sentence embedder: only equal words agree, so support is low and inventions are not checked."
    if not results["swapped_frames"]:
        yield "The stills were not examined, so it is not checked whether frame captions belong to the right stills."
    if corpus.image_text is None:
        yield "No image-text model: captions are compared with frame captions and labels, not with stills."
    if any(record.captioner == "facts" for record in (clip.record for clip in corpus.clips)):
        yield (
            "Frame captions are by the embedded captioner: templates filled with labels, colours and camera moves. It "
            "knows no actions, doubts in every other sentence, and opens its captions alike."
        )


def _repeats(corpus: Corpus) -> tuple[tuple[str, tuple[str, ...]], ...]:
    groups = repeats(corpus.captioned)[:CAPTIONS_SHOWN]
    return tuple((group[0].text, tuple(clip.key for clip in group)) for group in groups)
