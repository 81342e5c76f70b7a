"""Merges a sample's notes into one dense caption: a model drafts, the draft is checked, and asked for again or cut.

The checks in order: form (cut off, refusal, loop, preamble, not English), grounding (no claim without support in the
notes), token budget. While attempts are left, the model is sent a correction. After the last attempt a grounded draft
that is too long is cut at a sentence end; without one, the joined frame captions are used, or the sample fails. A model
that cannot be reached is always a failure that is retried later: it says nothing about the sample.

    step = SummaryTask(ProseForm(), Budget(count=TokenCounter().count, tokens=226)).step(clip, replies=[])
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from captioning.budget import cut_to_budget, words_for
from captioning.chat import ChatReply, ChatRequest, Usage
from captioning.form import MARKUP, THINKING, Fault, find_fault
from captioning.grounding import guard, unsupported
from captioning.joining import distinct, join
from captioning.lengths import MEDIUM_WORDS, SHORT_WORDS, shorten
from captioning.protocols import ClipReply, ClipRequest
from captioning.tasks.forms import Draft, Form
from captioning.words import is_closed, sentences

NO_CAPTIONS = "the clip has no frame captions to summarise"
ONE_CAPTION = "one distinct frame caption, nothing to merge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The length limit of a caption: `count` counts with the trainer's tokenizer, `tokens` is its encoder's limit."""

    count: Callable[[str], int]
    tokens: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """A draft and its fault, if it has one. The only fault of a `grounded` draft can be its length."""

    draft: Draft | None
    fault: Fault | None
    grounded: bool = False


class SummaryTask:
    """Frame captions, overview and measured facts in, three lengths and fields out."""

    def __init__(
        self,
        form: Form,
        budget: Budget,
        *,
        max_tokens: int = 512,
        max_attempts: int = 3,
        fallback: Literal["join", "none"] = "join",
    ) -> None:
        self.prompt_hash = form.prompt_hash
        self._form, self._budget = form, budget
        self._max_tokens, self._max_attempts, self._fallback = max_tokens, max_attempts, fallback

    def step(self, question: ClipRequest, replies: Sequence[ChatReply]) -> ChatRequest | ClipReply:
        """The next request, or the sample's caption, or an error."""
        if not question.frame_captions:
            return ClipReply(sample_id=question.sample_id, error=NO_CAPTIONS)
        if len(distinct(question.evidence)) == 1:
            return finish_joined(question, self._budget, ONE_CAPTION)
        request = self._form.request(question, self._max_tokens)
        if not replies:
            return request
        usage = Usage.of(replies)
        if replies[-1].error is not None:
            return ClipReply(sample_id=question.sample_id, error=replies[-1].error, answered=False, usage=usage)
        judged = [self._judge(question, reply) for reply in replies]
        last = judged[-1]
        if last.draft is not None and last.fault is None:
            asked = any(verdict.grounded and verdict.fault for verdict in judged)
            return self._reply(question, last.draft, "asked again" if asked else None, usage)
        if len(replies) < self._max_attempts:
            assert last.fault is not None
            if replies[-1].thinking_tokens:  # a form's own limit leaves no room for thinking
                request = replace(request, max_tokens=self._max_tokens)
            return self._form.retry(request, replies[-1].text, last.fault.correction, len(replies))
        return self._settle(question, judged, usage)

    def _judge(self, clip: ClipRequest, reply: ChatReply) -> _Judged:
        cut_off = reply.finish_reason == "length"
        read = self._form.read(reply.text) if reply.text.strip() and not cut_off else Draft(dense=reply.text)
        if isinstance(read, Fault):
            return _Judged(None, read)
        fault = find_fault(
            read.dense,
            cut_off=cut_off,
            thinking_tokens=reply.thinking_tokens,
            notes=clip.evidence,
            instructions=self._form.instructions,
        )
        if fault is not None:
            return _Judged(None, fault)
        verdict = guard(read.dense, clip.evidence)
        if verdict.reason is not None:
            return _Judged(None, Fault(verdict.reason, f"This will not do: {verdict.reason}. Keep to the notes."))
        draft = Draft(dense=verdict.text, medium=read.medium, short=read.short, fields=read.fields)
        tokens = self._budget.count(draft.dense)
        if tokens <= self._budget.tokens:
            return _Judged(draft, None, grounded=True)
        words = words_for(self._budget.tokens, tokens, draft.dense)
        too_long = Fault(
            f"{tokens} tokens, budget {self._budget.tokens}", f"Too long. At most {words} words for dense."
        )
        return _Judged(draft, too_long, grounded=True)

    def _settle(self, clip: ClipRequest, judged: Sequence[_Judged], usage: Usage) -> ClipReply:
        """No draft was grounded and short enough: cut the last grounded one, or fall back."""
        for verdict in reversed(judged):
            if verdict.grounded and verdict.draft is not None:
                dense = cut_to_budget(verdict.draft.dense, self._budget.count, self._budget.tokens)
                if dense:
                    return self._reply(clip, Draft(dense=dense, fields=verdict.draft.fields), "cut", usage)
        reason = next(verdict.fault.reason for verdict in reversed(judged) if verdict.fault is not None)
        return self._fail(clip, reason, usage)

    def _fail(self, clip: ClipRequest, reason: str, usage: Usage) -> ClipReply:
        if self._fallback == "join":
            return finish_joined(clip, self._budget, reason, usage)
        return ClipReply(sample_id=clip.sample_id, error=f"no usable caption: {reason}", usage=usage)

    def _reply(self, clip: ClipRequest, draft: Draft, budget: str | None, usage: Usage) -> ClipReply:
        evidence = (*clip.evidence, draft.dense)
        return ClipReply(
            sample_id=clip.sample_id,
            short=_length(draft.short, draft.dense, SHORT_WORDS, evidence),
            medium=_length(draft.medium, draft.dense, MEDIUM_WORDS, evidence),
            dense=draft.dense,
            fields=_grounded(draft.fields, evidence),
            tokens=self._budget.count(draft.dense),
            budget=budget,
            usage=usage,
        )


