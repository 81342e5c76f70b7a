"""The four numbers of a summary, by hand."""

from captioning.distill.measure import SummaryScores, cut_words, interval, score_summary

CAPTIONS = ("A brown dog runs.", "The brown dog jumps over a log.")


def test_marks_by_hand() -> None:
    scores = score_summary(CAPTIONS, "A brown dog runs past a cat.")
    # Told: brown, dog, run, jump, over, log; said: brown, dog, run, past, cat.
    assert scores == SummaryScores(length=7 / 11, coverage=3 / 6, support=3 / 5, invented=2.0)


def test_nothing_said_is_worth_nothing() -> None:
    assert score_summary(CAPTIONS, "") == SummaryScores(length=0.0, coverage=0.0, support=0.0, invented=0.0)


def test_cut_keeps_the_share() -> None:
    assert cut_words(CAPTIONS, "one two three four five six seven", 0.6) == "one two three four five six"
    assert cut_words(CAPTIONS, "one two", 0.6) == "one two"


def test_intervals_hold_their_mean_and_follow_the_sources() -> None:
    marks = [SummaryScores(0.5, index / 10, 1.0, 0.0) for index in range(10)]
    apart = interval(marks, [str(index) for index in range(10)])
    assert apart["length"] == (0.5, 0.5, 0.5)
    mean, low, high = apart["coverage"]
    assert mean == sum(range(10)) / 100
    assert low < mean < high
    _, wider_low, wider_high = interval(marks, [str(index // 5) for index in range(10)])["coverage"]
    assert wider_high - wider_low > high - low
