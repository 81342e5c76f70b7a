"""Caption choice: shares and dropout over many samples, the same wherever it is made, and never a missing one.

python -m pytest tests/training/data/test_captions.py
"""

from collections import Counter

from training.data.captions import CaptionChoice

CAPTIONS = {"short": "a", "medium": "b", "dense": "c"}


def test_captions_come_in_their_shares_and_some_are_dropped() -> None:
    choice = CaptionChoice({"short": 1.0, "medium": 0.0, "dense": 3.0}, dropout=0.1, seed=0)
    counts = Counter(choice.choose(CAPTIONS, f"sample-{number}", 0) for number in range(8000))
    assert abs(counts[""] / 8000 - 0.1) < 0.02  # 0.0034 is one standard deviation
    assert abs(counts["a"] / (counts["a"] + counts["c"]) - 0.25) < 0.03
    assert counts["b"] == 0


def test_the_choice_hangs_on_seed_epoch_and_sample_alone() -> None:
    def choices(seed: int, epoch: int) -> list[str]:
        choice = CaptionChoice({"short": 0.3, "dense": 0.7}, 0.1, seed)
        return [choice.choose(CAPTIONS, f"sample-{number}", epoch) for number in range(100)]

    assert choices(0, 0) == choices(0, 0)
    assert choices(0, 0) != choices(0, 1)
    assert choices(0, 0) != choices(1, 0)


def test_an_empty_caption_is_replaced_by_the_longest_that_is_there() -> None:
    choice = CaptionChoice({"short": 1.0}, 0.0, 0)
    assert choice.choose({"short": "", "medium": "bb", "dense": "ccc"}, "s", 0) == "ccc"
    assert choice.choose({"dense": "ccc"}, "s", 0) == "ccc"
    assert choice.choose({}, "s", 0) == ""
