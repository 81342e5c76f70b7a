"""Plants known faults in synthetic captions, each on rows of its own, so that their detection can be counted.

    just bench quality

A swap is planted only between sources whose frame captions share less than half their content words: between clips of
the same content it could not be detected even in principle.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from captioning.quality.records import CaptionRecord
from captioning.words import content_words
from pipeline.benchmarks.planted.scenes import Scene, Speaker, make_scenes, record_of, sentence
from pipeline.benchmarks.planted.vocabulary import Vocabulary, vocabulary

# Openings that are in none of our lists; the first three for tuning, the others for the reported numbers.
OPENINGS = {
    "tuning": (
        "What unfolds before the viewer is that",
        "Rendered with loving detail,",
        "A tranquil moment unfurls, where",
    ),
    "held out": (
        "Our attention is drawn at once to how",
        "Bathed in quiet poetry,",
        "With great charm one observes that",
    ),
}
LISTED = ("The video shows that", "In this clip, we can see how", "This image depicts how")
CHECK_OF = {
    "swapped": "swapped",
    "repeated": "repeated",
    "truncated": "truncated",
    "truncated, closed": "truncated",
    "event dropped": "dropped_event",
    "object invented": "invented",
    "boilerplate, unlisted": "boilerplate",
    "boilerplate, listed": "boilerplate",
}
"""Fault -> the check that should detect it."""
DIFFERENT = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedSample:
    """A record, its scene, and the fault planted in it: empty for none, `donor`: not counted."""

    record: CaptionRecord
    scene: Scene
    fault: str = ""


def make_rows(half: str, count: int, seed: int, *, per_fault: int) -> list[PlantedSample]:
    """`count` synthetic clips of one half of the vocabulary, `per_fault` per fault; 3 of 100 legitimately repeat."""
    random_ = random.Random(f"{half} {seed}")  # noqa: S311
    words, speaker = vocabulary(half), Speaker(half, random_)
    rows: list[PlantedSample] = []
    for index, (source, scene) in enumerate(make_scenes(words, count, random_)):
        record, described = record_of(f"clip-{index:05d}", source, scene, speaker)
        rows.append(PlantedSample(record=record, scene=described))
    _repeat_honestly(rows)
    return plant(rows, half, words, speaker, random_, per_fault)


def plant(
    rows: Sequence[PlantedSample],
    half: str,
    words: Vocabulary,
    speaker: Speaker,
    random_: random.Random,
    per_fault: int,
) -> list[PlantedSample]:
    """Plant every fault in randomly drawn rows, at most one per row."""
    planted = list(rows)
    order = random_.sample(range(len(rows)), len(rows))
    planters: dict[str, Callable[[PlantedSample], str]] = {
        "truncated": lambda sample: cut(sample.record.dense, random_),
        "truncated, closed": lambda sample: f"{cut(sample.record.dense, random_)}.",
        "event dropped": lambda sample: speaker.summary(
            sample.scene, left_out=random_.randrange(len(sample.scene.actions))
        ),
        "object invented": lambda sample: invent(sample, words, random_),
        "boilerplate, unlisted": lambda sample: open_with(random_.choice(OPENINGS[half]), sample.record.dense),
        "boilerplate, listed": lambda sample: open_with(random_.choice(LISTED), sample.record.dense),
    }
    for name, change in planters.items():
        for index in _draw(order, per_fault):
            planted[index] = _with(planted[index], name, change(planted[index]))
    donors = _draw(order, 3)
    for number, index in enumerate(_draw(order, per_fault)):
        planted[index] = _with(planted[index], "repeated", planted[donors[number % 3]].record.dense)
    for index in donors:
        planted[index] = replace(planted[index], fault="donor")
    swapped = _draw(order, per_fault)
    captions = exchange([planted[index] for index in swapped])
    for index, dense in zip(swapped, captions, strict=True):
        if dense:
            planted[index] = _with(planted[index], "swapped", dense)
    return planted


def exchange(rows: Sequence[PlantedSample]) -> list[str]:
    """For each row the caption of a row with different content, each used once; empty if none is left."""
    partners = _partners([sample.record for sample in rows])
    return ["" if partner is None else rows[partner].record.dense for partner in partners]


def swap_frames(
    records: Sequence[CaptionRecord], count: int, random_: random.Random
) -> tuple[list[CaptionRecord], frozenset[str]]:
    """Give `count` clips the frame captions (and the captions made from them) of others; also returns their ids.

    Images, labels and vectors are unchanged, so that only they reveal the swap.
    """
    indices = random_.sample(range(len(records)), count)
    chosen = [records[index] for index in indices]
    swapped, ids = list(records), set()
    for index, record, partner in zip(indices, chosen, _partners(chosen), strict=True):
        if partner is not None:
            texts = [frame.text for frame in chosen[partner].frames]
            frames = (replace(frame, text=texts[min(at, len(texts) - 1)]) for at, frame in enumerate(record.frames))
            swapped[index] = replace(record, frames=tuple(frames), dense=chosen[partner].dense)
            ids.add(record.sample_id)
    return swapped, frozenset(ids)


def qualifying(records: Sequence[CaptionRecord], random_: random.Random, tries: int = 2000) -> float:
    """Share of pairs of clips of two sources with different content, so that a swap could be detected."""
    pairs = [random_.sample(range(len(records)), 2) for _ in range(tries)]
    apart = [(first, second) for first, second in pairs if records[first].source != records[second].source]
    return sum(differ(records[first], records[second]) for first, second in apart) / max(1, len(apart))


def _partners(records: Sequence[CaptionRecord]) -> list[int | None]:
    free = list(range(len(records)))
    partners: list[int | None] = []
    for record in records:
        partner = next((index for index in reversed(free) if differ(record, records[index])), None)
        if partner is not None:
            free.remove(partner)
        partners.append(partner)
    return partners


def differ(left: CaptionRecord, right: CaptionRecord) -> bool:
    """Whether two clips differ in content: different sources, and less than half of their frames' words shared."""
    first, second = (content_words(" ".join(frame.text for frame in record.frames)).keys() for record in (left, right))
    return left.source != right.source and len(first & second) < DIFFERENT * len(first | second)


