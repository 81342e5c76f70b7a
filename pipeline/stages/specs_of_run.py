"""The row stages of one run, each made from the configuration and the stages that it reads.

specs = make_specs(RunConfig(), "datasets/videos")
specs.split.fingerprint
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pipeline.stage import StageSpec
from pipeline.stages.caption import overview
from pipeline.stages.caption import stage as caption
from pipeline.stages.encode import stage as encode
from pipeline.stages.ingest import stage as ingest
from pipeline.stages.pack import stage as pack
from pipeline.stages.score import embed, label
from pipeline.stages.score import stage as score
from pipeline.stages.score.configured import scorer_names
from pipeline.stages.split import stage as split
from pipeline.stages.summarise import stage as summarise
from schemas.config import RunConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Specs:
    """The specifications of a run's stages; None for those that its configuration leaves out."""

    ingest: StageSpec
    split: StageSpec
    embed: StageSpec
    label: StageSpec | None
    scores: Mapping[str, StageSpec]
    """By the scorer's name."""
    caption: StageSpec
    overview: StageSpec | None
    summarise: StageSpec
    encode: StageSpec
    pack: StageSpec

    def __iter__(self) -> Iterator[StageSpec]:
        """All stages of the run, in its order."""
        stages = (
            self.ingest, self.split, self.embed, self.label, *self.scores.values(), self.caption, self.overview,
            self.summarise, self.encode, self.pack,
        )  # fmt: skip
        return (stage for stage in stages if stage is not None)


def make_specs(config: RunConfig, dataset_uri: str) -> Specs:
    """The stages of a run with this configuration into the dataset at `dataset_uri`."""
    listed = ingest.spec(config)
    shots = split.spec(config, listed)
    vectors = embed.spec(config, dataset_uri, shots)
    labels = label.spec(config, dataset_uri, vectors) if config.score.labeller else None
    captions = caption.spec(config, dataset_uri, shots, labels)
    return Specs(
        ingest=listed,
        split=shots,
        embed=vectors,
        label=labels,
        scores={name: score.spec(config, dataset_uri, name, shots, vectors) for name in scorer_names(config.score)},
        caption=captions,
        overview=overview.spec(config, dataset_uri, shots),
        summarise=summarise.spec(config, captions),
        encode=encode.spec(config),
        pack=pack.spec(config, dataset_uri),
    )
