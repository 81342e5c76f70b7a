"""The export itself: what is chosen, what is copied once, what goes, and what is refused.

python -m pytest tests/pipeline/readers/export/test_run.py
"""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.readers.export.clip import clip_of
from pipeline.readers.export.folder import LOG
from pipeline.readers.export.layouts import LAYOUTS
from pipeline.readers.export.run import Choice, Exported, export_clips
from pipeline.storage.store import Store
from schemas.errors import BucketError, ConfigError, DatasetError
from tests.pipeline.readers.export.made_dataset import FILMS, film, make_dataset

FIRST = next(iter(FILMS))


def _export(folder: Path, layout: str = "videos+txt", **choice: Any) -> Exported:
    dataset = make_dataset(folder / "dataset")
    return export_clips(dataset, folder / "out", LAYOUTS[layout], Choice(**choice), lambda _done, _failed: None)


def _files(folder: Path) -> dict[str, bytes]:
    """Everything that a trainer could read; the log and the lock are ours."""
    paths = (path for path in (folder / "out").rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.name not in (LOG, ".lock")}


# --- what is chosen --------------------------------------------------------------------------------------------------


def test_all_is_exported_and_the_second_run_copies_nothing(tmp_path: Path) -> None:
    first = _export(tmp_path)
    assert (first.copied, first.removed, len(first.clips)) == (len(FILMS), 0, len(FILMS))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.mp4")}
    second = _export(tmp_path)
    assert (second.copied, second.removed) == (0, 0)
    assert second.clips == first.clips
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.mp4")} == before


def test_a_bucket_a_split_and_a_caption_are_chosen(tmp_path: Path) -> None:
    result = _export(tmp_path, "prompts.txt", buckets=["160x96x17@8"], splits=("train",), caption="short")
    assert {clip.sample_id for clip in result.clips} == {key for key in FILMS if key.startswith("a-")}
    prompts = (tmp_path / "out/train/prompts.txt").read_text().splitlines()
    assert prompts == [f"short of {clip.sample_id}" for clip in result.clips]
    assert not (tmp_path / "out/val").exists()


def test_a_narrower_choice_removes_what_it_leaves_out(tmp_path: Path) -> None:
    _export(tmp_path)
    result = _export(tmp_path, buckets=["160x96x33@8"])
    assert (result.copied, result.removed) == (0, len(FILMS) - 1)
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.mp4")) == ["b-0-5000-160x96x33-8fps-0.mp4"]
    assert not (tmp_path / "out/val").exists()
    assert not list((tmp_path / "out").glob("*-val.*"))  # the settings of a split that is gone
    alone = tmp_path / "alone"
    _export(alone, buckets=["160x96x33@8"])
    assert {name: data for name, data in _files(tmp_path).items() if name.endswith((".mp4", ".txt"))} == {
        name: data for name, data in _files(alone).items() if name.endswith((".mp4", ".txt"))
    }


def test_another_caption_is_written_anew(tmp_path: Path) -> None:
    _export(tmp_path)
    result = _export(tmp_path, caption="short")
    assert result.copied == len(FILMS)
    assert (tmp_path / f"out/train/160x96x17-8fps/{FIRST}.txt").read_text() == f"short of {FIRST}\n"


def test_a_caption_that_changed_in_the_dataset_is_written_anew(tmp_path: Path) -> None:
    _export(tmp_path)
    changed = FILMS | {FIRST: (*FILMS[FIRST][:2], "A fox runs.")}
    dataset = make_dataset(tmp_path / "dataset", changed)
    result = export_clips(dataset, tmp_path / "out", LAYOUTS["videos+txt"], Choice(), lambda _done, _failed: None)
    assert result.copied == 1
    assert (tmp_path / f"out/train/160x96x17-8fps/{FIRST}.txt").read_text() == "A fox runs.\n"


def test_samples_without_that_caption_are_left_out_of_every_list(tmp_path: Path) -> None:
    result = _export(tmp_path, "prompts.txt", caption="medium")
    assert result.clips == []
    assert result.left_out["samples without a medium caption"] == 4
    assert result.left_out["images, which readers of prompts.txt cannot take"] == 1
    assert not list((tmp_path / "out").rglob("*.mp4"))


def test_what_no_sample_is_in_is_refused_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="160x96x49@8: no sample is in it"):
        _export(tmp_path, buckets=["160x96x49@8"])
    with pytest.raises(BucketError, match="WIDTHxHEIGHT"):
        _export(tmp_path, buckets=["160x96"])
    with pytest.raises(DatasetError, match="just ledger"):
        _export(tmp_path, buckets=["160x96x33@8"], splits=("val",))
    assert not (tmp_path / "out").exists()


# --- stopped and gone on ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
@pytest.mark.parametrize("writes", range(1, 9))
def test_a_stopped_export_goes_on_and_ends_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layout: str, writes: int
) -> None:
    """Stopped at every write in turn; lists are there only when all is."""
    made, count = Store.write, 0
    make_dataset(tmp_path / "dataset")

    def dying(self: Store, key: str, data: bytes) -> None:
        nonlocal count
        if self.uri.endswith("out"):
            count += 1
            if count == writes:
                raise KeyboardInterrupt
        made(self, key, data)

    monkeypatch.setattr(Store, "write", dying)
    with pytest.raises(KeyboardInterrupt):
        _export(tmp_path, layout)
    monkeypatch.setattr(Store, "write", made)
    if len(list((tmp_path / "out").rglob("*.mp4"))) < 4:
        names = ("prompts.txt", "videos.txt", "metadata.jsonl", "metadata.json", "finetrainers-train.json")
        assert not [path for path in (tmp_path / "out").rglob("*") if path.name in names]
    result = _export(tmp_path, layout)
    _export(tmp_path / "whole", layout)
    assert len(result.clips) >= 4
    expected = {name: data.replace(b"/whole/", b"/") for name, data in _files(tmp_path / "whole").items()}
    assert _files(tmp_path) == expected


