"""Turns ImageNet labels into words that claim no more than the classifier knows.

A label with a probability above 0.4 is named; from 0.2 to 0.4 it is named as a doubt; below that it is left out. When
the classifier is split between breeds of one kind (tabby cat, tiger cat, Egyptian cat), their common noun is named.

    python -m captioning.captioners.labels "tabby, tabby cat" 0.3 "tiger cat" 0.2      # prints: a cat
"""

import sys
from collections.abc import Sequence

from captioning.words import word_set

CONFIDENT, POSSIBLE, KIN = 0.4, 0.2, 0.05
MASS_NOUNS = word_set(
    "broccoli carbonara cauliflower consomme corn cream dough eggnog espresso guacamole hay mail tissue velvet wine "
    "wool"
)
# Spelled with a vowel but pronounced with a consonant, and the reverse.
SPOKEN_CONSONANT, SPOKEN_VOWEL = ("uni", "euro", "ukulele"), ("hour",)


def subject(labels: Sequence[tuple[str, float]]) -> str | None:
    """Name an image's subject from (label, probability 0 to 1) pairs, most likely first; None if too uncertain."""
    if not labels:
        return None
    name, probability = labels[0]
    if probability > CONFIDENT:
        return with_article(plain_name(name))
    noun = _noun(plain_name(name))
    kin = [share for other, share in labels if share >= KIN and _noun(plain_name(other)) == noun]
    if len(kin) > 1 and sum(kin) > CONFIDENT:
        return with_article(noun)
    return f"what may be {with_article(plain_name(name))}" if probability >= POSSIBLE else None


def plain_name(label: str) -> str:
    """A label's name: its first synonym, or the one that extends it (pirate ship for `pirate, pirate ship`)."""
    first, *others = (part.strip().replace("_", " ") for part in label.split(","))
    return next((other for other in others if other.startswith(f"{first} ")), first)


def with_article(name: str) -> str:
    """Put `a` or `an` before a name, unless it has an article, is a plural (sunglasses) or a mass noun (wool)."""
    first, noun = name.split()[0].lower(), _noun(name)
    plural = noun.endswith("s") and not noun.endswith(("ss", "us", "is", "as", "os", "ops"))
    if first in ("a", "an", "the") or plural or noun in MASS_NOUNS:
        return name
    vowel = first.startswith(SPOKEN_VOWEL) or (first[0] in "aeiou" and not first.startswith(SPOKEN_CONSONANT))
    return f"{'an' if vowel else 'a'} {name}"


def _noun(name: str) -> str:
    return name.split(" of ")[0].split()[-1].lower()


def main() -> None:
    """Print the subject for label, probability, label, probability, ... on the command line."""
    print(subject([(name, float(share)) for name, share in zip(sys.argv[1::2], sys.argv[2::2], strict=True)]))


if __name__ == "__main__":
    main()
