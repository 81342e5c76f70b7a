"""No sentence of the library that checks settings reaches a person, whatever kind of setting is wrong.

python -m pytest tests/schemas/test_in_our_words.py
"""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from schemas.config import RunConfig
from schemas.in_our_words import what_is_wrong
from training.config import TrainConfig

WRONG: tuple[Any, ...] = (-(10**9), 10**9, 1.5, "no such word", None, [], [None], {}, {"no": None}, float("nan"), True)


def _sections(section: type[BaseModel]) -> list[type[BaseModel]]:
    inner = [field.annotation for field in section.model_fields.values()]
    sections = [candidate for candidate in inner if isinstance(candidate, type) and issubclass(candidate, BaseModel)]
    return [section, *(deeper for part in sections for deeper in _sections(part))]


@pytest.mark.parametrize("root", [RunConfig, TrainConfig])
def test_no_field_answers_in_the_librarys_words(root: type[BaseModel]) -> None:
    messages: set[str] = set()
    for section in _sections(root):
        for name in section.model_fields:
            for value in WRONG:
                try:
                    section.model_validate({name: value})
                except ValidationError as error:
                    messages |= {words for _, _, _, words in what_is_wrong(error)}
    assert len(messages) > 10
    assert [
        words for words in messages if any(bad in words for bad in ("Input", "valid ", "pydantic", "instance"))
    ] == []