def test_a_torn_log_line_costs_one_copy(tmp_path: Path) -> None:
    _export(tmp_path)
    log = tmp_path / "out" / LOG
    log.write_bytes(log.read_bytes()[:-20])
    assert _export(tmp_path).copied == 1
    assert _export(tmp_path).copied == 0


def test_a_film_that_was_cut_short_or_a_caption_that_is_gone_is_written_again(tmp_path: Path) -> None:
    _export(tmp_path)
    path = tmp_path / f"out/train/160x96x17-8fps/{FIRST}.mp4"
    path.write_bytes(b"half")
    (tmp_path / "out/val/96x160x17-7p5fps/c-0-2000-96x160x17-7p5fps-0.txt").unlink()
    assert _export(tmp_path).copied == 2
    assert path.read_bytes() == film(FIRST)


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    _export(tmp_path)
    left = tmp_path / "out/train/160x96x17-8fps/.tmp-1-x.mp4"
    left.write_bytes(b"half")
    _export(tmp_path)
    assert not left.exists()


# --- refused ---------------------------------------------------------------------------------------------------------


def test_a_folder_of_something_else_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.tex").write_text("years of work")
    with pytest.raises(DatasetError, match=r"thesis\.tex.*choose a new or an empty folder"):
        _export(tmp_path)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.tex"]


def test_files_that_others_put_into_an_export_stay(tmp_path: Path) -> None:
    _export(tmp_path)
    note = tmp_path / "out/val/96x160x17-7p5fps/notes.md"
    note.write_text("mine")
    _export(tmp_path, splits=("train",))
    assert note.read_text() == "mine"


@pytest.mark.parametrize(("layout", "name"), [("prompts.txt", "dataset"), ("videos+txt", "other")])
def test_the_export_of_another_layout_or_dataset_is_refused(tmp_path: Path, layout: str, name: str) -> None:
    _export(tmp_path)
    before = _files(tmp_path)
    dataset = make_dataset(tmp_path / name)
    with pytest.raises(DatasetError, match="is an export of"):
        export_clips(dataset, tmp_path / "out", LAYOUTS[layout], Choice(), lambda _done, _failed: None)
    assert _files(tmp_path) == before


@pytest.mark.parametrize("text", ["", "no json\n", '{"format": 9}\n', "[1]\n", '{"format": 1}\n'])
def test_a_log_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / LOG).write_text(text)
    with pytest.raises(DatasetError, match="cannot be read as an export's log"):
        _export(tmp_path)


def test_a_log_that_names_files_outside_removes_none(tmp_path: Path) -> None:
    _export(tmp_path)
    (tmp_path / "precious.mp4").write_text("mine")
    log = tmp_path / "out" / LOG
    lines = log.read_text().splitlines()
    heading, row = json.loads(lines[0]), json.loads(lines[1])
    heading["lists"].append("../precious.mp4")
    rows = [row | {"sample_id": "x", "media": "../precious.mp4"}, row | {"sample_id": "y", "texts": ["/etc/hosts"]}]
    log.write_text("".join(json.dumps(row) + "\n" for row in [heading, *rows]))
    _export(tmp_path)
    assert (tmp_path / "precious.mp4").read_text() == "mine"
    assert Path("/etc/hosts").exists()


def test_a_damaged_shard_ends_the_export_and_ships_nothing_of_it(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset")
    shard = tmp_path / "dataset/shards/all.tar"
    data = bytearray(shard.read_bytes())
    data[700] ^= 1
    shard.write_bytes(bytes(data))
    with pytest.raises(DatasetError, match=f"{FIRST}.*checksum"):
        export_clips(dataset, tmp_path / "out", LAYOUTS["videos+txt"], Choice(), lambda _done, _failed: None)
    assert not list((tmp_path / "out").rglob("*.mp4"))
    shard.unlink()
    with pytest.raises(DatasetError, match="not there"):
        export_clips(dataset, tmp_path / "out", LAYOUTS["videos+txt"], Choice(), lambda _done, _failed: None)


@pytest.mark.parametrize("name", ["../../x", "-rf", ".hidden", "a b", "a/b", "x" * 300, "a\nb", "é", ""])
def test_ids_that_cannot_be_file_names_are_refused(name: str) -> None:
    with pytest.raises(DatasetError, match="cannot be a file name"):
        clip_of({"sample_id": name, "split": "train", "bucket": "160x96x17@8"})


def test_pictures_alone_are_refused_where_readers_take_none(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset", {key: value for key, value in FILMS.items() if key.startswith("d-")})
    with pytest.raises(DatasetError, match=r"all 1 samples are images, which readers of prompts\.txt cannot take"):
        export_clips(dataset, tmp_path / "out", LAYOUTS["prompts.txt"], Choice(), lambda _done, _failed: None)
