"""Embed: one vector per still, which every head, the labels and the search for duplicates read.

just curate <bucket> --set score.embedder=open_clip_vit_l14
"""

from collections.abc import Iterable, Sequence

from pipeline.dataset.references import PartReader
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.score.scorers.registry import EMBEDDERS
from pipeline.stages.specification import make_spec
from pipeline.stages.weights import content_of
from schemas.caption_tables import EMBEDDINGS
from schemas.config import RunConfig, ScoreConfig

VERSION = 1
OUTPUTS = (Output(folder="embeddings", contract=EMBEDDINGS, parent="still_id", rows_per_group=512),)


def spec(config: RunConfig, dataset_uri: str, split: StageSpec) -> StageSpec:
    """Rows: stills."""
    embedder = EMBEDDERS[config.score.embedder]
    return make_spec(
        "embed",
        Embed,
        VERSION,
        OUTPUTS,
        settings={"embedder": config.score.embedder, "weights": content_of(config.score.embedder_weights)},
        arguments={"dataset_uri": dataset_uri, "config": config.score, "threads": 1},
        upstream=[split],
        model=str(getattr(embedder, "model", "")),
        rows_per_part=config.score.clips_per_part * 4,
        gpus=embedder.needs.gpus,
    )


class Embed:
    """Rows: stills with the part file that holds their picture."""

    def __init__(self, dataset_uri: str, config: ScoreConfig, threads: int) -> None:
        self._pictures = PartReader(dataset_uri, "still_id", "image")
        self._embedder = EMBEDDERS[config.embedder](threads=threads, weights=config.embedder_weights or None)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Embed the stills of a part."""
        images = [self._pictures.get(row["part"], row["still_id"]) for row in rows]
        vectors = self._embedder.embed(images)
        for row, vector in zip(rows, vectors, strict=True):
            values = {
                "still_id": row["still_id"],
                "clip_id": row["clip_id"],
                "model": self._embedder.model,
                "vector": vector.tolist(),
            }
            yield Result(key=row["still_id"], values=values, counters={"stills_embedded": 1})
