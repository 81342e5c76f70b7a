"""Makes the caption-quality report of a finished dataset; the measures are in `captioning`.

report = report_of(Dataset("datasets/demo"), Settings())
"""

from dataclasses import replace

from captioning.quality.evidence import TextVectors
from captioning.quality.judge import Settings, make_report
from captioning.quality.records import FunnelStep, Report
from pipeline.dataset.folder import Dataset
from pipeline.readers.caption_records import read_records
from schemas.dataset_files import LEDGER_FILE
from schemas.outcome_tables import LEDGER

# Reasons of the same kind differ in their numbers; the funnel shows the most frequent ones of each state.
REASONS_SHOWN = 5


def report_of(dataset: Dataset, settings: Settings, most: int = 0) -> Report:
    """Read a dataset and report on its captions; name, funnel, models and budget come from the dataset.

    `most` samples are measured, chosen by a hash of their ids, or all (0). Raises `DatasetError` if the folder is not a
    dataset or has no captions.
    """
    record = dataset.read_record()
    summarise = record.get("config", {}).get("summarise", {})
    records, planned = read_records(dataset, most)
    settings = replace(
        settings,
        dataset=settings.dataset or dataset.store.uri.rstrip("/").rsplit("/", 1)[-1],
        funnel=settings.funnel or read_funnel(dataset),
        token_budget=summarise.get("token_budget", settings.token_budget),
        notes=(*settings.notes, *_note(len(records), planned)),
    )
    return make_report(records, settings)


def _note(measured: int, planned: int) -> list[str]:
    if measured == planned:
        return []
    return [
        f"{measured:,} of {planned:,} samples were measured, chosen by a hash of their ids; repeated captions are "
        "repeated among these (--samples 0 measures all)"
    ]


def image_text_of(dataset: Dataset) -> TextVectors | None:
    """The text encoder that matches the dataset's image vectors, loaded when first called; None if there is none."""
    from pipeline.stages.score.scorers.clip_text import ClipText

    score = dataset.read_record().get("config", {}).get("score", {})
    return ClipText.of(score.get("embedder", ""), score.get("embedder_weights", "") or None)


def read_funnel(dataset: Dataset) -> tuple[FunnelStep, ...]:
    """The number of videos, clips and samples in each state, with the most frequent reasons."""
    from pipeline.dataset.query import querying

    with querying(dataset.store) as connection:
        ledger = dataset.relation(connection, LEDGER_FILE, LEDGER, ["id", "kind", "state", "reason"])
        told = ledger.project("kind, state, coalesce(reason, '') AS reason")
        counted = told.aggregate("kind, state, reason, count(*) AS count", "kind, state, reason")
        order = "PARTITION BY kind, state ORDER BY count DESC, reason"
        ranked = counted.project(f"kind, state, reason, count, row_number() OVER ({order}) AS place")
        shown = f"CASE WHEN place > {REASONS_SHOWN} THEN 'other reasons' ELSE reason END"
        named = ranked.project(f"kind, state, {shown} AS reason, count, least(place, {REASONS_SHOWN + 1}) AS place")
        summed = named.aggregate("kind, state, place, any_value(reason), sum(count)::BIGINT", "kind, state, place")
        rows = summed.order("kind, state, place").fetchall()
    return tuple(
        FunnelStep(kind=kind, state=state, reason=reason, count=count) for kind, state, _, reason, count in rows
    )
