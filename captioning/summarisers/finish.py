"""The last step of every summariser: from what a model wrote to a reply in three lengths, or to the fallback.

It stands here once so that no backend can ship words that the guard has not read.

    python -m pytest tests/captioning/summarisers/test_finish.py
"""

from captioning.grounding import guard
from captioning.joining import join
from captioning.lengths import lengths
from captioning.protocols import ClipReply, ClipRequest

NO_CAPTIONS = "the clip has no frame captions to summarise"


def finish(request: ClipRequest, written: str) -> ClipReply:
    """Return the model's text if the guard lets it stand, else the joined frame captions and the guard's reason."""
    verdict = guard(written, request.frame_captions)
    return joined(request, verdict.reason) if verdict.reason else _reply(request, verdict.text, None)


def joined(request: ClipRequest, reason: str | None) -> ClipReply:
    """Return the joined frame captions, with `reason` as the fallback; a reply with an error if there are none."""
    dense = join(request.frame_captions)
    return _reply(request, dense, reason) if dense else ClipReply(clip_id=request.clip_id, error=NO_CAPTIONS)


def _reply(request: ClipRequest, dense: str, fallback: str | None) -> ClipReply:
    cut = lengths(dense)
    return ClipReply(clip_id=request.clip_id, short=cut.short, medium=cut.medium, dense=cut.dense, fallback=fallback)
