"""Caption stills one by one. The backends live in `captioning`.

Every reply is matched to its row by id and passed on the moment it is there; a row without one fails with that reason.

    just curate <bucket> --set 'caption.prompt={subject}. {light}'
"""

from collections.abc import Iterable, Sequence

from captioning.captioners import CAPTIONERS
from captioning.prompts import FRAME_PROMPT
from captioning.protocols import StillRequest, captions, iterate
from pipeline.dataset.stored_image import StoredImage
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.caption.models import CHAT_BACKENDS, identity_of, open_captioner, resources_of, threads_of
from pipeline.stages.caption.usage import count_usage
from pipeline.stages.specification import make_spec
from schemas.caption_tables import FRAME_CAPTIONS
from schemas.config import CaptionConfig, RunConfig

VERSION = 2
OUTPUTS = (Output(folder="frame_captions", contract=FRAME_CAPTIONS, parent="still_id"),)
MEASURED_IDENTITY = ("offset", "names", "probabilities", "camera", "motion", "camera_motion", "subject_motion")


def spec(config: RunConfig, dataset_uri: str, split: StageSpec, label: StageSpec | None) -> StageSpec:
    """Rows: stills inside the samples of kept clips. `label` is None where the configuration has no labeller."""
    caption = config.caption
    backend, captioner = CHAT_BACKENDS.get(caption.captioner), CAPTIONERS.get(caption.captioner)
    settings = {
        "captioner": caption.captioner,
        "model": captioner.model if captioner else identity_of(caption.model),
        "prompt": caption.prompt or (captioner.default_prompt if captioner else FRAME_PROMPT),
        "max_attempts": caption.max_attempts,
    }
    # A vision model reads the picture alone, so another labeller asks it nothing again.
    reads_measures = captioner is not None
    return make_spec(
        "caption",
        Caption,
        VERSION,
        OUTPUTS,
        settings=settings,
        arguments={"dataset_uri": dataset_uri, "config": caption, "threads": threads_of(backend)},
        upstream=[split, label] if reads_measures and label else [split],
        identity=MEASURED_IDENTITY if reads_measures else (),
        rows_per_part=caption.stills_per_part,
        **resources_of(backend),
    )


class Caption:
    """Rows: stills with their labels and their clip's motion."""

    def __init__(self, dataset_uri: str, config: CaptionConfig, threads: int) -> None:
        self._uri = dataset_uri
        self._captioner = open_captioner(config, threads)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Caption stills; one failed reply fails its own row alone."""
        asked = {row["still_id"]: row for row in rows}
        for reply in iterate(captions(self._captioner, [self._request(row) for row in rows])):
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
            image=StoredImage(self._uri, row["part"], row["still_id"]),
            time=row["offset"],
            labels=tuple(zip(row["names"], row["probabilities"], strict=True)),
            camera=row["camera"],
            motion=row["motion"],
            camera_motion=row["camera_motion"],
            subject_motion=row["subject_motion"],
        )