def finish_joined(clip: ClipRequest, budget: Budget, reason: str | None, usage: Usage | None = None) -> ClipReply:
    """The joined frame captions as the sample's caption, cut to the budget, with `reason` as `fallback`."""
    whole = join(clip.frame_captions)
    dense = cut_to_budget(whole, budget.count, budget.tokens)
    paid = usage or Usage()
    if not whole:
        return ClipReply(sample_id=clip.sample_id, error=NO_CAPTIONS, usage=paid)
    if not dense:
        error = f"the first sentence alone has more than {budget.tokens} tokens (summarise.token_budget)"
        return ClipReply(sample_id=clip.sample_id, error=error, usage=paid)
    return ClipReply(
        sample_id=clip.sample_id,
        short=shorten(dense, SHORT_WORDS),
        medium=shorten(dense, MEDIUM_WORDS),
        dense=dense,
        tokens=budget.count(dense),
        budget=None if dense == whole else "cut",
        fallback=reason,
        usage=paid,
    )


def _length(written: str, dense: str, limit: int, evidence: Sequence[str]) -> str:
    """The model's own short or medium caption if it passes the checks, else the start of the dense one."""
    whole = (
        bool(written) and all(is_closed(sentence) for sentence in sentences(written)) and len(written.split()) <= limit
    )
    plain = not (MARKUP.search(written) or THINKING.search(written))
    return written if whole and plain and guard(written, evidence).reason is None else shorten(dense, limit)


def _grounded(fields: Mapping[str, str], evidence: Sequence[str]) -> dict[str, str]:
    plain = {name: text for name, text in fields.items() if not (MARKUP.search(text) or THINKING.search(text))}
    return {name: text for name, text in plain.items() if unsupported(text, evidence) is None}
