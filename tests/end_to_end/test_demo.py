"""The demo bucket, curated with the real models: its promises, clips inside their shots, and a model trained on it."""

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.commands.plan_runs import plan_bucket
from pipeline.curate import Curation
from pipeline.dataset.folder import Dataset
from pipeline.dataset.verify import verify
from pipeline.demo.build import build_demo_bucket
from pipeline.demo.editing import truth
from pipeline.demo.videos import REAL, VIDEOS
from pipeline.engine.cluster import Cluster
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.history import History
from pipeline.stage import Row
from schemas.caption_tables import CAPTIONS
from schemas.config import RunConfig
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.load import load_config
from schemas.outcome_tables import KINDS, LEDGER, SAMPLES, STATES
from tests.end_to_end import readers
from tests.end_to_end.readme import shown_caption, shown_funnel, shown_shards, shown_verification
from training.loop.prepare import prepare
from training.loop.stage_samples import sample_stage
from training.parallel import World, share_cores
from training.recipes import load_training

ROOT = Path(__file__).resolve().parents[2]
# Slides of one template: what changes between them is no shot to either detector.
NOT_SHOTS = {"generated/rendered/lecture-slides.mp4"}
PLAN_SEED = 2  # of 200 seeds, the half like this one is within 20 % in every count; the median error is 11 %


def run(bucket: Path, folder: Path, config: RunConfig, cluster: Cluster) -> dict[str, Any]:
    return Curation(str(bucket), Dataset(str(folder)), config, cluster).run()


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_demo_keeps_its_promises(tmp_path: Path, cluster: Cluster) -> None:
    bucket = tmp_path / "bucket"
    build_demo_bucket(bucket)
    config = load_config()
    record = run(bucket, tmp_path / "set", config, cluster)
    dataset = Dataset(str(tmp_path / "set"))
    assert verify(dataset) == []
    samples = dataset.read_table(INDEX, SAMPLES).to_pylist()
    sources: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        sources[sample["split"]].add(sample["video_id"])
    assert len(samples) >= 40
    assert len({sample["bucket"] for sample in samples}) >= 3
    assert len(sources["val"]) >= 3
    ledger = dataset.read_table(LEDGER_FILE, LEDGER).to_pylist()
    states = {row["source"]: row["state"] for row in ledger if row["kind"] == "video"}
    assert {states[key] for key in states if key.startswith("broken/") or key == "README.txt"} == {"failed"}
    assert states["generated/again/animals-and-cups-small.mp4"] == "duplicate"
    assert states["generated/camera-moves/textures.mp4"] == "duplicate"  # the copy comes first in key order
    _the_readme_shows_this_run(History(dataset), ledger, samples)
    _clips_lie_inside_shots(History(dataset), {row["id"]: row["source"] for row in ledger})
    assert record["stages"]["split"]["counters"]["videos_decoded"] == record["stages"]["split"]["rows"] - 10
    assert run(bucket, tmp_path / "set", config, cluster)["computed_rows"] == 0
    _neighbours_open_it(tmp_path / "set", samples, tmp_path / "cache")
    _it_is_compacted_by_the_command(tmp_path / "set")
    _a_plan_from_a_third_of_it_holds(bucket, dataset, record, tmp_path / "sample", cluster)
    _a_model_learns_from_it(tmp_path / "set", tmp_path / "run")


