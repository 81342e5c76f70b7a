"""The plan: what all of a bucket will be and cost, from the sample's dataset, the records of its runs and the listing.

    plan = forecast(Evidence(...), seed=0)
    plan.totals["clips"], plan.cpu["split"], plan.notes

A plan is plain data: `as_json(plan)` is what `just plan --json` writes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.planning.sources import Columns
from pipeline.planning.stages import amount_of, fit
from pipeline.planning.strata import Stratum
from pipeline.planning.totals import Estimate, estimate
from schemas.config import PackConfig, RunConfig

_DISK = {"shards": "shipped bytes", "stills": "stills", "embeddings": "stills", "labels": "stills", "videos": "files"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a plan is made from. `columns` and `short` are in the order of the strata's drawn sources.

    `short`: whether a source was in the first, short run. `disk`: bytes in the sample's dataset by top folder.
    `gpus`: GPUs of one worker by stage.
    """

    sizes: Sequence[int]
    strata: Sequence[Stratum]
    columns: Columns
    short: Sequence[bool]
    short_record: Mapping[str, Any]
    record: Mapping[str, Any]
    disk: Mapping[str, int]
    gpus: Mapping[str, int]
    config: RunConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Estimates by name. CPU and GPU in seconds by stage, fixed part included; disk and egress in bytes."""

    objects: int
    bytes: int
    sampled: int
    totals: Mapping[str, Estimate]
    buckets: Mapping[str, Mapping[str, Estimate]]
    cpu: Mapping[str, Estimate]
    gpu: Mapping[str, Estimate]
    calls: Mapping[str, Mapping[str, Estimate]]
    egress: Mapping[str, Estimate]
    disk: Mapping[str, Estimate]
    fixed: Mapping[str, float]
    notes: Sequence[str]


def forecast(evidence: Evidence, seed: int) -> Plan:
    """The plan of the whole bucket."""
    columns, config = evidence.columns, evidence.config
    costs = fit(evidence.short_record["stages"], evidence.record["stages"], _amounts(evidence))
    stages = evidence.record["stages"]
    derived = dict(columns)
    for name, cost in costs.items():
        amount = columns[amount_of(name, stages)]
        derived[f"cpu {name}"] = _shared(cost.work, amount)
        derived[f"busy {name}"] = _shared(cost.busy_work, amount)
    derived["cpu"] = _sum(derived, [f"cpu {name}" for name in costs], len(evidence.short))
    models = _models(evidence)
    for name, used in models.items():
        derived.update(
            {f"{name} {key}": _shared(value, columns[amount_of(name, stages)]) for key, value in used.items()}
        )
    for folder, size in evidence.disk.items():
        derived[f"disk {folder}"] = _shared(size, columns[_DISK.get(folder, "clips")])
    derived["disk"] = _sum(derived, [f"disk {folder}" for folder in evidence.disk], len(evidence.short))
    sizes = [evidence.sizes[index] for stratum in evidence.strata for index in stratum.drawn]
    derived["egress ingest"] = [float(size) for size in sizes]
    all_of_it = estimate(evidence.strata, evidence.sizes, derived, seed)
    fixed = {name: cost.fixed for name, cost in costs.items()}
    return Plan(
        objects=len(evidence.sizes),
        bytes=sum(evidence.sizes),
        sampled=len(sizes),
        totals={name: all_of_it[name] for name in columns if not name.startswith(("samples in", "bytes in"))},
        buckets=_buckets(all_of_it, config.pack),
        cpu={name: all_of_it[f"cpu {name}"].plus(cost.fixed) for name, cost in costs.items()}
        | {"all": all_of_it["cpu"].plus(sum(fixed.values()))},
        gpu={
            name: _times(all_of_it[f"busy {name}"].plus(cost.busy_fixed), evidence.gpus[name])
            for name, cost in costs.items()
            if evidence.gpus.get(name)
        },
        calls={name: {key: all_of_it[f"{name} {key}"] for key in used} for name, used in models.items()},
        egress={
            "ingest": all_of_it["egress ingest"],
            "split": all_of_it["usable bytes"],
            "pack": all_of_it["read by pack"],
        },
        disk={folder: all_of_it[f"disk {folder}"] for folder in evidence.disk} | {"all": all_of_it["disk"]},
        fixed=fixed,
        notes=_notes(evidence),
    )


def machines(plan: Plan, seconds: float) -> dict[str, int]:
    """Cores and GPUs that end within `seconds` if they are kept busy, by the upper ends of the intervals."""
    cores = math.ceil(plan.cpu["all"].high / seconds)
    return {"cores": cores, "gpus": math.ceil(sum(each.high for each in plan.gpu.values()) / seconds)}


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON has it: {value, low, high, by} for every estimate."""
    return asdict(plan)


