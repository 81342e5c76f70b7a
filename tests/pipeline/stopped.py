"""Code that is stopped at any of its calls of one of the store's methods, as a kill would stop it.

for moment in range(100):
    if not stopped(monkeypatch, "writing", moment, lambda: gather(dataset)):
        break
"""

from collections.abc import Callable
from typing import Any

import pytest

from pipeline.storage.store import Store


def stopped(monkeypatch: pytest.MonkeyPatch, method: str, moment: int, work: Callable[[], object]) -> bool:
    """Stop `work` at its call number `moment` (from 0) of a method of `Store`; whether it came so far."""
    plain, calls = getattr(Store, method), 0

    def stops(store: Store, key: str) -> Any:
        nonlocal calls
        calls += 1
        if calls > moment:
            raise KeyboardInterrupt
        return plain(store, key)

    with monkeypatch.context() as patch:
        patch.setattr(Store, method, stops)
        try:
            work()
        except KeyboardInterrupt:
            return True
        return False