def _it_is_compacted_by_the_command(folder: Path) -> None:
    """All shards are as a first run packs them already; the command checks that, and the card and the index files."""
    before = {file: file.read_bytes() for file in [*sorted(folder.rglob("*.tar*")), folder / "README.md"]}
    command = [sys.executable, "-m", "cutroom", "compact", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert "verified: " in done.stdout
    assert {file: file.read_bytes() for file in before} == before


def _a_plan_from_a_third_of_it_holds(
    bucket: Path, dataset: Dataset, record: Mapping[str, Any], folder: Path, cluster: Cluster
) -> None:
    """Within 25 % of the whole run, for counts, hours, tokens and disk (CPU time is rough: docs/plan.md)."""
    objects = record["stages"]["ingest"]["rows"]
    plan = plan_bucket(str(bucket), load_config(), folder, cluster, sample=objects // 3, seed=PLAN_SEED, restart=False)
    assert plan.sampled <= 0.4 * objects
    samples = [row for row in dataset.read_table(INDEX, SAMPLES).to_pylist() if row["status"] == "ok"]
    counted = {
        "clips": record["inputs"]["clips"],
        "stills": record["inputs"]["stills"],
        "samples": len(samples),
        "caption tokens": sum(row["tokens"] for row in samples),
        "shipped seconds": sum(row["end_time"] - row["start_time"] for row in samples if row["fps"]),
    }
    for name, count in counted.items():
        assert plan.totals[name].value == pytest.approx(count, rel=0.25), name
    disk = sum(file.size for file in dataset.store.list() if not file.key.startswith("."))
    assert plan.disk["all"].value == pytest.approx(disk, rel=0.25)


def _the_readme_shows_this_run(history: History, ledger: Sequence[Row], samples: Sequence[Row]) -> None:
    counts = Counter((row["kind"], row["state"]) for row in ledger)
    by_kind = {f"{kind}s": [counts[kind, state] for state in STATES] for kind in KINDS}
    assert {kind: [sum(row), *row] for kind, row in by_kind.items()} == shown_funnel()
    packed = [row for row in samples if row["status"] == "ok"]
    shards = len({row["shard"] for row in packed})
    assert shown_verification().startswith(f"verified: {len(packed)} samples in {shards} shards ")
    for (bucket, split), numbers in shown_shards().items():
        here = [row for row in packed if (row["bucket"], row["split"]) == (bucket, split)]
        counted = [{row[name] for row in here} for name in ("sample_id", "video_id", "shard")]
        assert [len(clip_ids) for clip_ids in counted] == numbers, f"{bucket} {split}"
    key, tokens, text = shown_caption()
    said = history.parts("captions", "summarise", CAPTIONS).to_pylist()
    captions = {row["sample_id"]: row for row in said}
    assert (captions[key]["tokens"], captions[key]["dense"]) == (tokens, text)


def _neighbours_open_it(folder: Path, samples: list[dict[str, Any]], cache: Path) -> None:
    """Every sample and every table, in every reader; the types of the first sample are those of all."""
    shipped = {sample["sample_id"]: sample for sample in samples if sample["status"] == "ok"}
    assert set(readers.read_with_webdataset(folder)) == set(shipped)
    rows = readers.rows_of_parts(folder)
    assert {"videos", "clips", "stills", "captions", "scores"} <= {name.split("/")[0] for name in rows}
    for read in (
        readers.read_with_pyarrow,
        readers.read_with_pandas,
        readers.read_with_polars,
        readers.read_with_duckdb,
    ):
        assert read(folder) == rows
    counts = readers.read_with_datasets(folder, cache)
    assert {name: counts[name] for name in rows} == rows
    assert counts["video_samples"] + counts.get("image_samples", 0) == len(shipped)
    assert len(list(readers.read_mixed_with_datasets(folder))) == len(shipped)
    for split in ("train", "val"):
        ids = {key for key, sample in shipped.items() if sample["split"] == split}
        assert len(readers.read_with_energon(folder, split)) == len(ids)
    readers.lint_with_energon(folder)


def _a_model_learns_from_it(dataset: Path, folder: Path) -> None:
    """The first stage of `just train demo`, half as long: its held-out loss is below the best linear predictor's."""
    given = load_training(changes=["stages.64.steps=120", "sampling.steps=4", "loggers=[]"])
    config = given.model_copy(update={"stages": given.stages[:1]})
    world = World(0, 1, torch.device("cpu"))
    share_cores(world, config.data.workers)
    prepared = prepare(config, str(dataset), folder, world)
    prepared.run.train(lambda report: None, lambda stage: sample_stage(prepared, stage))
    validation, linear = prepared.run.last_validation, prepared.linear_baseline(config.stages[0])
    assert validation is not None
    assert linear is not None
    assert validation.loss < linear.loss
    assert (folder / "samples" / "64" / "sheet.png").exists()


def _clips_lie_inside_shots(history: History, source_of: dict[str, str]) -> None:
    films = {film.key: film for film in (*VIDEOS, *REAL.values()) if film.key not in NOT_SHOTS}
    checked = 0
    for clip in history.parts("clips", "split", CLIPS).to_pylist():
        film = films.get(source_of[clip["clip_id"]])
        if film is None:
            continue
        checked += 1
        assert any(
            shot.clean_start <= clip["start_frame"] and clip["end_frame"] <= shot.clean_end for shot in truth(film)
        ), f"{film.key}: frames {clip['start_frame']} to {clip['end_frame']} hold more than one shot"
    assert checked >= 50
