"""The caption of one still, and the short caption of a sample from all its stills at once.

Both ask a vision model for plain sentences, and ask again with a correction while the text has a fault of form. A fault
that remains after the last attempt is an error of that still or sample alone.

    step = FrameTask().step(StillRequest(still_id="s0", clip_id="c", image=image, time=0.0), replies=[])
"""

from collections.abc import Sequence
from dataclasses import dataclass

from captioning.chat import ChatReply, ChatRequest, Message, Usage
from captioning.form import find_fault
from captioning.prompts import FRAME_PROMPT, OVERVIEW_PROMPT
from captioning.protocols import CaptionReply, OverviewReply, OverviewRequest, StillRequest
from schemas.errors import ConfigError
from schemas.ids import digest

MAX_ATTEMPTS = 3


class FrameTask:
    """One still in, two to four sentences out."""

    def __init__(self, prompt: str = FRAME_PROMPT, *, max_tokens: int = 512, max_attempts: int = MAX_ATTEMPTS) -> None:
        self.prompt_hash = digest("frame", prompt)
        self._prompt, self._max_tokens, self._max_attempts = prompt, max_tokens, max_attempts

    def step(self, question: StillRequest, replies: Sequence[ChatReply]) -> ChatRequest | CaptionReply:
        """The next request, or the caption, or an error with the last fault."""
        message = Message("user", self._prompt, (question.image,))
        request = ChatRequest(id=question.still_id, messages=(message,), max_tokens=self._max_tokens)
        step = _judge(request, replies, self._prompt, self._max_attempts)
        if isinstance(step, ChatRequest):
            return step
        return CaptionReply(
            still_id=question.still_id,
            caption=step.text,
            error=step.error,
            answered=step.answered,
            usage=Usage.of(replies),
        )


class OverviewTask:
    """All stills of a sample in, one or two sentences out. The prompt may hold {count} and {times}.

    Raises `ConfigError` for any other placeholder in the prompt.
    """

    def __init__(
        self, prompt: str = OVERVIEW_PROMPT, *, max_tokens: int = 256, max_attempts: int = MAX_ATTEMPTS
    ) -> None:
        try:
            prompt.format(count=1, times="0.0")
        except (KeyError, IndexError, ValueError) as error:
            raise ConfigError(f"caption.overview_prompt {prompt!r}: only {{count}} and {{times}} are known") from error
        self.prompt_hash = digest("overview", prompt)
        self._prompt, self._max_tokens, self._max_attempts = prompt, max_tokens, max_attempts

    def step(self, question: OverviewRequest, replies: Sequence[ChatReply]) -> ChatRequest | OverviewReply:
        """The next request, or the overview, or an error with the last fault."""
        times = ", ".join(f"{time:.1f}" for time in question.times)
        prompt = self._prompt.format(count=len(question.images), times=times)
        message = Message("user", prompt, question.images)
        request = ChatRequest(id=question.sample_id, messages=(message,), max_tokens=self._max_tokens)
        step = _judge(request, replies, prompt, self._max_attempts)
        if isinstance(step, ChatRequest):
            return step
        return OverviewReply(
            sample_id=question.sample_id,
            overview=step.text,
            error=step.error,
            answered=step.answered,
            usage=Usage.of(replies),
        )


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The text, or the error and whether the model answered at all."""

    text: str | None = None
    error: str | None = None
    answered: bool = True


def _judge(
    request: ChatRequest, replies: Sequence[ChatReply], prompt: str, max_attempts: int
) -> ChatRequest | _Outcome:
    """The next request, or the outcome."""
    if not replies:
        return request
    last = replies[-1]
    if last.error is not None:
        return _Outcome(error=last.error, answered=False)
    cut_off = last.finish_reason == "length"
    fault = find_fault(last.text, cut_off=cut_off, thinking_tokens=last.thinking_tokens, instructions=(prompt,))
    if fault is None:
        return _Outcome(" ".join(last.text.split()))
    if len(replies) < max_attempts:
        return request.again(last.text, fault.correction, len(replies))
    return _Outcome(error=f"no usable answer in {len(replies)} attempts; the last: {fault.reason}")