def _amounts(evidence: Evidence) -> dict[str, tuple[float, float]]:
    return {
        name: (
            sum(value for value, early in zip(column, evidence.short, strict=True) if early),
            sum(value for value, early in zip(column, evidence.short, strict=True) if not early),
        )
        for name, column in evidence.columns.items()
    }


def _shared(total: float, amount: Sequence[float]) -> list[float]:
    """A total shared among the sources in proportion to an amount; evenly if none has any."""
    whole = sum(amount)
    return [total * value / whole if whole else total / len(amount) for value in amount]


def _sum(columns: Mapping[str, Sequence[float]], names: Sequence[str], rows: int) -> list[float]:
    return [sum(columns[name][row] for name in names) for row in range(rows)]


def _times(estimated: Estimate, factor: float) -> Estimate:
    return Estimate(estimated.value * factor, estimated.low * factor, estimated.high * factor, estimated.by)


def _models(evidence: Evidence) -> dict[str, dict[str, float]]:
    """Requests, tokens and cost of the sample by stage, of both runs together."""
    used: dict[str, dict[str, float]] = {}
    for record in (evidence.short_record, evidence.record):
        for name, counters in record["models"].items():
            sums = used.setdefault(name, {})
            for key, value in counters.items():
                sums[key] = sums.get(key, 0.0) + value
    return used


def _buckets(all_of_it: Mapping[str, Estimate], pack: PackConfig) -> dict[str, dict[str, Estimate]]:
    """Samples, bytes and shards by bucket. A shard is full by its samples or by its bytes; each split has its own."""
    names = [name.removeprefix("samples in ") for name in all_of_it if name.startswith("samples in ")]
    buckets = {}
    for name in names:
        samples, size = all_of_it[f"samples in {name}"], all_of_it[f"bytes in {name}"]
        value, low, high = (
            _shards(getattr(samples, end), getattr(size, end), pack) for end in ("value", "low", "high")
        )
        buckets[name] = {"samples": samples, "bytes": size, "shards": Estimate(value, low, high, samples.by)}
    return buckets


def _shards(samples: float, size: float, pack: PackConfig) -> int:
    count = 0
    for share in (1 - pack.validation_share, pack.validation_share):
        if share * samples > 0:
            full = max(share * samples / pack.samples_per_shard, share * size / (pack.max_shard_megabytes * 1e6))
            count += math.ceil(full)
    return count


def _notes(evidence: Evidence) -> list[str]:
    notes = ["CPU and GPU hours are rough, and from a small sample too high: what a process loads counts as work."]
    if any(len(stratum.drawn) < len(stratum.members) for stratum in evidence.strata):
        notes.append(
            "Near-duplicates and identical files are found only among the sources of the sample: the whole bucket has "
            "a larger share of them, so clips kept, samples and captions are rather fewer than estimated."
        )
        if any(" in " in rule for rule in evidence.config.select.rules):
            notes.append("Rules of a percentile were applied to the sample's clips alone.")
    else:
        notes.append("The sample is the whole bucket: counts are exact; times are those of this machine.")
    if not sum(evidence.columns["samples"]):
        notes.append("No sample of these sources ships; `--keep` keeps the dataset, and `just ledger` lists why.")
    cached = sum(used.get("cached_replies", 0) for used in _models(evidence).values())
    if cached:
        notes.append(f"{cached:.0f} replies of models came from the cache: requests and prices are of what was sent.")
    return notes
