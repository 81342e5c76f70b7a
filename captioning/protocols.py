"""The interfaces of captioners and summarisers, and how replies are matched to requests: by id, never by position.

A backend may be a function on the CPU or a model behind an endpoint that answers late and out of order. They share one
interface: requests go in, replies come back in any order, and each is passed on at once with its request's id. A reply
with an unknown id stops the run, because it means that captions land on the wrong images.

    for reply in iterate(captions(captioner, [StillRequest(still_id="s0", clip_id="c", image=image, time=0.0)])): ...
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, runtime_checkable

from captioning.chat import NO_REPLY, NOTHING, EncodedImage, Usage
from schemas.errors import StageError


@dataclass(frozen=True, slots=True, kw_only=True)
class StillRequest:
    """A still to caption, with what was measured on it and on its clip.

    `image` is a JPEG; `time` is in seconds from the clip's start. `labels` are ImageNet label names with
    probabilities (0 to 1), most likely first. `camera` is the clip's camera move (`static`, `pan left`, `pan right`,
    `tilt up`, `tilt down`, `zoom in`, `zoom out`, `handheld`, `moving`). The three motions are percent of the frame's
    diagonal per second, >= 0. Camera and motions are None for images.
    """

    still_id: str
    clip_id: str
    image: EncodedImage
    time: float
    labels: tuple[tuple[str, float], ...] = ()
    camera: str | None = None
    motion: float | None = None
    camera_motion: float | None = None
    subject_motion: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionReply:
    """The caption of one still. Raises `StageError` unless exactly one of `caption` and `error` is set.

    `answered` is False for an error that says nothing about the still: the model could not be reached or gave up.
    """

    still_id: str
    caption: str | None = None
    error: str | None = None
    answered: bool = True
    usage: Usage = NOTHING

    def __post_init__(self) -> None:
        if (self.caption is None) == (self.error is None):
            raise StageError(f"reply for still {self.still_id!r}: set exactly one of caption and error")


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRequest:
    """A sample to describe in a sentence or two from all its stills at once.

    `images` and `times` (seconds from the sample's start) belong together and are in time order.
    """

    sample_id: str
    images: tuple[EncodedImage, ...]
    times: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewReply:
    """The short caption of a sample: exactly one of `overview` and `error` is set; `answered` as in `CaptionReply`."""

    sample_id: str
    overview: str | None = None
    error: str | None = None
    answered: bool = True
    usage: Usage = NOTHING

    def __post_init__(self) -> None:
        if (self.overview is None) == (self.error is None):
            raise StageError(f"reply for sample {self.sample_id!r}: set exactly one of overview and error")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipRequest:
    """A sample to summarise: its frame captions in time order, and what else is known of it.

    `times` are the frame captions' seconds from the sample's start, or empty. `overview` is the short caption of the
    whole sample and `measured` a sentence on camera and motion; either may be empty. A summary may claim nothing that
    is not in frame captions, overview or measurements.
    """

    sample_id: str
    frame_captions: tuple[str, ...]
    times: tuple[float, ...] = ()
    overview: str = ""
    measured: str = ""

    @property
    def evidence(self) -> tuple[str, ...]:
        """The texts that a summary may draw on; none is empty."""
        return tuple(text for text in (*self.frame_captions, self.overview, self.measured) if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipReply:
    """A sample's caption in three lengths, or an error; a reply with neither raises `StageError`.

    `short` has at most 20 words, `medium` at most 60. `dense` keeps the token budget; `tokens` is its length by the
    summariser's counter (None if it has none). `fields` may have the keys subject, action, setting, camera, light and
    style. `budget` says how `dense` came to fit: `asked again` or `cut`; None if it fitted at once. `fallback` says
    why the joined frame captions replace the model's text; None if the text is the model's. `answered` as in
    `CaptionReply`.
    """

    sample_id: str
    short: str | None = None
    medium: str | None = None
    dense: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    tokens: int | None = None
    budget: str | None = None
    fallback: str | None = None
    error: str | None = None
    answered: bool = True
    usage: Usage = NOTHING

    def __post_init__(self) -> None:
        missing = [name for name in ("short", "medium", "dense") if not getattr(self, name)]
        if missing and self.error is None:
            raise StageError(
                f"reply for sample {self.sample_id!r}: {', '.join(missing)} missing; set all three or error"
            )


class Captioner(Protocol):
    """Captions stills. `name`, `model` and `prompt_hash` are the lineage that is written with every caption."""

    name: str
    model: str
    prompt_hash: str

    def caption(self, requests: Sequence[StillRequest]) -> AsyncIterator[CaptionReply]:
        """Yield one reply per request, each carrying its request's id, in whatever order they become ready."""
        ...


class MeasureCaptioner(Captioner, Protocol):
    """Captions from what was measured on a still and labelled on it, by a template and without a model."""

    default_prompt: str
    """The template where the configuration gives none."""

    def __init__(self, prompt: str) -> None:
        """Raises `ConfigError` if the template cannot be filled."""


@runtime_checkable
class Overviewer(Protocol):
    """Describes whole samples from all their stills at once. `name`, `model` and `overview_hash` as in `Captioner`."""

    name: str
    model: str
    overview_hash: str

    def overview(self, requests: Sequence[OverviewRequest]) -> AsyncIterator[OverviewReply]:
        """Yield one reply per request, each carrying its request's id, in whatever order they become ready."""
        ...


class Summariser(Protocol):
    """Merges a sample's frame captions into one caption. `name`, `model` and `prompt_hash` as in `Captioner`."""

    name: str
    model: str
    prompt_hash: str

    def summarise(self, requests: Sequence[ClipRequest]) -> AsyncIterator[ClipReply]:
        """Yield one reply per request, each carrying its request's id, in whatever order they become ready."""
        ...


async def captions(captioner: Captioner, requests: Sequence[StillRequest]) -> AsyncIterator[CaptionReply]:
    """Yield each still's reply as it arrives, and at the end the error `no reply` for each request without one.

    Raises `StageError` if a reply's id is unknown or comes twice, or if two requests share an id.
    """
    replies = ((reply.still_id, reply) async for reply in captioner.caption(requests))
    asked = [request.still_id for request in requests]
    async for reply in _matched("still", asked, replies, lambda key: CaptionReply(still_id=key, error=NO_REPLY)):
        yield reply


async def overviews(overviewer: Overviewer, requests: Sequence[OverviewRequest]) -> AsyncIterator[OverviewReply]:
    """Yield each sample's short caption as it arrives; rules and errors as in `captions`."""
    replies = ((reply.sample_id, reply) async for reply in overviewer.overview(requests))
    asked = [request.sample_id for request in requests]
    async for reply in _matched("sample", asked, replies, lambda key: OverviewReply(sample_id=key, error=NO_REPLY)):
        yield reply


async def summaries(summariser: Summariser, requests: Sequence[ClipRequest]) -> AsyncIterator[ClipReply]:
    """Yield each sample's caption as it arrives; rules and errors as in `captions`."""
    replies = ((reply.sample_id, reply) async for reply in summariser.summarise(requests))
    asked = [request.sample_id for request in requests]
    async for reply in _matched("sample", asked, replies, lambda key: ClipReply(sample_id=key, error=NO_REPLY)):
        yield reply


Reply = TypeVar("Reply")


def iterate(replies: AsyncIterator[Reply]) -> Iterator[Reply]:
    """Iterate over async replies from synchronous code, each as it arrives; requests pause while the caller works."""

    async def following() -> Reply | None:
        return await anext(replies, None)

    with asyncio.Runner() as runner:
        while (reply := runner.run(following())) is not None:
            yield reply


async def _matched(
    noun: str, asked: Sequence[str], replies: AsyncIterator[tuple[str, Reply]], without: Callable[[str], Reply]
) -> AsyncIterator[Reply]:
    """The replies, each checked against the open requests, then `without(id)` for each request left open."""
    waiting = dict.fromkeys(asked)
    if len(waiting) < len(asked):
        doubled = next(key for key in asked if asked.count(key) > 1)
        raise StageError(f"{noun} {doubled!r} is in one batch twice; every id may be in it only once")
    if not asked:
        return
    known = set(asked)
    async for key, reply in replies:
        if key not in known:
            raise StageError(f"a reply for {noun} {key!r}, which is not in the batch; replies must carry request ids")
        if key not in waiting:
            raise StageError(f"two replies for {noun} {key!r}; the backend must answer every request once")
        del waiting[key]
        yield reply
    for key in waiting:
        yield without(key)
