"""What all tests share: property tests without deadline (a shared machine may stall) or database, and one Ray."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from pipeline.engine.cluster import Cluster

# The same examples in every run: a check that fails here fails everywhere.
settings.register_profile("house", deadline=None, database=None, derandomize=True)
settings.load_profile("house")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One Ray for all tests of a session: starting it costs more than most of them."""
    with Cluster() as started:
        yield started
