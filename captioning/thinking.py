"""Separates what a model answers from what it thinks first, in every shape in which servers and templates hand it over.

Every backend makes its replies with `reply_with`, so that no thinking reaches a caption whatever runs the model:

    <think>...</think>answer      also <thinking>, <reasoning>, [THINK], Kimi's, Cohere's and gpt-oss's marks
    ...</think>answer             the template has opened the thinking already
    <think>... (cut off)          no answer
    reasoning_content, reasoning  the server separated it; `content` may be null, which is no answer

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
# Ends any message, so it closes only what is open.
_END = r"<\|end\|>"
MARK = re.compile(f"(?P<open>{_OPEN})|(?P<close>{_CLOSE})", re.IGNORECASE)
_STEP = re.compile(f"{MARK.pattern}|(?P<end>{_END})", re.IGNORECASE)
# What some models put around the answer itself.
_WRAPPER = re.compile(
    r"</?(?:answer|response|final_answer)>|<\|(?:begin|end)_of_(?:box|solution)\|>|<\|(?:START|END)_RESPONSE\|>|<\|return\|>",
    re.IGNORECASE,
)
# gpt-oss's answer where the decoder left its special tokens out.
_BARE_CHANNELS = re.compile(r"\s*analysis(?P<thinking>(?=[A-Z]).*?)(?:assistantfinal(?P<answer>.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Separated:
    """A model's words in two: the `answer`, empty if it never came to one, and the `thinking` before it."""

    answer: str
    thinking: str = ""


def separate(text: str, *, opened: bool = False) -> Separated:
    """Part a text. Without any mark it is all answer, unless the prompt `opened` the thinking: then none of it is.

    A closing mark without an opening one ends a thinking that began with the text. What follows an opening mark that
    is never closed is thinking. An answer comes back as it stands where nothing was thought.
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
    """The reply with its answer alone as text, and the tokens of its thinking counted apart.

    `thinking` is what the server separated itself, and `thinking_tokens` its count of them, 0 where it gives none.
    They are then estimated: the share that thinking has of all letters, of the completion's tokens. They are part of
    `completion_tokens`, which is what is paid for; a server that counts them apart is added up.
    """
    separated = separate(reply.text, opened=opened and not thinking)
    if not separated.answer and MARK.search(thinking):  # a server that was mistaken about where the thinking ends
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
    """Whether a rendered prompt ends in an open thinking, so that an answer begins in the middle of one."""
    marks = list(MARK.finditer(prompt))
    return bool(marks) and bool(marks[-1]["open"]) and not prompt[marks[-1].end() :].strip()


def has_thinking_tokens(tokenizer: Any) -> bool:
    """Whether special tokens of a tokenizer mark thinking, which a decoder that leaves such tokens out would hide."""
    return any(MARK.search(str(token)) for token in tokenizer.all_special_tokens)


def no_thinking_options(template: object) -> dict[str, bool]:
    """What a chat template is told so that its model does not think, where it has such a mode: captions need none."""
    return {name: False for name in ("enable_thinking", "thinking") if re.search(rf"\b{name}\b", str(template))}


def main() -> None:
    """Print the answer and the thinking of the text on the command line."""
    print(separate(" ".join(sys.argv[1:])))


if __name__ == "__main__":
    main()
