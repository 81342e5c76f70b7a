"""Synthetic clips: repetitive frame captions, as a vision model writes them, and a dense summary of them by rule.

They replace a large teacher where none is available, and show whether the student learns to merge what stays the same,
to tell changes in time order, and to need at most 60 % of the words. They show nothing about the text of real models.

    python -m captioning.distill.synthetic_pairs          # print a few
"""

import random
import sys

from captioning.distill.pairs import Pair
from captioning.distill.synthetic_words import HELD_OUT, TRAINING, Vocabulary

MOST = 0.6  # words of a summary per word of its frame captions
MOST_WORDS = 150  # of captions and summary together: about 220 tokens with the prompt
CLIPS_PER_SOURCE = 3


def synthetic_pairs(count: int, words: Vocabulary, seed: int) -> list[Pair]:
    """`count` pairs in these words, three clips per source; the same seed gives the same pairs."""
    draw = random.Random(seed)  # noqa: S311
    pairs: list[Pair] = []
    while len(pairs) < count:
        source = f"made-{seed}-{len(pairs) // CLIPS_PER_SOURCE:04d}"
        scene = _Scene(words, draw)
        for clip in range(min(CLIPS_PER_SOURCE, count - len(pairs))):
            pairs.append(scene.clip(f"{source}-{clip}", source))
    return pairs


class _Scene:
    """What all clips of one source share: subject, place and light."""

    def __init__(self, words: Vocabulary, draw: random.Random) -> None:
        self._words, self._draw = words, draw
        self._noun = draw.choice(words.nouns)
        adjective = draw.choice(words.adjectives)
        self._subject = f"{article(adjective)} {adjective} {self._noun}"
        self._place, self._background = draw.choice(words.places), draw.choice(words.backgrounds)
        self._light = draw.choice(words.lights)

    def clip(self, sample_id: str, source: str) -> Pair:
        """A clip whose summary keeps the length limit; drawn again until it does."""
        while True:
            captions, summary = self._tell()
            before, after = sum(len(caption.split()) for caption in captions), len(summary.split())
            if after <= MOST * before and before + after <= MOST_WORDS:
                return Pair(sample_id=sample_id, source=source, captions=tuple(captions), summary=summary)

    def _tell(self) -> tuple[list[str], str]:
        draw, words = self._draw, self._words
        frames = draw.choice((3, 3, 4, 4, 5, 5, 6, 7, 8))
        steps = draw.randint(1, min(3, frames))
        actions = draw.sample(words.actions, steps)
        adverbials = [draw.choice((way, "")) if steps > 1 else way for way in draw.sample(words.adverbials, steps)]
        # Every step has at least one frame, in order.
        step_of = sorted([*range(steps), *(draw.randrange(steps) for _ in range(frames - steps))])
        mentioned = {name: draw.random() < share for name, share in (("behind", 0.7), ("light", 0.5), ("camera", 0.5))}
        bystander = draw.choice(words.bystanders) if draw.random() < 0.4 else ""
        joins = draw.randrange(1, frames)
        camera = draw.choice(words.cameras)
        details = {
            "behind": f"{capital(self._background)} can be seen in the background.",
            "light": f"The light is {self._light}.",
            "camera": f"The camera {camera}.",
        }
        captions = [self._frame(actions[step], adverbials[step]) for step in step_of]
        for name in (name for name, there in mentioned.items() if there):
            shown = {draw.randrange(frames), draw.randrange(frames)}
            captions = [f"{caption} {details[name]}" if at in shown else caption for at, caption in enumerate(captions)]
        if bystander:
            stands = f"{capital(bystander)} can be seen nearby."
            captions = [
                f"{caption} {stands}" if at in (joins, frames - 1) else caption for at, caption in enumerate(captions)
            ]
        summary = self._summary(
            [(present, way) for (present, _), way in zip(actions, adverbials, strict=True)], mentioned
        )
        summary += f" {capital(bystander)} can be seen nearby." if bystander else ""
        return captions, summary + (f" The camera {camera}." if mentioned["camera"] else "")

    def _frame(self, action: tuple[str, str], way: str) -> str:
        present, progressive = action
        who, place = self._subject, self._place
        upper, way = capital(who), f" {way}" if way else ""
        return self._draw.choice(
            (
                f"{upper} is {progressive}{way} in {place}.",
                f"{upper} {present}{way}. The setting is {place}.",
                f"In {place}, {who} is {progressive}{way}.",
                f"The image shows {who} {progressive}{way} in {place}.",
                f"{upper} in {place}, {progressive}{way}.",
            )
        )

    def _summary(self, steps: list[tuple[str, str]], mentioned: dict[str, bool]) -> str:
        first, *others = (" ".join(part for part in step if part) for step in steps)
        upper = capital(self._subject)
        text = f"{upper} {first} in {self._place}"
        text += f", with {self._background} in the background" if mentioned["behind"] else ""
        text += f", in {self._light} light" if mentioned["light"] else ""
        later = [f"then {step}" for step in others]
        return f"{text}. The {self._noun} {' and '.join(later)}." if later else f"{text}."


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return f"{text[0].upper()}{text[1:]}"


def article(word: str) -> str:
    """`an` or `a`, by the first letter."""
    return "an" if word[0] in "aeiou" else "a"


def main() -> None:
    """Print a few pairs of both vocabularies."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    for words in (TRAINING, HELD_OUT):
        for pair in synthetic_pairs(count, words, seed=1):
            print(pair.sample_id, *pair.captions, f"-> {pair.summary}", "", sep="\n")


if __name__ == "__main__":
    main()
