"""SmolLM2-135M-Instruct as the embedded summariser; `captioning.backends.packaged` says where it comes from.

just curate demo          # the embedded profile summarises with it
"""

from collections.abc import Sequence
from pathlib import Path

from captioning.backends.packaged import DEFAULT_CACHE, packaged_name, unpacked
from captioning.prompts import SUMMARY_EXAMPLES, SUMMARY_PROMPT
from captioning.summarisers.transformers_chat import ChatSummariser

__all__ = ["DEFAULT_CACHE", "SmolLMSummariser", "unpacked"]


class SmolLMSummariser(ChatSummariser):
    """`ChatSummariser` on the packaged weights, unpacked once (half a gigabyte) below `cache`.

    Raises `StageError` if the package is not installed or its weights cannot be unpacked.
    """

    name = "smollm"

    def __init__(
        self,
        *,
        cache: Path = DEFAULT_CACHE,
        prompt: str = SUMMARY_PROMPT,
        examples: Sequence[tuple[Sequence[str], str]] = SUMMARY_EXAMPLES,
        threads: int | None = None,
        batch: int = 16,
        max_new_tokens: int = 96,
    ) -> None:
        super().__init__(
            unpacked(cache),
            model=packaged_name(),
            prompt=prompt,
            examples=examples,
            threads=threads,
            batch=batch,
            max_new_tokens=max_new_tokens,
        )
