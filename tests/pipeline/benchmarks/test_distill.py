"""The benchmark's table, for texts with known numbers."""

from captioning.distill.synthetic_pairs import synthetic_pairs
from captioning.distill.synthetic_words import HELD_OUT
from pipeline.benchmarks.distill import HEADINGS, rows_of


def test_the_teacher_is_short_and_invents_nothing_and_silence_covers_nothing() -> None:
    pairs = synthetic_pairs(9, HELD_OUT, seed=1)
    rows = rows_of({"teacher": [pair.summary for pair in pairs], "silent": [""] * len(pairs)}, pairs)
    assert [len(row) for row in rows] == [len(HEADINGS)] * 2
    teacher, silent = (dict(zip(HEADINGS, row, strict=True)) for row in rows)
    assert float(teacher["length (95 %)"].split()[0]) <= 0.6
    assert teacher["support (95 %)"] == "1.00 (1.00-1.00)"
    assert teacher["invented (95 %)"] == "0.00 (0.00-0.00)"
    assert silent["coverage (95 %)"] == "0.00 (0.00-0.00)"
