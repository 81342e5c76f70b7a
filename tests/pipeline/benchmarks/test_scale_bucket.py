"""The rows of `just bench scale bucket`: each stream is held against its slowest stage, and the run against all.

python -m pytest tests/pipeline/benchmarks/test_scale_bucket.py
"""

from typing import Any

from pipeline.benchmarks.scale_bucket import rows_of


def stage(seconds: float, busy: float, workers: int) -> dict[str, Any]:
    return {"seconds": seconds, "busy_seconds": busy, "workers": workers}


def test_streams_are_held_against_their_slowest_stage_and_captions_against_the_endpoint() -> None:
    stages = {
        "ingest": stage(2.0, 2.0, 2), "split": stage(9.0, 16.0, 2), "embed": stage(10.0, 2.0, 2),
        "score text_area": stage(10.0, 1.0, 2), "caption": stage(30.0, 90.0, 2), "summarise": stage(20.0, 0.0, 2),
        "encode": stage(29.0, 12.0, 2), "pack": stage(1.0, 1.0, 1),
    }  # fmt: skip
    assert rows_of(stages, 50.0, asked=25.0) == [
        ("ingest", "2.0", "ingest", "1.0", "1.0", "2.00"),
        ("split to score", "10.0", "split", "8.0", "9.5", "1.25"),
        ("caption to encode", "30.0", "caption", "25.0", "31.0", "1.20"),
        ("the run", "50.0", "caption", "25.0", "41.5", "2.00"),
    ]
