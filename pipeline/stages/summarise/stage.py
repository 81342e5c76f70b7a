"""Summarise each sample's frame captions, overview and measured facts into one dense caption. Backends: `captioning`.

just curate <bucket> --set summarise.token_budget=224
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from captioning.protocols import ClipRequest, iterate, summaries
from captioning.summarisers import SUMMARISERS
from captioning.tokens import TokenCounter
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.caption.models import (
    SUMMARY_BACKENDS,
    identity_of,
    make_form,
    open_summariser,
    resources_of,
    threads_of,
)
from pipeline.stages.caption.usage import count_usage
from pipeline.stages.specification import make_spec
from pipeline.stages.weights import content_of
from schemas.caption_tables import CAPTIONS
from schemas.config import RunConfig, SummariseConfig
from schemas.named_values import list_of

VERSION = 3
OUTPUTS = (Output(folder="captions", contract=CAPTIONS, parent="sample_id"),)
IDENTITY = ("captions", "times", "overview", "measured")


def spec(config: RunConfig, caption: StageSpec) -> StageSpec:
    """Rows: samples of kept clips with their frame captions."""
    summarise = config.summarise
    backend = SUMMARY_BACKENDS.get(summarise.summariser)
    settings = summarise.model_dump(exclude={"prompt", "model", "tokenizer", "clips_per_part"}) | {
        "form": "" if summarise.summariser in SUMMARISERS else make_form(summarise).prompt_hash,
        "model": identity_of(summarise.model),
        "tokenizer": content_of(summarise.tokenizer),
    }
    return make_spec(
        "summarise",
        Summarise,
        VERSION,
        OUTPUTS,
        settings=settings,
        arguments={"config": summarise, "threads": threads_of(backend)},
        upstream=[caption],
        model=backend.version() if backend else "",
        identity=IDENTITY,
        rows_per_part=summarise.clips_per_part,
        **resources_of(backend),
    )


class Summarise:
    """Rows: samples with their frame captions in time order, their overview and what was measured."""

    def __init__(self, config: SummariseConfig, threads: int) -> None:
        self._counter = TokenCounter(Path(config.tokenizer) if config.tokenizer else None)
        self._summariser = open_summariser(config, self._counter, threads)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Summarise samples, which are one batch of the model; results come as their replies do."""
        clip_of = {row["sample_id"]: row["clip_id"] for row in rows}
        requests = [
            ClipRequest(
                sample_id=row["sample_id"],
                frame_captions=tuple(row["captions"]),
                times=tuple(row["times"]),
                overview=row["overview"] or "",
                measured=row["measured"] or "",
            )
            for row in rows
        ]
        for reply in iterate(summaries(self._summariser, requests)):
            values = {
                "sample_id": reply.sample_id,
                "clip_id": clip_of[reply.sample_id],
                "short": reply.short,
                "medium": reply.medium,
                "dense": reply.dense,
                "fields": list_of(reply.fields),
                "summariser": self._summariser.name,
                "model": self._summariser.model,
                "prompt_hash": self._summariser.prompt_hash,
                "fallback": reply.fallback,
                "budget": reply.budget,
                "tokens": reply.tokens,
                "token_counter": self._counter.name,
            }
            counters = {
                "samples_summarised": 1,
                "fallbacks": int(reply.fallback is not None),
                **count_usage(reply.usage),
            }
            yield Result(
                key=reply.sample_id, values=values, error=reply.error, counters=counters, expected=reply.answered
            )
