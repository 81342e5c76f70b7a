"""The attack list names tests that exist: a list of claims that nothing holds is worth nothing.

python -m pytest tests/test_security_docs.py
"""

import re
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def test_every_test_that_the_attack_list_names_exists() -> None:
    text = (_ROOT / "docs/security.md").read_text()
    tests = {path.name: path.read_text() for path in (_ROOT / "tests").rglob("test_*.py")}
    names, files = set(re.findall(r"::(test_\w+)", text)), set(re.findall(r"\b(test_\w+\.py)", text))
    assert len(names) > 15
    assert files <= set(tests)
    defined = {name for source in tests.values() for name in re.findall(r"^def (test_\w+)", source, re.MULTILINE)}
    assert names <= defined


def test_every_limit_and_its_default_stand_in_the_list() -> None:
    from schemas.limits import Limits

    text = (_ROOT / "docs/security.md").read_text()
    for name, value in Limits().model_dump().items():
        assert re.search(rf"\| `{name}` \| {value:,.0f}\b", text), name
