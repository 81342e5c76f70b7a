"""Running rows: results are matched by key, a row's failure is its own, and only transient errors are retried.

python -m pytest tests/pipeline/test_stage.py
"""

import errno
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stage import Outcome, Result, Row, Stage, run_rows
from schemas.errors import DatasetError, MediaError, StageError


class OneByOne:
    """A row stage whose behaviour is a function."""

    def __init__(self, work: Callable[[Row], Result]) -> None:
        self.process = work


class Together:
    """A batch stage whose behaviour is a function; counts its calls."""

    def __init__(self, work: Callable[[Sequence[Row]], Iterable[Result]]) -> None:
        self._work = work
        self.calls = 0

    def process_batch(self, rows: Sequence[Row]) -> Iterable[Result]:
        self.calls += 1
        return self._work(rows)


def _double(row: Row) -> Result:
    return Result(key=row["id"], values={"double": 2 * row["number"]})


def _rows(*numbers: int) -> list[Row]:
    return [{"id": f"row {number}", "number": number} for number in numbers]


def _run(stage: Stage, rows: Sequence[Row], attempts: int = 3) -> list[Outcome]:
    return run_rows(stage, rows, "id", attempts)


@pytest.fixture(autouse=True)
def naps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("pipeline.stage.time.sleep", taken.append)
    return taken


@given(st.lists(st.integers(), unique=True).flatmap(lambda keys: st.tuples(st.just(keys), st.permutations(keys))))
def test_results_in_any_order_land_on_their_own_rows(case: tuple[list[int], list[int]]) -> None:
    numbers, order = case
    stage = Together(lambda rows: (_double(row) for row in sorted(rows, key=lambda row: order.index(row["number"]))))
    outcomes = _run(stage, _rows(*numbers))
    assert [outcome.result.values for outcome in outcomes] == [{"double": 2 * number} for number in numbers]
    assert all((outcome.attempts, outcome.expected) == (1, True) for outcome in outcomes)


def _refuse(number: int, error: Exception) -> Callable[[Sequence[Row]], Iterable[Result]]:
    def work(rows: Sequence[Row]) -> Iterable[Result]:
        for row in reversed(rows):
            if row["number"] == number:
                raise error
            yield _double(row)

    return work


@pytest.mark.parametrize(
    ("error", "text", "expected"),
    [(MediaError("no picture"), "no picture", True), (KeyError("surprise"), "KeyError: 'surprise'", False)],
)
def test_one_bad_row_in_a_batch_costs_only_itself(error: Exception, text: str, expected: bool) -> None:
    outcomes = _run(Together(_refuse(2, error)), _rows(1, 2, 3))
    assert [outcome.result.values for outcome in outcomes] == [{"double": 2}, None, {"double": 6}]
    assert (outcomes[1].result.key, outcomes[1].result.error) == ("row 2", text)
    assert outcomes[1].expected == expected


def test_a_row_stage_fails_row_by_row() -> None:
    def work(row: Row) -> Result:
        if row["number"] == 2:
            raise MediaError("no picture")
        return _double(row)

    outcomes = _run(OneByOne(work), _rows(1, 2, 3))
    assert [outcome.result.error for outcome in outcomes] == [None, "no picture", None]


class _Flaky:
    """Fails a number of times before it works."""

    def __init__(self, error: Exception, times: int) -> None:
        self._error = error
        self.left = times

    def __call__(self, row: Row) -> Result:
        if self.left:
            self.left -= 1
            raise self._error
        return _double(row)


PASSING = [ConnectionError("reset"), TimeoutError("slow"), OSError(errno.EIO, "input/output error")]
LASTING = [FileNotFoundError("gone"), PermissionError("no"), ValueError("bug"), MediaError("no picture")]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_errors_that_may_pass_are_tried_again(error: Exception, naps: list[float]) -> None:
    (outcome,) = _run(OneByOne(_Flaky(error, 2)), _rows(4))
    assert (outcome.result.values, outcome.attempts) == ({"double": 8}, 3)
    assert naps == sorted(naps)
    assert len(naps) == 2


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_tries_end_with_the_error_and_their_number(error: Exception) -> None:
    (outcome,) = _run(OneByOne(_Flaky(error, 99)), _rows(4), attempts=2)
    assert (outcome.attempts, outcome.expected) == (2, False)
    assert str(outcome.result.error).startswith(f"{type(error).__name__}: ")


@pytest.mark.parametrize("error", LASTING, ids=repr)
def test_errors_that_last_are_not_tried_again(error: Exception, naps: list[float]) -> None:
    work = _Flaky(error, 99)
    (outcome,) = _run(OneByOne(work), _rows(4))
    assert (outcome.attempts, work.left, naps) == (1, 98, [])
    assert outcome.expected == isinstance(error, MediaError)


def test_a_batch_that_may_pass_is_tried_again_row_by_row() -> None:
    def work(rows: Sequence[Row]) -> Iterable[Result]:
        if stage.calls < 3:
            raise ConnectionError("reset")
        return [_double(row) for row in rows]

    stage = Together(work)
    outcomes = _run(stage, _rows(1, 2))
    assert [outcome.result.error for outcome in outcomes] == [None, None]
    assert [outcome.attempts for outcome in outcomes] == [2, 1]


@pytest.mark.parametrize("error", [DatasetError("disk full"), StageError("no model")], ids=repr)
@pytest.mark.parametrize("batch", [True, False])
def test_what_ends_a_run_ends_it(error: Exception, batch: bool) -> None:
    stage: Stage = Together(_refuse(2, error)) if batch else OneByOne(_Flaky(error, 1))
    with pytest.raises(type(error), match=str(error)):
        _run(stage, _rows(1, 2))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("batch", [True, False])
def test_a_full_temporary_folder_ends_the_run_and_is_named(number: int, batch: bool, naps: list[float]) -> None:
    error = OSError(number, "No space left on device")
    stage: Stage = Together(_refuse(2, error)) if batch else OneByOne(_Flaky(error, 9))
    with pytest.raises(DatasetError, match=r"the temporary folder /\S+ is full: .* set TMPDIR"):
        _run(stage, _rows(1, 2))
    assert naps == []


@pytest.mark.parametrize(
    "answers", [[("row 9", 9)], [("row 1", 1), ("row 1", 1)]], ids=["a row that was not asked", "the same row twice"]
)
def test_an_answer_that_fits_no_row_stops_the_stage(answers: list[tuple[str, int]]) -> None:
    stage = Together(lambda rows: [Result(key=key, values={"double": number}) for key, number in answers])
    with pytest.raises(StageError, match=f"returned '{answers[-1][0]}'"):
        _run(stage, _rows(1, 2))


@pytest.mark.parametrize("numbers", [(1, 2, 3), (2,)])
def test_a_row_without_a_result_fails(numbers: tuple[int, ...]) -> None:
    stage = Together(lambda rows: [_double(row) for row in rows if row["number"] != 2])
    outcomes = {outcome.result.key: outcome for outcome in _run(stage, _rows(*numbers))}
    assert outcomes["row 2"].result.error == "the stage gave no result for this row"
    assert not outcomes["row 2"].expected
    assert all(outcome.result.error is None for key, outcome in outcomes.items() if key != "row 2")


def test_a_long_error_becomes_one_short_line() -> None:
    (outcome,) = _run(OneByOne(_Flaky(ValueError("first\nsecond " * 500), 1)), _rows(1))
    assert "\n" not in str(outcome.result.error)
    assert len(str(outcome.result.error)) < 600
