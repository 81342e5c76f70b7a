"""What a caption adds to its frame captions is found; other forms and near words are not additions."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from captioning.quality.checks.support import phrases
from captioning.quality.sentence_model import SentenceModel
from tests.captioning.quality.clips import clip, run_check, why

FRAMES = ("A man in a red coat walks over a bridge.", "The man waves at a boat.")


def test_support_is_the_share_of_held_words() -> None:
    seen = run_check("support", [clip("A man walks over bridges with an umbrella.", *FRAMES)])
    assert seen["a"].value == 0.8  # man, walks, over, bridges; umbrella is not held


def unrelated(texts: Sequence[str]) -> NDArray[np.float32]:
    """An embedder to which every text means something else."""
    return np.array([np.random.default_rng(list(text.encode())).standard_normal(64) / 8 for text in texts], np.float32)


@pytest.mark.parametrize(
    ("text", "invented"),
    [
        ("A man walks over a bridge. A small dog follows him.", True),
        ("The man in the red coat waves at a boat from the bridge.", False),
        ("The camera pans left slowly over the scene as a man walks.", False),
    ],
)
def test_invented_things(text: str, invented: bool) -> None:
    assert bool(run_check("invented", [clip(text, *FRAMES)], embed=unrelated)["a"].why) == invented
    assert why("invented", text, *FRAMES) == "not judged"


def test_the_overview_counts_as_said() -> None:
    record = clip("A small dog follows a man.", *FRAMES, overview="A man is followed by a small dog.")
    assert not run_check("invented", [record], embed=unrelated)["a"].why


def test_near_words_with_the_embedder() -> None:
    frames = ("A boat lies in the harbour beside a teapot.",)
    known, new = (
        clip("A vessel lies beside a kettle.", *frames, key="told"),
        clip("A boat and a violin.", *frames, key="new"),
    )
    seen = run_check("invented", [known, new], embed=SentenceModel())
    assert (seen["told"].why, bool(seen["new"].why)) == ("", True)


def test_phrases() -> None:
    phrases_of_text = list(phrases("A red car passes the two old men, and it rains."))
    assert phrases_of_text == [["red", "car", "passes"], ["old", "men"]]
