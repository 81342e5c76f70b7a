"""The six kinds of clip that CogVideoX excluded from its training data, as questions that a person can answer.

CogVideoX (2408.06072, section on data) trained a filter for each on 20 000 labelled videos. The names are theirs; the
definitions and questions are ours.

    just teach --presets
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A class to teach: the paper's name for it, its definition, and the question to ask the annotator."""

    title: str
    definition: str
    question: str


PRESETS: Mapping[str, Preset] = {
    "editing": Preset(
        title="editing",
        definition="worked over after the camera: effects, filters, split screens, stickers, picture in picture",
        question="Has somebody laid effects, frames or other images over what the camera saw?",
    ),
    "no_motion_connectivity": Preset(
        title="no motion connectivity",
        definition="pictures that follow each other without a movement that joins them: slideshows, strings of photos",
        question="Does the image jump or fade from one still image to another, with no movement between?",
    ),
    "low_quality": Preset(
        title="low quality",
        definition="badly shot: blurred, far too dark or bright, blocky, or shaken until nothing can be made out",
        question="Is it so blurred, dark, blocky or shaky that you would not want a model to imitate it?",
    ),
    "lecture": Preset(
        title="lecture style",
        definition="mostly one person who goes on talking and hardly moves: lessons, interviews, streams",
        question="Is it mainly somebody talking to the camera or an audience, with little else going on?",
    ),
    "text_dominated": Preset(
        title="text dominated",
        definition="what one looks at is text: slides, credits, title cards, large captions",
        question="Is text the main thing in the image?",
    ),
    "noisy_screenshot": Preset(
        title="noisy screenshot",
        definition="a screen rather than the world: recordings of a phone or computer, or one filmed by a camera",
        question="Does it show the screen of a phone, a computer or a game?",
    ),
}


def rule_of(name: str) -> str:
    """The rule that filters a class out."""
    return f"{name} < 0.5"
