"""Separates a model's answer from its thinking (chain of thought), in all the formats of servers and chat templates.

Every backend passes its replies through `strip_thinking`, so that no thinking reaches a caption:

    <think>...</think>answer      also <thinking>, <reasoning>, [THINK], and the markers of Kimi, Cohere and gpt-oss
    ...</think>answer             the chat template opened the thinking
    <think>... (cut off)          no answer
    reasoning_content, reasoning  separated by the server; `content` may be null, which is no answer

    python -m captioning.thinking "<think>A dog? Yes.</think>A dog runs."
"""

import re
import sys
from dataclasses import dataclass, replace
from typing import Any

from captioning.chat import ChatReply

_NAME = r"(?:seed:)?(?:think|thinking|thought|thoughts|reason|reasoning|reflection|analysis|scratchpad)"
_OPEN = (
    rf"<{_NAME}>|\[THINK\]|◁think▷|<\|begin_of_thought\|>|<\|START_THINKING\|>|<\|channel>thought|"
    r"<\|channel\|>(?:analysis|commentary)<\|message\|>"
)
_CLOSE = (
    rf"</{_NAME}>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|<\|END_THINKING\|>|<channel\|>|"
    r"<\|channel\|>final<\|message\|>"
)
# Ends any message, so it closes the thinking only where one is open.
_END = r"<\|end\|>"
MARK = re.compile(f"(?P<open>{_OPEN})|(?P<close>{_CLOSE})", re.IGNORECASE)
_STEP = re.compile(f"{MARK.pattern}|(?P<end>{_END})", re.IGNORECASE)
# Wrappers that some models put around the answer.
_WRAPPER = re.compile(
    r"</?(?:answer|response|final_answer)>|<\|(?:begin|end)_of_(?:box|solution)\|>|<\|(?:START|END)_RESPONSE\|>|<\|return\|>",
    re.IGNORECASE,
)
# gpt-oss's answer after a decoder that dropped its special tokens.
_BARE_CHANNELS = re.compile(r"\s*analysis(?P<thinking>(?=[A-Z]).*?)(?:assistantfinal(?P<answer>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Separated:
    """A model's text in two parts: the `answer`, empty if there is none, and the `thinking` before it."""

    answer: str
    thinking: str = ""


def separate(text: str, *, opened: bool = False) -> Separated:
    """Split a text into answer and thinking. `opened`: the prompt ends inside an open thinking block.

    Without any marker the whole text is the answer, or thinking if `opened`. A closing marker without an opening one
    ends a thinking that began with the text. Text after an opening marker that is never closed is thinking. Without
    thinking the answer is returned unchanged.
    """
    if bare := _BARE_CHANNELS.fullmatch(text):
        return Separated((bare["answer"] or "").strip(), bare["thinking"].strip())
    answer: list[str] = []
    thinking: list[str] = []
    inside, at = opened, 0
    for mark in _STEP.finditer(text):
        if mark["end"] and not inside:
            continue
        (thinking if inside else answer).append(text[at : mark.start()])
        if mark["close"] and not inside:
            thinking, answer = [*thinking, *answer], []
        inside, at = bool(mark["open"]), mark.end()
    (thinking if inside else answer).append(text[at:])
    if at == 0 and not inside:
        return Separated(_WRAPPER.sub(" ", text).strip() if _WRAPPER.search(text) else text)
    return Separated(_joined(_WRAPPER.sub(" ", part) for part in answer), _joined(thinking))


def _joined(parts: Any) -> str:
    return " ".join(filter(None, (part.strip() for part in parts)))


def strip_thinking(
    reply: ChatReply, *, thinking: str = "", thinking_tokens: int = 0, opened: bool = False
) -> ChatReply:
    """The reply with only the answer as text, and its thinking tokens counted separately.

    `thinking` is what the server itself separated, `thinking_tokens` its count, 0 where it gives none. The count is
    then estimated as the completion's tokens times the thinking's share of all characters. Thinking tokens are part of
    `completion_tokens`, which is what is paid for; if a server counts them apart, they are added.
    """
    separated = separate(reply.text, opened=opened and not thinking)
    if not separated.answer and MARK.search(thinking):  # the server was wrong about where the thinking ends
        separated, thinking = separate(thinking), ""
    letters = len(thinking) + len(separated.thinking)
    whole = letters + len(separated.answer)
    estimate = round(reply.completion_tokens * letters / whole) if whole else 0
    tokens = thinking_tokens or reply.thinking_tokens or estimate
    completion = reply.completion_tokens
    return replace(
        reply,
        text=separated.answer,
        thinking_tokens=tokens,
        completion_tokens=completion if tokens <= completion else completion + tokens,
    )


def opens_thinking(prompt: str) -> bool:
    """Whether a rendered prompt ends inside an open thinking block, so that the answer begins in the middle of one."""
    marks = list(MARK.finditer(prompt))
    return bool(marks) and bool(marks[-1]["open"]) and not prompt[marks[-1].end() :].strip()


def has_thinking_tokens(tokenizer: Any) -> bool:
    """Whether a tokenizer marks thinking with special tokens, which a decoder that drops these would hide."""
    return any(MARK.search(str(token)) for token in tokenizer.all_special_tokens)


def no_thinking_options(template: object) -> dict[str, bool]:
    """The chat template's options that switch thinking off, where it has such a mode: captions need no thinking."""
    return {name: False for name in ("enable_thinking", "thinking") if re.search(rf"\b{name}\b", str(template))}


def main() -> None:
    """Print the answer and the thinking of the text on the command line."""
    print(separate(" ".join(sys.argv[1:])))


if __name__ == "__main__":
    main()
