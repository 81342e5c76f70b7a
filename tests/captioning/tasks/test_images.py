"""Stills and clips are asked for again while the form will not do, and fail alone."""

import pytest

from captioning.captioners.chat import ChatCaptioner
from captioning.chat import ChatReply, ImageBytes
from captioning.protocols import CaptionReply, OverviewReply, OverviewRequest, StillRequest, iterate
from captioning.tasks.images import FrameTask, OverviewTask
from schemas.errors import ConfigError
from tests.captioning.scripted import Say, ScriptedChat, says


def caption(say: Say, count: int = 1) -> tuple[dict[str, CaptionReply], ScriptedChat]:
    chat = ScriptedChat(say)
    captioner = ChatCaptioner(chat, FrameTask(), OverviewTask())
    requests = [
        StillRequest(still_id=f"s{number}", clip_id="c", image=ImageBytes(f"s{number}", b""), time=0.0)
        for number in range(count)
    ]
    return {reply.still_id: reply for reply in iterate(captioner.caption(requests))}, chat


def test_each_still_gets_its_own_caption() -> None:
    replies, chat = caption(
        lambda request, before: ChatReply(id=request.id, text=f"A dog beside tree {request.id}."), 9
    )
    assert {key: reply.caption for key, reply in replies.items()} == {
        f"s{number}": f"A dog beside tree s{number}." for number in range(9)
    }
    assert {request.messages[0].images[0].key for request in chat.asked} == set(replies)


def test_a_fault_is_told_to_the_model_and_the_next_answer_counts() -> None:
    replies, chat = caption(says("Sure! A dog.", "A dog   lies on\na lawn."))
    reply = replies["s0"]
    assert reply.caption == "A dog lies on a lawn."
    assert reply.usage.calls == 2
    assert "begin with the content" in chat.asked[1].messages[-1].text
    assert chat.asked[1].temperature > 0


def test_what_never_will_do_fails_with_the_last_fault() -> None:
    replies, chat = caption(says("I'm sorry, I can't help."))
    assert replies["s0"].error is not None
    assert "no usable answer in 3 attempts" in replies["s0"].error
    assert "refusal" in replies["s0"].error
    assert replies["s0"].answered
    assert len(chat.asked) == 3


def test_an_unreachable_model_is_not_the_stills_fault_and_is_not_asked_again_here() -> None:
    replies, chat = caption(lambda request, before: ChatReply(id=request.id, error="503"))
    assert replies["s0"].error == "503"
    assert not replies["s0"].answered
    assert len(chat.asked) == 1


def test_cut_off_answers_are_never_kept() -> None:
    replies, _ = caption(lambda request, before: ChatReply(id=request.id, text="A dog lies.", finish_reason="length"))
    assert "cut off" in str(replies["s0"].error)


def overviews(say: Say) -> tuple[dict[str, OverviewReply], ScriptedChat]:
    chat = ScriptedChat(say)
    captioner = ChatCaptioner(chat, FrameTask(), OverviewTask())
    images = tuple(ImageBytes(f"s{number}", b"") for number in range(3))
    request = OverviewRequest(sample_id="c", images=images, times=(0.0, 2.0, 4.25))
    return {reply.sample_id: reply for reply in iterate(captioner.overview([request]))}, chat


def test_an_overview_sees_all_stills_in_order_with_their_seconds() -> None:
    replies, chat = overviews(says("A dog runs from the door to the gate."))
    assert replies["c"].overview == "A dog runs from the door to the gate."
    (message,) = chat.asked[0].messages
    assert [image.key for image in message.images] == ["s0", "s1", "s2"]
    assert "3 moments" in message.text
    assert "0.0, 2.0, 4.2 seconds" in message.text


def test_a_prompt_with_an_unknown_placeholder_is_refused() -> None:
    with pytest.raises(ConfigError, match="overview_prompt"):
        OverviewTask("Tell {what}.")
