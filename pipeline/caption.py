"""Caption stills, then summarise each clip's frame captions into one dense caption. The backends live in `captioning`.

Every reply is matched to its row by id; a row without a reply fails with that reason.

    just curate <bucket> --set 'caption.prompt={subject}. {light}'
"""

import asyncio
from collections.abc import Iterable, Sequence
from pathlib import Path

from captioning.captioners import CAPTIONERS
from captioning.protocols import ClipRequest, StillRequest, collect, match
from captioning.summarisers import SUMMARISERS
from captioning.tokens import TokenCounter
from pipeline.references import PartReader
from pipeline.stage import Output, Result, Row
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS
from schemas.config import CaptionConfig, RunConfig, SummariseConfig
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean

VERSION = 1
CAPTION_OUTPUTS = (Output(folder="frame_captions", contract=FRAME_CAPTIONS, parent="still_id"),)
SUMMARY_OUTPUTS = (Output(folder="captions", contract=CAPTIONS, parent="clip_id"),)
CAPTION_IDENTITY = ("offset", "names", "probabilities", "camera", "motion", "camera_motion", "subject_motion")


def check_backends(config: RunConfig) -> None:
    """Raise `ConfigError` if a backend's name is unknown, before any work is done."""
    if config.caption.captioner not in CAPTIONERS:
        name = config.caption.captioner
        raise ConfigError(f"caption.captioner = {name!r}; {did_you_mean(name, CAPTIONERS)}")
    if config.summarise.summariser not in SUMMARISERS:
        name = config.summarise.summariser
        raise ConfigError(f"summarise.summariser = {name!r}; {did_you_mean(name, SUMMARISERS)}")
    wants_folder = config.summarise.summariser == "transformers_chat"
    if wants_folder and not Path(config.summarise.model, "config.json").is_file():
        model = config.summarise.model
        raise ConfigError(f"summarise.model = {model!r}: transformers_chat needs the folder of a Hugging Face model")
    if config.summarise.model and not wants_folder:
        raise ConfigError(f"summarise.model is set, but {config.summarise.summariser} does not take one; leave it out")


class Caption:
    """Rows: stills with their labels and their clip's motion."""

    def __init__(self, dataset_uri: str, config: CaptionConfig) -> None:
        self._pictures = PartReader(dataset_uri, "still_id", "image")
        arguments = {"prompt": config.prompt} if config.prompt else {}
        self._captioner = CAPTIONERS[config.captioner](**arguments)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Caption the stills of a part; one failed reply fails its own row alone."""
        requests = [self._request(row) for row in rows]
        replies = asyncio.run(collect(self._captioner, requests))
        for row in rows:
            reply = replies[row["still_id"]]
            values = {
                "still_id": row["still_id"],
                "clip_id": row["clip_id"],
                "time": row["time"],
                "caption": reply.caption,
                "captioner": self._captioner.name,
                "model": self._captioner.model,
                "prompt_hash": self._captioner.prompt_hash,
            }
            yield Result(key=row["still_id"], values=values, error=reply.error, counters={"stills_captioned": 1})

    def _request(self, row: Row) -> StillRequest:
        return StillRequest(
            still_id=row["still_id"],
            clip_id=row["clip_id"],
            image=self._pictures.get(row["part"], row["still_id"]),
            time=row["offset"],
            labels=tuple(zip(row["names"], row["probabilities"], strict=True)),
            camera=row["camera"],
            motion=row["motion"],
            camera_motion=row["camera_motion"],
            subject_motion=row["subject_motion"],
        )


class Summarise:
    """Rows: clips with their frame captions in time order."""

    def __init__(self, config: SummariseConfig, threads: int) -> None:
        arguments: dict[str, object] = {"prompt": config.prompt} if config.prompt else {}
        if config.model:
            arguments["folder"] = Path(config.model)
        if config.summariser != "join":
            arguments |= {
                "threads": threads,
                "max_new_tokens": config.max_new_tokens,
                "batch": config.clips_per_part,
            }
        self._summariser = SUMMARISERS[config.summariser](**arguments)
        self._counter = TokenCounter(Path(config.tokenizer) if config.tokenizer else None)

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        """Summarise the clips of a part, which is one batch of the model."""
        requests = [ClipRequest(clip_id=row["clip_id"], frame_captions=tuple(row["captions"])) for row in rows]
        replies = match(requests, self._summariser.summarise(requests))
        for row in rows:
            reply = replies[row["clip_id"]]
            values = {
                "clip_id": row["clip_id"],
                "short": reply.short,
                "medium": reply.medium,
                "dense": reply.dense,
                "summariser": self._summariser.name,
                "model": self._summariser.model,
                "prompt_hash": self._summariser.prompt_hash,
                "fallback": reply.fallback,
                "tokens": self._counter.count(reply.dense) if reply.dense else None,
                "token_counter": self._counter.name,
            }
            counters = {"clips_summarised": 1, "fallbacks": int(reply.fallback is not None)}
            yield Result(key=row["clip_id"], values=values, error=reply.error, counters=counters)
