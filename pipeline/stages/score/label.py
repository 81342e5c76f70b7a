"""Label: names what stands on each still, from the stored vectors.

just curate <bucket> --set score.labeller=imagenet
"""

from collections.abc import Iterable, Sequence

import numpy as np

from pipeline.dataset.references import PartReader
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.score.scorers.registry import LABELLERS
from pipeline.stages.specification import make_spec
from schemas.caption_tables import LABELS
from schemas.config import RunConfig

VERSION = 1
OUTPUTS = (Output(folder="labels", contract=LABELS, parent="still_id"),)


def spec(config: RunConfig, dataset_uri: str, embed: StageSpec) -> StageSpec:
    """Rows: embeddings."""
    name = config.score.labeller
    return make_spec(
        "label",
        Label,
        VERSION,
        OUTPUTS,
        settings={"labeller": name, "labeller_version": LABELLERS[name].version},
        arguments={"dataset_uri": dataset_uri, "labeller": name, "threads": 1},
        upstream=[embed],
        rows_per_part=config.score.clips_per_part * 32,
        workers=1,
    )


class Label:
    """Rows: embeddings with the part file that holds their vector."""

    def __init__(self, dataset_uri: str, labeller: str, threads: int) -> None:
        self._vectors = PartReader(dataset_uri, "still_id", "vector")
        self._labeller = LABELLERS[labeller](threads=threads)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Label the stills of a part by their vectors."""
        vectors = np.array([self._vectors.get(row["part"], row["still_id"]) for row in rows], np.float32)
        for row, labels in zip(rows, self._labeller.label(vectors), strict=True):
            values = {
                "still_id": row["still_id"],
                "clip_id": row["clip_id"],
                "names": [name for name, _ in labels],
                "probabilities": [probability for _, probability in labels],
            }
            yield Result(key=row["still_id"], values=values)
