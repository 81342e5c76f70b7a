"""What a model writes ships only if the guard lets it; otherwise the joined captions stand and say why."""

from captioning.protocols import ClipRequest
from captioning.summarisers import SUMMARISERS
from captioning.summarisers.finish import NO_CAPTIONS, finish

CAPTIONS = ("A dog runs across a lawn.", "The dog jumps over a log.")
REQUEST = ClipRequest(clip_id="clip", frame_captions=CAPTIONS)


def test_grounded_words_stand() -> None:
    reply = finish(REQUEST, "A dog runs across a lawn, then jumps over a log. It lo")
    assert reply.fallback is None
    assert reply.dense == reply.medium == reply.short == "A dog runs across a lawn, then jumps over a log."


def test_invented_words_fall_back_to_the_captions() -> None:
    reply = finish(REQUEST, "A wolf runs across a lawn.")
    assert reply.fallback == "not in any frame caption: wolf"
    assert reply.dense == "A dog runs across a lawn. Then the dog jumps over a log."
    assert reply.clip_id == "clip"


def test_join_needs_no_model_and_is_no_fallback() -> None:
    replies = SUMMARISERS["join"]().summarise([REQUEST, ClipRequest(clip_id="mute", frame_captions=())])
    assert [reply.clip_id for reply in replies] == ["clip", "mute"]
    assert replies[0].dense == "A dog runs across a lawn. Then the dog jumps over a log."
    assert replies[0].fallback is None
    assert replies[1].error == NO_CAPTIONS
    assert replies[1].dense is None
