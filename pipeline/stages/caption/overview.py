"""Overview: describe samples from all their stills at once, by the vision model that captions the stills.

just curate <bucket> --set caption.captioner=vllm --set caption.max_overview_stills=8
"""

from collections.abc import Iterable, Sequence

from captioning.protocols import Overviewer, OverviewRequest, iterate, overviews
from pipeline.dataset.stored_image import StoredImage
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.caption.models import (
    CHAT_BACKENDS,
    identity_of,
    open_captioner,
    overview_prompt,
    resources_of,
    threads_of,
)
from pipeline.stages.caption.usage import count_usage
from pipeline.stages.specification import make_spec
from schemas.caption_tables import OVERVIEWS
from schemas.config import CaptionConfig, RunConfig

VERSION = 3
OUTPUTS = (Output(folder="overviews", contract=OVERVIEWS, parent="sample_id"),)


def spec(config: RunConfig, dataset_uri: str, split: StageSpec) -> StageSpec | None:
    """Rows: samples of kept clips with references to their stills. None where no overviews are made."""
    caption = config.caption
    backend = CHAT_BACKENDS.get(caption.captioner)
    if backend is None or not caption.max_overview_stills:
        return None
    settings = {
        "captioner": caption.captioner,
        "model": identity_of(caption.model),
        "prompt": overview_prompt(caption),
        "max_attempts": caption.max_attempts,
    }
    return make_spec(
        "overview",
        Overview,
        VERSION,
        OUTPUTS,
        settings=settings,
        arguments={"dataset_uri": dataset_uri, "config": caption, "threads": threads_of(backend)},
        upstream=[split],
        identity=("keys",),
        rows_per_part=caption.stills_per_part,
        **resources_of(backend),
    )


class Overview:
    """Rows: samples with references to their stills and the stills' times."""

    def __init__(self, dataset_uri: str, config: CaptionConfig, threads: int) -> None:
        self._uri = dataset_uri
        captioner = open_captioner(config, threads)
        assert isinstance(captioner, Overviewer), "the stage is built for captioners that make overviews"
        self._overviewer: Overviewer = captioner

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Describe samples; one failed reply fails its own row alone."""
        clip_of = {row["sample_id"]: row["clip_id"] for row in rows}
        requests = [
            OverviewRequest(
                sample_id=row["sample_id"],
                images=tuple(StoredImage(self._uri, still["part"], still["key"]) for still in row["references"]),
                times=tuple(row["times"]),
            )
            for row in rows
        ]
        for reply in iterate(overviews(self._overviewer, requests)):
            values = {
                "sample_id": reply.sample_id,
                "clip_id": clip_of[reply.sample_id],
                "overview": reply.overview,
                "captioner": self._overviewer.name,
                "model": self._overviewer.model,
                "prompt_hash": self._overviewer.overview_hash,
            }
            counters = {"samples_described": 1, **count_usage(reply.usage)}
            yield Result(
                key=reply.sample_id, values=values, error=reply.error, counters=counters, expected=reply.answered
            )
