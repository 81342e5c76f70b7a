"""Cuts captions to the length of the trainer's text encoder, at a sentence end.

CogVideoX reads 226 T5 tokens (1.5: 224) and silently drops the rest. A caption that is too long is asked for again
first; cutting is the last resort.

    python -m captioning.budget 20 "A cat sits on a wall. Then it jumps down."
"""

import sys
from collections.abc import Callable

from captioning.words import sentences

Count = Callable[[str], int]


def cut_to_budget(text: str, count: Count, budget: int) -> str:
    """The longest run of leading sentences with at most `budget` tokens; empty if the first sentence is too long."""
    parts = sentences(text)
    low, high = 0, len(parts)
    while low < high:  # binary search: more sentences never have fewer tokens
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(" ".join(parts[:middle])) <= budget else (low, middle - 1)
    return " ".join(parts[:low])


def words_for(budget: int, tokens: int, text: str) -> int:
    """How many words to ask for so that a text like this one fits: its ratio of words to tokens, less a tenth; >= 10.

    `tokens` is the count of `text`.
    """
    return max(10, int(0.9 * budget * len(text.split()) / max(1, tokens)))


def main() -> None:
    """Print the sentences of a text that fit."""
    from captioning.tokens import TokenCounter

    print(cut_to_budget(" ".join(sys.argv[2:]), TokenCounter().count, int(sys.argv[1])))


if __name__ == "__main__":
    main()
