"""Synthetic scenes and captions as a vision model might write them: seeded, varied, and similar within a source.

A source has a subject, a setting and a light; its clips have two to four actions and one or two objects. Each still is
described independently: it shows one action, omits details, and one word in six is replaced by a synonym. So the
captions of a clip vary as a model's do, clips of a source are similar, and sources may share subjects or settings.

    python -m pipeline.benchmarks.planted.scenes          # print some
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from captioning.joining import join
from captioning.quality.records import CaptionRecord, FrameCaption
from captioning.words import word_set
from pipeline.benchmarks.planted.vocabulary import CAMERAS, MEASURED, Kind, Pair, Vocabulary, vocabulary

CLIPS_PER_SOURCE = 4
# How often a synonym is used, in a frame caption and in a clip caption; and how often a detail is omitted.
OTHERWISE_IN_FRAMES, OTHERWISE_IN_CLIPS, LEFT_OUT = 0.16, 0.2, 0.35
JOINED = 0.3
_PLACES = ("stands nearby", "can be seen behind", "stands to one side", "is close by", "fills the corner")
_PAST_FORMS = {"lie": "lying", "tie": "tying", "die": "dying"}
_DOUBLED = word_set(
    "chop cut hit dig skip snap pin tap strum drum stir trim hop grab wrap knot swim jog rub flap lap drop sip "
    "clip trot stop tug"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The content of one clip."""

    kind: Kind
    subject: Pair
    look: str
    setting: Pair
    actions: tuple[Pair, ...]
    things: tuple[Pair, ...]
    light: str
    style: str
    camera: int


class Speaker:
    """Turns scenes into sentences; `half` also selects the sentence templates, so that those are held out too."""

    def __init__(self, half: str, random_: random.Random) -> None:
        self._half = half
        self._random = random_

    def frame(self, scene: Scene, action: Pair, otherwise: float = OTHERWISE_IN_FRAMES) -> str:
        """The caption of a still that shows one of the scene's actions."""
        subject, setting = self.subject(scene, otherwise), f"a {self.say(scene.setting, otherwise)}"
        verb = self.say(action, otherwise)
        thing = f"a {self.say(self._random.choice(scene.things), otherwise)}"
        who = "who" if scene.kind.worn else "that"
        shapes = {
            "tuning": (
                f"{subject} {third(verb)} in {setting}.",
                f"In {setting}, {subject} is {ing(verb)}.",
                f"{subject} {ing(verb)}, with {thing} behind.",
                f"There is {subject} {who} {third(verb)}; around it lies {setting}.",
                f"{subject} is seen {ing(verb)} next to {thing}. The place is {setting}.",
            ),
            "held out": (
                f"{setting} where {subject} {third(verb)}.",
                f"{subject}, {ing(verb)} inside {setting}, is near {thing}.",
                f"{thing} stands in {setting}. {subject} {third(verb)} in front of it.",
                f"Close view of {subject} {ing(verb)} in {setting}.",
                f"{subject} {third(verb)} while {thing} stands by.",
            ),
        }[self._half]
        sentences = [self._random.choice(shapes)]
        if self._kept():
            sentences.append(f"{thing} {self._random.choice(_PLACES)}.")
        if self._kept():
            sentences.append(
                f"The scene lies in {scene.light}." if self._half == "tuning" else f"{scene.light} fills it."
            )
        if scene.style and self._kept():
            sentences.append(f"It has a {scene.style}.")
        return " ".join(map(sentence, sentences))

    def summary(self, scene: Scene, otherwise: float = OTHERWISE_IN_CLIPS, left_out: int | None = None) -> str:
        """The caption of the clip in the order of its actions; `left_out` is the index of an omitted action."""
        subject, setting = self.subject(scene, otherwise), f"a {self.say(scene.setting, otherwise)}"
        kept = [action for place_, action in enumerate(scene.actions) if place_ != left_out]
        acts = [third(self.say(action, otherwise)) for action in kept]
        he = "The figure" if scene.kind.worn else "It"
        if self._half == "tuning":
            links = ("then", "and finally", "before it")
            flowing = acts[0] + "".join(f", {links[at % 2]} {act}" for at, act in enumerate(acts[1:]))
            sentences = [
                self._random.choice((f"{subject} {flowing} in {setting}.", f"In {setting}, {subject} {flowing}."))
            ]
        else:
            sentences = [f"{subject} {acts[0]} in {setting}."]
            sentences += [
                f"{self._random.choice(('After that', 'Next', 'Then'))} {he.lower()} {act}." for act in acts[1:]
            ]
        for thing in scene.things:
            if self._random.random() < 0.8:
                sentences.append(f"a {self.say(thing, otherwise)} {self._random.choice(_PLACES)}.")
        if scene.light and self._kept():
            sentences.append(
                f"{scene.light} lies over everything." if self._half == "tuning" else f"The light is {scene.light}."
            )
        if self._kept():
            sentences.append(f"{CAMERAS_SAID[scene.camera]}.")
        return " ".join(map(sentence, sentences))

    def clip(self, scene: Scene, frames: Sequence[str]) -> str:
        """The caption of a clip: mostly a summary, else its joined frame captions, as when a model's summary fails."""
        return join(frames) if self._random.random() < JOINED else self.summary(scene)

    def subject(self, scene: Scene, otherwise: float) -> str:
        """`a man in a red jacket`, `a brown dog`, with or without its look."""
        name = self.say(scene.subject, otherwise)
        if not scene.look or not self._kept():
            return f"a {name}"
        worn = "" if scene.look.endswith(("s", "overalls")) else "a "
        return f"a {name} in {worn}{scene.look}" if scene.kind.worn else f"a {scene.look} {name}"

    def say(self, pair: Pair, otherwise: float) -> str:
        """The first word, or sometimes its synonym."""
        return pair[1] if self._random.random() < otherwise else pair[0]

    def _kept(self) -> bool:
        return self._random.random() >= LEFT_OUT


