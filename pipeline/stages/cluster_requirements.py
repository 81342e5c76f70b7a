"""What a configuration needs of the nodes of a cluster: resources, packages, weights, variables, dataset and bucket.

requirements = requirements_of(config, specs, "s3://bucket/set", objects)
"""

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from captioning.backends.address import read_address
from pipeline.engine.record import PACKAGES
from pipeline.engine.requirements import Requirements, Source, StageNeed
from pipeline.stage import StageSpec
from pipeline.stages.caption.models import SUMMARY_BACKENDS, needs_of
from pipeline.stages.weights import content_of
from pipeline.storage.addresses import address_of
from schemas.config import RunConfig
from schemas.model_config import ModelConfig


def requirements_of(
    config: RunConfig, stages: Iterable[StageSpec] = (), dataset: str = "", objects: pa.Table | None = None
) -> Requirements:
    """What a run needs. Without stages, dataset or listing (`just doctor --cluster`), all that holds for any run."""
    return Requirements(
        engines=needs_of(config),
        stages=[StageNeed(spec.name, spec.cpus, spec.gpus) for spec in stages if spec.place == "workers"],
        dataset=dataset,
        source=None if objects is None else _source(objects),
        packages=PACKAGES,
        files=files_of(config),
        identify=content_of,
        variables=variables_of(config),
        shared=config.engine.environment,
        node_seconds=config.engine.node_seconds,
    )


def files_of(config: RunConfig) -> Mapping[str, str]:
    """The files and folders of weights that the configuration names and that exist here, by the setting."""
    named = {
        "score.embedder_weights": config.score.embedder_weights,
        "score.head_weights": config.score.head_weights,
        **{f"score.heads[{number}]": path for number, path in enumerate(config.score.heads)},
        "caption.model.name": config.caption.model.name,
        "summarise.model.name": config.summarise.model.name,
        "summarise.tokenizer": config.summarise.tokenizer,
    }
    return {setting: path for setting, path in named.items() if path and content_of(path) != path}


def variables_of(config: RunConfig) -> Mapping[str, str]:
    """The environment variables with the keys of endpoints, by the setting that names them."""
    return dict(_keys(config))


def _keys(config: RunConfig) -> Iterator[tuple[str, str]]:
    models: tuple[tuple[str, str, ModelConfig], ...] = (
        ("caption", config.caption.captioner, config.caption.model),
        ("summarise", config.summarise.summariser, config.summarise.model),
    )
    for section, name, model in models:
        backend = SUMMARY_BACKENDS.get(name)
        asked = backend is not None and backend.runs == "elsewhere"
        if asked and not read_address(model.base_url).private:
            yield f"{section}.model.key_variable", model.key_variable


def _source(objects: pa.Table) -> Source | None:
    """The smallest object that has any bytes: one that a node can read soon."""
    readable = objects.filter(pc.greater(objects["bytes"], 0)).select(["uri", "bytes"])
    if not len(readable):
        return None
    uri = readable.sort_by([("bytes", "ascending"), ("uri", "ascending")])["uri"][0].as_py()
    return Source(uri, address_of(uri))
