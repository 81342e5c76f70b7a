"""The record of a run names the cutroom that wrote it, beside the packages that decide results.

python -m pytest tests/pipeline/engine/test_record.py
"""

from pipeline.engine.record import make_record
from schemas.config import RunConfig
from schemas.version import VERSION


def test_the_record_names_the_version_that_pip_and_the_command_name() -> None:
    record = make_record("bucket", RunConfig(), {}, {"videos": 0}, 0.0)
    assert record["versions"]["cutroom"] == VERSION
    assert record["versions"]["pyarrow"]