CAMERAS_SAID = [" ".join(sentence.split()) for sentence in CAMERAS.split(";")]


def make_scenes(words: Vocabulary, count: int, random_: random.Random) -> list[tuple[str, Scene]]:
    """`count` scenes with their source's name, four clips per source."""
    scenes: list[tuple[str, Scene]] = []
    while len(scenes) < count:
        kind = random_.choices(words.kinds, (5, 3, 2))[0]
        base = Scene(
            kind=kind,
            subject=random_.choice(kind.subjects),
            look=random_.choice(kind.looks),
            setting=random_.choice(words.settings),
            actions=(),
            things=(),
            light=random_.choice(words.lights),
            style=random_.choice((*words.styles, *[""] * 12)),
            camera=random_.randrange(len(CAMERAS_SAID)),
        )
        for _ in range(min(CLIPS_PER_SOURCE, count - len(scenes))):
            actions = tuple(random_.sample(kind.actions, random_.choice((2, 2, 3, 3, 4))))
            things = tuple(random_.sample(words.things, random_.choice((1, 2, 2))))
            scene = replace(base, actions=actions, things=things, camera=random_.randrange(len(CAMERAS_SAID)))
            scenes.append((f"source-{len(scenes) // CLIPS_PER_SOURCE:04d}.mp4", scene))
    return scenes


def record_of(key: str, source: str, scene: Scene, speaker: Speaker) -> tuple[CaptionRecord, Scene]:
    """The record of a scene with its summary, and the scene reduced to what the stills' captions mention."""
    frames = tuple(
        FrameCaption(still_id=f"{key}-s{index:03d}", time=float(index * 2), text=speaker.frame(scene, action))
        for index, action in enumerate(scene.actions)
    )
    text = " ".join(frame.text for frame in frames)
    things = tuple(thing for thing in scene.things if any(f" {name} " in f" {text} " for name in thing))
    light, look = scene.light if scene.light[1:] in text else "", scene.look if scene.look in text else ""
    scene = replace(scene, things=things, light=light, look=look)
    record = CaptionRecord(
        sample_id=key,
        source=source,
        bucket="480x272x49@8",
        duration=2.0 * len(scene.actions),
        dense=speaker.clip(scene, [frame.text for frame in frames]),
        frames=frames,
        camera=MEASURED[scene.camera],
        motion=6.0,
        camera_motion=4.0,
        subject_motion=3.0,
    )
    return record, scene


def sentence(text: str) -> str:
    """With a capital letter, and `an` before vowels."""
    text = re.sub(r"\b([Aa]) (?=[aeiouAEIOU])", r"\1n ", text)
    return text[0].upper() + text[1:]


def third(phrase: str) -> str:
    """`lift a crate` -> `lifts a crate`."""
    verb, _, rest = phrase.partition(" ")
    if re.search(r"(?:[sxz]|ch|sh)$", verb):
        verb += "es"
    elif re.search(r"[^aeiou]y$", verb):
        verb = f"{verb[:-1]}ies"
    else:
        verb += "s"
    return f"{verb} {rest}"


def ing(phrase: str) -> str:
    """`cut a rope` -> `cutting a rope`."""
    verb, _, rest = phrase.partition(" ")
    if verb in _PAST_FORMS:
        verb = _PAST_FORMS[verb]
    elif verb.endswith("e") and not verb.endswith(("ee", "oe", "ye")):
        verb = f"{verb[:-1]}ing"
    else:
        verb = f"{verb}{verb[-1] if verb in _DOUBLED else ''}ing"
    return f"{verb} {rest}"


def main() -> None:
    """Print a few synthetic clips of each half."""
    for half in ("tuning", "held out"):
        random_ = random.Random(1)  # noqa: S311
        speaker = Speaker(half, random_)
        for source, scene in make_scenes(vocabulary(half), 5, random_):
            record, _ = record_of("clip", source, scene, speaker)
            print(record.source, *(f"\n  - {frame.text}" for frame in record.frames), f"\n  = {record.dense}")


if __name__ == "__main__":
    main()
