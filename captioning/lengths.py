"""The three lengths of a caption: short and medium are cut from the dense one, at sentence ends where possible.

Trainers mix lengths so that a model follows both a few words and a paragraph. The start of a dense caption says the
most, so the shorter ones are its first sentences; only a first sentence that is too long is cut, at a clause boundary
if there is one.

    echo "A cat sits. Then it jumps." | python -m captioning.lengths          # print the three lengths
"""

import re
import sys
from dataclasses import dataclass

from captioning.words import sentences, word_set

SHORT_WORDS, MEDIUM_WORDS = 20, 60
_CLAUSE_END = re.compile(r"[,;:–—]$")
# A cut before a conjunction leaves a whole clause; before a preposition it leaves at least a whole phrase.
JOINTS = word_set("and or but while as when where who which that with without before after then because so")
TIES = word_set("in on at by for from of into onto to over under near behind")
DANGLING = JOINTS | TIES | word_set("a an the is are his her its their some very")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """One caption in three lengths: `short` <= 20 words, `medium` <= 60 words, `dense` as given."""

    short: str
    medium: str
    dense: str


def lengths(dense: str) -> Lengths:
    """Cut the short and medium captions from the dense one, whose white space is collapsed."""
    dense = " ".join(dense.split())
    return Lengths(short=shorten(dense, SHORT_WORDS), medium=shorten(dense, MEDIUM_WORDS), dense=dense)


def shorten(text: str, limit: int) -> str:
    """The longest run of leading sentences with at most `limit` words (>= 1; words are separated by white space).

    If the first sentence does not fit, it is cut at its last clause boundary within the limit, else before a
    conjunction or preposition, else at the limit; a cut sentence is closed with a full stop.
    """
    kept: list[str] = []
    for sentence in sentences(text):
        if sum(len(part.split()) for part in [*kept, sentence]) > limit:
            break
        kept.append(sentence)
    if kept or not text.strip():
        return " ".join(kept)
    return _cut(sentences(text)[0].split(), limit)


def _cut(tokens: list[str], limit: int) -> str:
    clauses = [at + 1 for at in range(limit) if _CLAUSE_END.search(tokens[at])]
    # A boundary in the first third leaves a fragment such as "In the evening."
    end = next((at for at in reversed(clauses) if at * 3 >= limit), None)
    if end is None:
        latest = [at for at in range(limit, 0, -1) if at * 2 >= limit]
        breaks = [at for boundary_words in (JOINTS, TIES) for at in latest if tokens[at].lower() in boundary_words]
        end = breaks[0] if breaks else limit
    while end > 1 and tokens[end - 1].lower().strip(",;:") in DANGLING:
        end -= 1
    stump = " ".join(tokens[:end]).rstrip(" ,;:–—-.")
    return f"{stump or tokens[0]}."


def main() -> None:
    """Print the three lengths of each line of standard input."""
    for line in sys.stdin:
        print(lengths(line))


if __name__ == "__main__":
    main()
