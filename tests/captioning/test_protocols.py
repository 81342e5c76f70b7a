"""Captions land on their own stills and clips, however late and in whatever order they come."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from captioning.chat import NO_REPLY, ImageBytes
from captioning.protocols import (
    Captioner,
    CaptionReply,
    ClipReply,
    ClipRequest,
    StillRequest,
    captions,
    iterate,
    summaries,
)
from schemas.errors import StageError


def still(number: int) -> StillRequest:
    return StillRequest(still_id=f"s{number}", clip_id="clip", image=ImageBytes("s", b""), time=float(number))


class LateCaptioner:
    """Answers each still after its own random delay, as a model behind an endpoint does."""

    name = model = prompt_hash = "late"

    def __init__(self, change: Callable[[list[str]], list[str]] = lambda ids: ids) -> None:
        self.change = change

    async def caption(self, requests: Sequence[StillRequest]) -> AsyncIterator[CaptionReply]:
        delays = random.Random(7).sample(range(len(requests) * 3), len(requests))

        async def answer(still_id: str, delay: int) -> CaptionReply:
            await asyncio.sleep(delay / 2000)
            return CaptionReply(still_id=still_id, caption=f"caption of {still_id}")

        ids = self.change([request.still_id for request in requests])
        for done in asyncio.as_completed([answer(key, delay) for key, delay in zip(ids, delays, strict=False)]):
            yield await done


class Backward:
    """Answers the clips it is not silent on in reverse order; `again` are answered twice."""

    name = model = prompt_hash = "backward"

    def __init__(self, silent: str = "", again: str = "") -> None:
        self.silent, self.again = silent, again

    async def summarise(self, requests: Sequence[ClipRequest]) -> AsyncIterator[ClipReply]:
        for key in [request.sample_id for request in reversed(requests) if request.sample_id not in self.silent] + list(
            self.again
        ):
            yield ClipReply(sample_id=key, short=key, medium=key, dense=key)


def collect(captioner: Captioner, requests: Sequence[StillRequest]) -> dict[str, CaptionReply]:
    return {reply.still_id: reply for reply in iterate(captions(captioner, requests))}


def test_swap_canary_every_caption_lands_on_its_own_still() -> None:
    requests = [still(number) for number in range(40)]

    async def order() -> list[str]:
        return [reply.still_id async for reply in LateCaptioner().caption(requests)]

    asked = [request.still_id for request in requests]
    assert asyncio.run(order()) != asked, "the canary must shuffle, or it shows nothing"
    replies = collect(LateCaptioner(), requests)
    assert sorted(replies) == sorted(asked)
    assert all(reply.caption == f"caption of {still_id}" for still_id, reply in replies.items())


def test_missing_reply_becomes_an_error() -> None:
    replies = collect(LateCaptioner(lambda ids: ids[1:]), [still(0), still(1)])
    assert replies["s0"] == CaptionReply(still_id="s0", error=NO_REPLY)
    assert replies["s1"].caption == "caption of s1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda ids: ["stranger", *ids[1:]], "'stranger', which is not in the batch"),
        (lambda ids: [ids[0], ids[0]], "two replies for still 's0'"),
    ],
)
def test_unknown_and_doubled_ids_are_named(change: Callable[[list[str]], list[str]], message: str) -> None:
    with pytest.raises(StageError, match=message):
        collect(LateCaptioner(change), [still(0), still(1)])


def test_doubled_request_is_named() -> None:
    with pytest.raises(StageError, match="'s1' is in one batch twice"):
        collect(LateCaptioner(), [still(0), still(1), still(1)])


def test_no_requests_no_replies() -> None:
    assert collect(LateCaptioner(), []) == {}


def test_replies_must_say_something() -> None:
    with pytest.raises(StageError, match="exactly one"):
        CaptionReply(still_id="a")
    with pytest.raises(StageError, match="exactly one"):
        CaptionReply(still_id="a", caption="x", error="y")
    with pytest.raises(StageError, match="medium, dense missing"):
        ClipReply(sample_id="a", short="x")


def test_summaries_by_sample_id() -> None:
    requests = [ClipRequest(sample_id=sample_id, frame_captions=("A cat.",)) for sample_id in "abc"]
    replies = list(iterate(summaries(Backward(silent="a"), requests)))
    assert [reply.sample_id for reply in replies] == ["c", "b", "a"]
    assert [reply.dense for reply in replies] == ["c", "b", None]
    assert replies[2].error == NO_REPLY
    with pytest.raises(StageError, match="two replies for sample 'b'"):
        list(iterate(summaries(Backward(again="b"), requests)))
