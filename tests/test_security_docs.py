"""The attack list names tests that exist: a list of claims that nothing holds is worth nothing.

python -m pytest tests/test_security_docs.py
"""

import re
from pathlib import Path

_ROOT = Path(__file__).parent.parent


def test_every_test_that_the_attack_list_names_exists() -> None:
    text = (_ROOT / "docs/security.md").read_text()
    tests = list((_ROOT / "tests").rglob("test_*.py"))  # several folders have a file of the same name
    names, files = set(re.findall(r"::(test_\w+)", text)), set(re.findall(r"\b(test_\w+\.py)", text))
    assert len(names) > 15
    assert files <= {path.name for path in tests}
    defined = {name for path in tests for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)}
    assert names <= defined


def test_every_limit_and_its_default_stand_in_the_list() -> None:
    from schemas.limits import Limits

    text = (_ROOT / "docs/security.md").read_text()
    for name, value in Limits().model_dump().items():
        assert re.search(rf"\| `{name}` \| {value:,.0f}\b", text), name
