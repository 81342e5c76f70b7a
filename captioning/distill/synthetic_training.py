"""Synthetic training pairs: notes in which every kind of fact may be missing, and a rule-based teacher that copies.

A student that always sees the same facts learns a template instead of reading, and invents where the notes lack a fact.
So each kind of fact is in a third to a half of the clips and phrased in several ways, and three words in ten are
invented or in unusual combinations. The teacher copies what is new, in the words and the order of the notes, each
thing once, with the subject named by its noun after the first time. The test clips are those of `synthetic_pairs`,
which are simpler and use other words.

    python -m captioning.distill.synthetic_training        # print a few
"""

import random
import sys

from captioning.distill.pairs import Pair
from captioning.distill.synthetic_pairs import CLIPS_PER_SOURCE, MOST, MOST_WORDS, article, capital
from captioning.distill.synthetic_words import OBJECTS, PREPOSITIONS, TRAINING, WEATHERS, plural
from captioning.joining import join
from captioning.words import content_words

COINED = 0.3  # share of invented words, which can only be copied
ONSETS = (*"bdfgklmnprstvz", "br", "dr", "gl", "kr", "pl", "sk", "tr")
ENDINGS = ("ot", "ik", "um", "az", "ov")
SHARES = {"behind": 0.5, "light": 0.45, "camera": 0.45, "bystander": 0.4, "weather": 0.35, "object": 0.35}
TEMPLATES = {
    "behind": ("{0} can be seen in the background.", "The background shows {1}.", "In the background are {1}."),
    "light": ("The light is {1}.", "The scene is in {1} light.", "{0} light falls on it."),
    "camera": ("The camera {1}.", "The camera slowly {1}.", "Meanwhile the camera {1}."),
    "bystander": ("{0} can be seen nearby.", "Nearby there is {1}.", "{0} can be seen at the side."),
    "weather": ("It is {1}.", "The weather is {1}."),
    "object": ("{0} can be seen.", "There is {1}.", "{0} lies in front."),
}


def synthetic_training_pairs(count: int, seed: int) -> list[Pair]:
    """`count` pairs, three clips per source; the same seed gives the same pairs."""
    draw = random.Random(seed)  # noqa: S311
    pairs: list[Pair] = []
    while len(pairs) < count:
        source = f"lesson-{seed}-{len(pairs) // CLIPS_PER_SOURCE:04d}"
        scene = _Scene(draw)
        for clip in range(min(CLIPS_PER_SOURCE, count - len(pairs))):
            pairs.append(scene.clip(f"{source}-{clip}", source))
    return pairs


def coin(draw: random.Random) -> str:
    """An invented word of two or three syllables."""
    syllables = (draw.choice(ONSETS) + draw.choice("aeiou") for _ in range(draw.randint(1, 2)))
    return "".join(syllables) + draw.choice("bdgklmnprtvz") + draw.choice(ENDINGS)


