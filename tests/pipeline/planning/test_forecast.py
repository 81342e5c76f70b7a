"""A plan from made columns and records: shares of stages and folders, shards, prices, machines, notes."""

import json
from typing import Any

import numpy as np
import pytest

from pipeline.planning.forecast import Evidence, Plan, as_json, forecast, machines
from pipeline.planning.strata import draw
from schemas.config import PackConfig, RunConfig, SelectConfig

BUCKET = "256x160x17@8"
SOURCES, SAMPLE = 400, 80
NAMES = (
    "files", "unreadable", "identical", "pictures", "video seconds", "usable bytes", "split frames", "clips", "stills",
    "captioned stills", "planned samples", "samples", "shipped seconds", "shipped bytes", "caption tokens",
    "packed frames", "read by pack", f"samples in {BUCKET}", f"bytes in {BUCKET}",
)  # fmt: skip


def stage(cpu: float, **more: Any) -> dict[str, Any]:
    return {"cpu_seconds": cpu, "busy_seconds": cpu, "computed": 1, "workers": 1, **more}


def planned(count: int = SAMPLE, **changes: Any) -> Plan:
    """A bucket in which every megabyte is a clip, a sample of 10 kB and 30 tokens, and a CPU second of split."""
    sizes = [int(size) for size in np.random.default_rng(0).integers(1, 9, SOURCES) * 10**6]
    strata = draw([f"{index}.mp4" for index in range(SOURCES)], sizes, count, 0)
    drawn = [int(index) for each in strata for index in each.drawn]
    megabytes = [sizes[index] / 1e6 for index in drawn]
    columns = dict.fromkeys(NAMES, megabytes)
    columns |= {"files": [1.0] * len(drawn), "unreadable": [0.0] * len(drawn), "identical": [0.0] * len(drawn)}
    columns |= {
        "caption tokens": [30 * each for each in megabytes],
        f"bytes in {BUCKET}": [1e4 * each for each in megabytes],
    }
    sampled = sum(megabytes)
    record = {
        "stages": {"split": stage(sampled), "caption": stage(sampled / 2)},
        "models": {"caption": {"model_calls": 2 * sampled, "cost": sampled / 100}},
    }
    evidence: dict[str, Any] = {
        "sizes": sizes,
        "strata": strata,
        "columns": columns,
        "short": [False] * len(drawn),
        "short_record": {"stages": {}, "models": {}},
        "record": record,
        "disk": {"shards": int(sampled * 1e4), "stills": int(sampled * 1e5)},
        "gpus": {"caption": 2},
        "config": RunConfig(),
    }
    return forecast(Evidence(**(evidence | changes)), 0)


def test_what_grows_with_the_bytes_is_exact() -> None:
    plan = planned()
    megabytes = plan.bytes / 1e6
    for estimated, amount in (
        (plan.totals["clips"], 1.0), (plan.totals["caption tokens"], 30.0), (plan.cpu["split"], 1.0),
        (plan.cpu["all"], 1.5), (plan.gpu["caption"], 1.0), (plan.calls["caption"]["model_calls"], 2.0),
        (plan.calls["caption"]["cost"], 0.01), (plan.disk["all"], 1.1e5), (plan.egress["ingest"], 1e6),
    ):  # fmt: skip
        assert estimated.value == pytest.approx(amount * megabytes, rel=1e-6)
        assert estimated.high == pytest.approx(amount * megabytes, rel=1e-6)


def test_shards_are_counted_per_split_and_by_the_limit_that_comes_first() -> None:
    samples = planned().buckets[BUCKET]["samples"].value
    assert 1500 < samples < 2100
    config = RunConfig(pack=PackConfig(samples_per_shard=1000, validation_share=0.1))
    assert planned(config=config).buckets[BUCKET]["shards"].value == 2 + 1
    config = RunConfig(pack=PackConfig(max_shard_megabytes=1, validation_share=0))
    assert planned(config=config).buckets[BUCKET]["shards"].value == -(-samples * 1e4 // 1e6)


def test_machines_end_in_time_by_the_upper_end() -> None:
    plan = planned()
    wanted = machines(plan, 3600.0)
    assert wanted["cores"] - 1 < plan.cpu["all"].high / 3600 <= wanted["cores"]
    assert wanted["gpus"] - 1 < plan.gpu["caption"].high / 3600 <= wanted["gpus"]


def test_notes_say_what_a_sample_cannot_tell() -> None:
    percentiles = RunConfig(select=SelectConfig(rules=["motion in top 50%"]))
    notes = " ".join(planned(config=percentiles).notes)
    assert "Near-duplicates" in notes
    assert "percentile" in notes
    whole = planned(count=SOURCES)
    assert "exact" in " ".join(whole.notes)
    assert whole.totals["clips"].by == "exact"


def test_a_plan_is_json() -> None:
    plan = json.loads(json.dumps(as_json(planned())))
    assert set(plan["totals"]["clips"]) == {"value", "low", "high", "by"}