def cut(text: str, random_: random.Random) -> str:
    """Truncate after 25 to 75 percent of the words, never at the end of a sentence."""
    tokens = text.split()
    kept = tokens[: max(3, round(random_.uniform(0.25, 0.75) * len(tokens)))]
    return " ".join(kept).rstrip(".,;")


def invent(sample: PlantedSample, words: Vocabulary, random_: random.Random) -> str:
    """Add an invented object: as a separate sentence, or as a phrase in an existing one."""
    mentioned = content_words(" ".join(frame.text for frame in sample.record.frames)).keys()
    thing = random_.choice([pair[0] for pair in words.things if content_words(pair[0]).keys().isdisjoint(mentioned)])
    dense = sample.record.dense.rstrip()
    if random_.random() < 0.5:
        phrase = random_.choice(("leans against the wall", "glints in the background", "stands by the side"))
        return f"{dense} {sentence(f'a {thing} {phrase}.')}"
    first, _, rest = dense.partition(".")
    return f"{first}, beside {sentence(f'a {thing}').replace('A', 'a', 1)}.{rest}"


def open_with(opening: str, dense: str) -> str:
    """Prepend an opening to a caption."""
    return f"{opening} {dense[0].lower()}{dense[1:]}"


def _repeat_honestly(rows: list[PlantedSample]) -> None:
    """Every 33rd clip shows the same as the previous one, with the same caption: two halves of one shot."""
    for index in range(32, len(rows), 33):
        before = rows[index - 1]
        record = replace(before.record, sample_id=rows[index].record.sample_id)
        rows[index] = PlantedSample(record=record, scene=before.scene)


def _draw(order: list[int], count: int) -> list[int]:
    return [order.pop() for _ in range(count)]


def _with(sample: PlantedSample, fault: str, dense: str) -> PlantedSample:
    return replace(sample, record=replace(sample.record, dense=dense), fault=fault)