class _Scene:
    """What all clips of one source share: subject (one in five plural) and place (none for one source in three)."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        noun = self._word(TRAINING.nouns)
        described = " ".join([*(self._word(TRAINING.adjectives) for _ in range(draw.choice((0, 1, 1, 1, 2)))), noun])
        self._many = draw.random() < 0.2
        if self._many:
            self._subject = f"{draw.choice(('two', 'three', 'five', 'several'))} {plural(described)}"
        else:
            self._subject = f"{article(described)} {described}"
        self._noun = plural(noun) if self._many else noun
        self._place = draw.choice((self._thing(), *draw.sample(TRAINING.places, 3))) if draw.random() < 0.65 else ""

    def clip(self, sample_id: str, source: str) -> Pair:
        """A clip whose summary keeps the length limit and is grounded in the joined notes; drawn again until it is."""
        while True:
            captions, summary = self._tell()
            before, after = sum(len(caption.split()) for caption in captions), len(summary.split())
            noted = set(content_words(join(captions)))
            if after <= MOST * before and before + after <= MOST_WORDS and noted.issuperset(content_words(summary)):
                return Pair(sample_id=sample_id, source=source, captions=tuple(captions), summary=summary)

    def _tell(self) -> tuple[list[str], str]:
        draw = self._draw
        frames = draw.choice((3, 3, 4, 4, 5, 5, 6, 7))
        steps = draw.randint(1, min(3, frames))
        actions = [self._action() for _ in range(steps)]
        adverbials = [self._way() if draw.random() < 0.55 else "" for _ in range(steps)]
        step_of = sorted([*range(steps), *(draw.randrange(steps) for _ in range(frames - steps))])
        shown: list[list[str]] = [[] for _ in range(frames)]
        for name in (name for name, share in SHARES.items() if draw.random() < share):
            sentence = self._detail(name)
            for at in {draw.randrange(frames), draw.randrange(frames)}:
                shown[at].append(sentence)
        captions: list[str] = []
        summary: list[str] = []
        for at, step in enumerate(step_of):
            caption, copied = self._frame(actions[step], adverbials[step], first=at == 0)
            captions.append(" ".join([caption, *shown[at]]))
            if at == 0 or step != step_of[at - 1]:
                summary.append(copied)
            summary += [sentence for sentence in shown[at] if sentence not in summary]
        return captions, " ".join(summary)

    def _frame(self, action: tuple[str, str], way: str, *, first: bool) -> tuple[str, str]:
        """A frame caption, and the sentence of the summary that copies it."""
        present, progressive = action
        who, location = self._subject, f" in {self._place}" if self._place else ""
        going = f"{'are' if self._many else 'is'} {progressive}{way}"
        forms = [
            (f"{who} {going}{location}.", going),
            (f"the image shows {who} {progressive}{way}{location}.", going),
            (f"{who}{location}, {progressive}{way}.", going),
            (f"{who} can be seen {progressive}{way}{location}.", going),
        ]
        if not self._many:
            setting = f" The setting is {self._place}." if self._place else ""
            forms += [(f"{who} {present}{way}.{setting}", f"{present}{way}")] * 2
        if self._place:
            forms.append((f"in {self._place}, {who} {going}.", going))
        caption, does = self._draw.choice(forms)
        return capital(caption), f"{capital(who)} {does}{location}." if first else f"Then the {self._noun} {does}."

    def _detail(self, name: str) -> str:
        draw = self._draw
        detail = {
            "behind": lambda: draw.choice(
                (*TRAINING.backgrounds, plural(self._described()), plural(self._described()))
            ),
            "light": lambda: self._word((*TRAINING.lights, *TRAINING.adjectives)),
            "camera": lambda: draw.choice(
                (*TRAINING.cameras, f"{self._action()[0]} {self._word(('up', 'on', 'back'))}")
            ),
            "bystander": lambda: draw.choice((*TRAINING.bystanders, *(self._thing() for _ in range(6)))),
            "weather": lambda: self._word(WEATHERS),
            "object": self._thing,
        }[name]()
        forms = TEMPLATES[name]
        return draw.choice((forms[0], *forms)).format(capital(detail), detail)

    def _word(self, words: tuple[str, ...]) -> str:
        return coin(self._draw) if self._draw.random() < COINED else self._draw.choice(words)

    def _described(self) -> str:
        return f"{self._word(TRAINING.adjectives)} {self._word(OBJECTS)}"

    def _thing(self) -> str:
        described = self._described()
        return f"{article(described)} {described}"

    def _action(self) -> tuple[str, str]:
        if self._draw.random() < COINED:
            stem = coin(self._draw)
            return f"{stem}s", f"{stem}ing"
        return self._draw.choice(TRAINING.actions)

    def _way(self) -> str:
        phrases = [f"{preposition} {self._thing()}" for preposition in PREPOSITIONS]
        return f" {self._draw.choice((*TRAINING.adverbials, *phrases))}"


def main() -> None:
    """Print a few pairs."""
    for pair in synthetic_training_pairs(int(sys.argv[1]) if len(sys.argv) > 1 else 5, seed=1):
        print(pair.sample_id, *pair.captions, f"-> {pair.summary}", "", sep="\n")


if __name__ == "__main__":
    main()
