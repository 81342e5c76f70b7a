"""`just explain`: finding the clip from its id or a prefix, and listing what each sample's caption is made from.

python -m pytest tests/pipeline/commands/test_explain.py
"""

import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.commands.explain import main
from pipeline.commands.explain_video import print_video
from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import Part
from pipeline.readers.finding import find_clip
from pipeline.readers.history import History
from pipeline.stage import Output, Row
from schemas.config import RunConfig, ScoreConfig
from schemas.contract import TableContract
from schemas.dataset_files import DUPLICATES_FILE, INDEX, LEDGER_FILE, SELECTION_FILE
from schemas.errors import InputError
from schemas.media_tables import DUPLICATES, SPLITS, STILLS
from schemas.outcome_tables import LEDGER, SAMPLES, SELECTION
from tests.pipeline.captioned_dataset import OK, filled, make_captioned_dataset

CLIPS = ["3f2a-0-2000", "3f2a-0-20000", "3f2a-2000-4000", "77aa-0-2000"]


@pytest.mark.parametrize(
    ("text", "clip_id"),
    [
        ("77", "77aa-0-2000"),
        ("3f2a-2", "3f2a-2000-4000"),
        ("3f2a-0-2000", "3f2a-0-2000"),
        ("3f2a-0-20000", "3f2a-0-20000"),
        ("3f2a-0-20000-64x64x17-8fps-1", "3f2a-0-20000"),
        ("3f2a-0-2000-s001", "3f2a-0-2000"),
    ],
)
def test_an_id_or_its_beginning_is_enough_if_it_fits_one(text: str, clip_id: str) -> None:
    assert find_clip(text, CLIPS) == clip_id


def test_a_beginning_that_fits_several_lists_them() -> None:
    with pytest.raises(InputError, match="3 clips begin with '3f2a': 3f2a-0-2000, 3f2a-0-20000, 3f2a-2000-4000"):
        find_clip("3f2a", CLIPS)


def test_an_unknown_clip_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no clip or video '77ab-0-2000' .* did you mean '77aa-0-2000'\?"):
        find_clip("77ab-0-2000", CLIPS)


LEDGER_ROWS: list[Row] = [
    {"kind": kind, "id": key, "parent": parent, "source": "harbour.mp4", "state": state, "stage": "split"}
    | {"reason": reason, "attempts": 1, "start_time": start, "end_time": end, "seconds": end - start}
    for kind, key, parent, state, reason, start, end in (
        ("video", "3f2a", None, "shipped", None, 0.0, 6.0),
        ("span", "3f2a-lost-0-1500", "3f2a", "empty", "shot shorter than split.min_seconds = 2", 0.0, 1.5),
        ("clip", "3f2a-1500-6000", "3f2a", "shipped", None, 1.5, 6.0),
        ("sample", "3f2a-1500-6000-s-0", "3f2a-1500-6000", "shipped", None, 1.5, 5.5),
        ("span", "3f2a-1500-6000-lost-5500-6000", "3f2a-1500-6000", "unbucketed", "rest of a clip", 5.5, 6.0),
    )
]


@pytest.mark.parametrize(("text", "matches"), [("harbour.mp4", True), ("3f2a", True), ("3f2a-1500-6000", False)])
def test_a_video_is_meant_by_its_key_or_its_id(text: str, matches: bool, tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    dataset.write_table(LEDGER_FILE, LEDGER, LEDGER.table(sorted(LEDGER_ROWS, key=lambda row: str(row["id"]))))
    found = History(dataset).of_video(text)
    assert bool(found) == matches
    if matches:
        assert [row["id"] for row in found["film"]] == ["3f2a"]
        assert sorted(row["id"] for row in found["within"]) == sorted(row["id"] for row in LEDGER_ROWS[1:])


def test_the_ids_that_a_beginning_can_mean_come_from_the_selection(tmp_path: Path) -> None:
    dataset = Dataset(str(tmp_path))
    rows = [{"clip_id": clip, "state": "kept"} for clip in CLIPS]
    dataset.write_table(SELECTION_FILE, SELECTION, filled(SELECTION, sorted(rows, key=lambda row: row["clip_id"])))
    history = History(dataset)
    assert history.clips_like("3f2a") == sorted(clip for clip in CLIPS if clip.startswith("3f2a"))
    assert history.clips_like("77aa-0-2000-s001") == ["77aa-0-2000"]
    assert history.clips_like("5'") == sorted(CLIPS)


def test_a_video_is_shown_from_its_first_second_to_its_last(capsys: pytest.CaptureFixture[str]) -> None:
    print_video(LEDGER_ROWS[0], LEDGER_ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert "6.00 s of video, 4.00 s of them in samples" in lines
    spans = [line.split()[:3] for line in lines if line[:1].isdigit() and "-" in line.split()[0]]
    assert [(span, float(seconds)) for span, seconds, _ in spans] == [
        ("0.00-1.50", 1.5),
        ("1.50-6.00", 4.5),
        ("1.50-5.50", 4.0),
        ("5.50-6.00", 0.5),
    ]
    assert any("shot shorter than split.min_seconds = 2" in line for line in lines)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """The captioned dataset with what `explain` reads besides."""
    dataset_ = make_captioned_dataset(tmp_path / "films")

    def write(folder: str, contract: TableContract, rows: list[dict[str, Any]]) -> None:
        output = Output(folder=folder, contract=contract, parent=contract.key)
        dataset_.write_part(output, "f", "part-0", filled(contract, rows))
        dataset_.append_plan(output.folder, "f", [Part("part-0", ((rows[0][contract.key], "i"),))])

    write("splits", SPLITS, [{"video_id": "v", **OK}])
    times = (("s0", 10.5), ("s1", 12.0), ("s2", 15.0), ("s3", 17.9))
    write("stills", STILLS, [
        {"still_id": still, "clip_id": "v-0-4000", "video_id": "v", "ordinal": index, "time": time}
        for index, (still, time) in enumerate(times)
    ])  # fmt: skip
    kept = [{"clip_id": "v-0-4000", "state": "kept", "bucket": "384x256x17@8"}]
    dataset_.write_table(SELECTION_FILE, SELECTION, filled(SELECTION, kept))
    dataset_.write_table(DUPLICATES_FILE, DUPLICATES, DUPLICATES.empty())
    packed = {"sample_id": "v-0-4000-b-0", "clip_id": "v-0-4000", "split": "train", "shard": "b/train-0.tar", **OK}
    dataset_.write_table(INDEX, SAMPLES, filled(SAMPLES, [packed]))
    config = RunConfig(score=ScoreConfig(scorers=[])).model_dump()
    dataset_.write_record({**dataset_.read_record(), "config": config})
    return dataset_


def test_each_sample_says_what_its_caption_is_made_of(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["explain", dataset.store.uri, "v-0-4000-b-1"])
    main()
    before, first, second = capsys.readouterr().out.split("\nsample ")
    assert before.startswith("clip v-0-4000\n")
    assert before.count("A wolf") == 3
    assert first.startswith("v-0-4000-b-0\n")
    assert "10.000 s to 14.000 s" in first
    assert "its stills at 10.50, 12.00 s" in first
    assert "A wolf stands, then turns." in first
    assert "b/train-0.tar" in first
    assert second.startswith("v-0-4000-b-1\n")
    assert "its stills at 15.00 s" in second
    assert "A wolf runs." in second
    assert "then turns" not in second
    assert "packed" not in second
