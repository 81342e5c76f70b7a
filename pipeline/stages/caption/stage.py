"""Caption stills one by one, and samples from all their stills at once. The backends live in `captioning`.

Every reply is matched to its row by id and passed on the moment it is there; a row without one fails with that reason.

    just curate <bucket> --set 'caption.prompt={subject}. {light}'
"""

from collections.abc import Iterable, Sequence

from captioning.chat import Usage
from captioning.protocols import Overviewer, OverviewRequest, StillRequest, arriving, captions, overviews
from pipeline.dataset.stored_picture import StoredPicture
from pipeline.stage import Output, Result, Row
from pipeline.stages.caption.models import open_captioner
from schemas.caption_tables import FRAME_CAPTIONS, OVERVIEWS
from schemas.config import CaptionConfig

VERSION = 2
OVERVIEW_VERSION = 3
CAPTION_OUTPUTS = (Output(folder="frame_captions", contract=FRAME_CAPTIONS, parent="still_id"),)
OVERVIEW_OUTPUTS = (Output(folder="overviews", contract=OVERVIEWS, parent="sample_id"),)
FACTS_IDENTITY = ("offset", "names", "probabilities", "camera", "motion", "camera_motion", "subject_motion")


class Caption:
    """Rows: stills with their labels and their clip's motion."""

    def __init__(self, dataset_uri: str, config: CaptionConfig, threads: int) -> None:
        self._uri = dataset_uri
        self._captioner = open_captioner(config, threads)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Caption stills; one failed reply fails its own row alone."""
        asked = {row["still_id"]: row for row in rows}
        for reply in arriving(captions(self._captioner, [self._request(row) for row in rows])):
            row = asked[reply.still_id]
            values = {
                "still_id": row["still_id"],
                "clip_id": row["clip_id"],
                "time": row["time"],
                "caption": reply.caption,
                "captioner": self._captioner.name,
                "model": self._captioner.model,
                "prompt_hash": self._captioner.prompt_hash,
            }
            counters = {"stills_captioned": 1, **count_usage(reply.usage)}
            yield Result(
                key=row["still_id"], values=values, error=reply.error, counters=counters, expected=reply.answered
            )

    def _request(self, row: Row) -> StillRequest:
        return StillRequest(
            still_id=row["still_id"],
            clip_id=row["clip_id"],
            picture=StoredPicture(self._uri, row["part"], row["still_id"]),
            time=row["offset"],
            labels=tuple(zip(row["names"], row["probabilities"], strict=True)),
            camera=row["camera"],
            motion=row["motion"],
            camera_motion=row["camera_motion"],
            subject_motion=row["subject_motion"],
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
                pictures=tuple(StoredPicture(self._uri, one["part"], one["key"]) for one in row["references"]),
                times=tuple(row["times"]),
            )
            for row in rows
        ]
        for reply in arriving(overviews(self._overviewer, requests)):
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


def count_usage(usage: Usage) -> dict[str, int]:
    """What a row cost, as counters of the run's record; nothing where no model was asked."""
    counted = {
        "model_calls": usage.calls,
        "cached_replies": usage.cached,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "thinking_tokens": usage.thinking_tokens,
    }
    return {name: count for name, count in counted.items() if count}
