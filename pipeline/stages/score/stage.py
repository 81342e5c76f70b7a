"""Score: each scorer is a stage of its own with its own part files.

Image scorers read the stills, heads read the stored vectors, so a new or changed one recomputes nothing else.

    just curate <bucket> --set 'score.scorers=["aesthetic_ridge"]'
"""

import numpy as np

from pipeline.dataset.references import PartReader
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.score.configured import scorer_class, weights_of
from pipeline.stages.specification import make_spec
from pipeline.stages.weights import content_of
from schemas.caption_tables import SCORES
from schemas.config import RunConfig
from schemas.named_values import list_of

VERSION = 1


def score_outputs(scorer: str) -> tuple[Output, ...]:
    """The tables of one scorer."""
    return (Output(folder=f"scores/{scorer}", contract=SCORES, parent="clip_id"),)


def spec(config: RunConfig, dataset_uri: str, name: str, split: StageSpec, embed: StageSpec) -> StageSpec:
    """Rows: clips with references to their stills or vectors, whichever the scorer `name` reads."""
    scorer, weights = scorer_class(name), weights_of(name, config.score)
    reads_vectors = scorer.reads == "vectors"
    return make_spec(
        f"score {name}",
        Score,
        VERSION,
        score_outputs(name),
        settings={"scorer_version": scorer.version, "weights": content_of(weights or str(scorer.needs.carried or ""))},
        arguments={"dataset_uri": dataset_uri, "scorer": name, "weights": weights, "threads": 1},
        upstream=[embed if reads_vectors else split],
        identity=("keys",),
        rows_per_part=config.score.clips_per_part * (32 if reads_vectors else 1),
        workers=1 if reads_vectors else 0,
    )


class Score:
    """Rows: clips with references to their stills' pictures or vectors, whichever the scorer reads."""

    def __init__(self, dataset_uri: str, scorer: str, weights: str, threads: int) -> None:
        self._name = scorer
        self._scorer = scorer_class(scorer)(threads=threads, weights=weights or None)
        self._reader = PartReader(dataset_uri, "still_id", "image" if self._scorer.reads == "images" else "vector")

    def process(self, row: Row) -> Result:
        """Score one clip."""
        stills = [self._reader.get(still["part"], still["key"]) for still in row["references"]]
        if self._scorer.reads == "images":
            measures = self._scorer.score(stills)
        else:
            measures = self._scorer.score(np.array(stills, np.float32))
        values = {"clip_id": row["clip_id"], "scorer": self._name, "measures": list_of(dict(sorted(measures.items())))}
        return Result(key=row["clip_id"], values=values, counters={"clips_scored": 1})
