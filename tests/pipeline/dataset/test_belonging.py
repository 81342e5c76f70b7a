"""A dataset belongs to its bucket: another is refused, a move confirmed, and vanished sources are named and counted.

python -m pytest tests/pipeline/dataset/test_belonging.py
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.curate import Curation
from pipeline.dataset.belonging import canonical_bucket, check_bucket, check_vanished, find_vanished
from pipeline.dataset.folder import Dataset
from pipeline.engine.cluster import Cluster
from pipeline.stage import Row
from schemas.config import IngestConfig, RunConfig
from schemas.dataset_files import LEDGER_FILE
from schemas.errors import InputError

KEYS = [f"{number:02}.mp4" for number in range(20)]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("s3://footage/raw", "s3://footage/raw/"),
        ("s3://footage/raw", "s3://key:secret@footage/raw"),
        ("https://host/raw", "https://host/raw?X-Amz-Signature=abc"),
        ("https://host/raw", "HTTPS://host/raw/"),
        ("footage", "./footage/"),
        ("footage", "elsewhere/../footage"),
        ("/footage", "file:///footage"),
    ],
)
def test_two_names_of_one_bucket_are_equal(first: str, other: str) -> None:
    assert canonical_bucket(first) == canonical_bucket(other)


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("s3://footage/raw", "s3://footage/raw2"),
        ("s3://footage/raw", "gs://footage/raw"),
        ("s3://footage/Raw", "s3://footage/raw"),
        ("a?b", "a?c"),
    ],
)
def test_two_buckets_are_told_apart(first: str, other: str) -> None:
    assert canonical_bucket(first) != canonical_bucket(other)


def test_a_link_is_the_folder_that_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "footage").mkdir()
    (tmp_path / "link").symlink_to("footage")
    assert canonical_bucket(str(tmp_path / "link")) == str(tmp_path / "footage")


@given(
    st.from_regex(r"[A-Za-z0-9._~-]{1,8}:[A-Za-z0-9._~%+-]{1,20}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9=&%-]{1,20}", fullmatch=True),
)
def test_no_user_password_or_query_is_in_it_and_it_is_its_own_name(user: str, query: str) -> None:
    canonical = canonical_bucket(f"s3://{user}@footage/raw?X-Amz-Signature={query}")
    assert canonical == "s3://footage/raw"
    assert canonical_bucket(canonical) == canonical


def _dataset(folder: Path, bucket: str) -> Dataset:
    """A dataset of 20 sources, of which the first shipped two samples; its ledger is one of an earlier version."""
    dataset = Dataset(str(folder))
    dataset.write_record({"bucket": bucket, "inputs": {"samples": 2}})
    rows = [_row("video", f"id {key}", key, "shipped" if key == KEYS[0] else "failed") for key in KEYS]
    rows += [_row("sample", f"sample {number}", KEYS[0], "shipped") for number in range(2)]
    pq.write_table(pa.Table.from_pylist(rows), folder / LEDGER_FILE)
    return dataset


def _row(kind: str, key: str, source: str, state: str, reason: str | None = None) -> Row:
    return {
        "kind": kind,
        "id": key,
        "source": source,
        "state": state,
        "stage": "pack",
        "reason": reason,
        "attempts": 1,
    }


def test_another_bucket_is_refused_with_both_names_and_the_fix(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path, "s3://key:secret@footage/raw")
    check_bucket(dataset, "s3://footage/raw/")
    check_bucket(dataset, "s3://elsewhere/raw", {"bucket-moved"})
    with pytest.raises(InputError) as refused:
        check_bucket(dataset, "s3://elsewhere/raw")
    for words in ("s3://footage/raw", "s3://elsewhere/raw", "2 samples", "--out", "--bucket-moved"):
        assert words in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_folder_without_a_finished_run_belongs_to_nobody(tmp_path: Path) -> None:
    check_bucket(Dataset(str(tmp_path / "new")), "s3://footage/raw")
    assert find_vanished(Dataset(str(tmp_path / "new")), []) == []


def test_sources_that_vanished_keep_their_id_and_say_what_became_of_their_samples(tmp_path: Path) -> None:
    vanished = find_vanished(_dataset(tmp_path, "b"), KEYS[2:])
    assert [(row["id"], row["source"]) for row in vanished] == [(f"id {key}", key) for key in KEYS[:2]]
    assert vanished[0]["reason"] == "listed by an earlier run and not by this one; its 2 samples left the shards"
    assert vanished[1]["reason"] == "listed by an earlier run and not by this one; it was failed before"


def test_few_may_vanish_and_more_need_a_confirmation(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path, "b")
    assert len(check_vanished(dataset, KEYS[2:], IngestConfig())) == 2
    with pytest.raises(InputError) as refused:
        check_vanished(dataset, KEYS[9:], IngestConfig(exclude=["0*"]))
    for words in ("9 sources", "00.mp4, 01.mp4, 02.mp4, 03.mp4, 04.mp4 and 4 more", "0.45", "max_vanished_share = 0.1"):
        assert words in str(refused.value)
    assert "ingest.exclude = ['0*'] leave some out" in str(refused.value)
    assert "--confirm-vanished" in str(refused.value)
    assert len(check_vanished(dataset, KEYS[9:], IngestConfig(), {"vanished"})) == 9
    assert len(check_vanished(dataset, KEYS[9:], IngestConfig(max_vanished_share=0.5))) == 9


def test_what_vanished_before_is_kept_with_its_reason_and_not_counted_again(tmp_path: Path) -> None:
    dataset = _dataset(tmp_path, "b")
    rows = [_row("video", f"id {key}", key, "vanished", "long ago") for key in KEYS[:10]]
    rows += [_row("video", f"id {key}", key, "shipped") for key in KEYS[10:]]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / LEDGER_FILE)
    vanished = check_vanished(dataset, [*KEYS[10:], KEYS[3]], IngestConfig())
    assert [row["source"] for row in vanished] == [*KEYS[:3], *KEYS[4:10]]
    assert {row["reason"] for row in vanished} == {"long ago"}


def test_a_run_checks_both_before_it_does_anything(tmp_path: Path) -> None:
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "19.txt").write_text("words")
    dataset = _dataset(tmp_path / "mine", str(tmp_path / "mine"))
    with pytest.raises(InputError, match="--bucket-moved"):
        Curation(str(tmp_path / "other"), dataset, RunConfig(), Cluster())
    with pytest.raises(InputError, match="--confirm-vanished"):
        Curation(str(tmp_path / "other"), dataset, RunConfig(), Cluster(), confirmed={"bucket-moved"})
    run = Curation(str(tmp_path / "other"), dataset, RunConfig(), Cluster(), confirmed={"bucket-moved", "vanished"})
    assert len(run.vanished) == 20
    assert run.bucket == str(tmp_path / "other")


@pytest.mark.parametrize(
    ("bucket", "out"), [("films", "films/datasets/films"), ("films", "films"), (".", "datasets/x")]
)
def test_a_dataset_in_its_own_bucket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bucket: str, out: str
) -> None:
    """The next listing would find its shards: `just curate .` typed among the films."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"would be inside its own bucket .* choose an --out outside"):
        check_bucket(Dataset(out), bucket, {"bucket-moved"})


def test_a_dataset_beside_its_bucket_is_not_in_it(tmp_path: Path) -> None:
    check_bucket(Dataset(str(tmp_path / "films-2")), str(tmp_path / "films"))
