"""Keeps captions within what the trainer's text encoder reads: whole sentences up to the budget, never half of one.

CogVideoX reads 226 T5 tokens (1.5: 224) and drops the rest without a word. A caption that is too long is asked for
again first; this is the last resort.

    python -m captioning.budget 20 "A cat sits on a wall. Then it jumps down."
"""

import sys
from collections.abc import Callable

from captioning.words import sentences

Count = Callable[[str], int]


def cut_to_budget(text: str, count: Count, budget: int) -> str:
    """The longest run of leading sentences of at most `budget` tokens; empty if the first alone is too long."""
    whole = sentences(text)
    low, high = 0, len(whole)
    while low < high:  # tokens grow with sentences
        middle = (low + high + 1) // 2
        low, high = (middle, high) if count(" ".join(whole[:middle])) <= budget else (low, middle - 1)
    return " ".join(whole[:low])


def words_for(budget: int, tokens: int, text: str) -> int:
    """How many words to ask for, so that a text like this one fits: a tenth less than its tokens per word allow."""
    return max(10, int(0.9 * budget * len(text.split()) / max(1, tokens)))


def main() -> None:
    """Print what of a text fits."""
    from captioning.tokens import TokenCounter

    print(cut_to_budget(" ".join(sys.argv[2:]), TokenCounter().count, int(sys.argv[1])))


if __name__ == "__main__":
    main()
