"""Each layout, read as its readers read it: their rules, written down again in a few lines each.

python -m pytest tests/pipeline/readers/export/test_layouts.py
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pipeline.readers.export.layouts import LAYOUTS
from pipeline.readers.export.layouts.settings import SETTINGS
from pipeline.readers.export.run import Choice, export_clips
from schemas.bucket import Bucket
from schemas.errors import ConfigError
from tests.pipeline.readers.export.made_dataset import AWKWARD, FILMS, film, make_dataset

LINE = " ".join(AWKWARD.split())
Pairs = dict[str, str]  # id of a video to its caption, as the reader sees it


def _export(folder: Path, layout: str, **choice: Any) -> Path:
    """An export of the made dataset, read back as a folder."""
    dataset = make_dataset(folder / "dataset")
    export_clips(dataset, folder / "out", LAYOUTS[layout], Choice(**choice), lambda _done, _failed: None)
    return folder / "out"


def _read(paths: list[Path], captions: list[str]) -> Pairs:
    """The pairs of two lists in one order; every video must be the one of its name."""
    assert len(paths) == len(captions)
    for path in paths:
        assert path.read_bytes() == film(path.stem)
    return {path.stem: caption for path, caption in zip(paths, captions, strict=True)}


def _expected(split: str, images: bool, one_line: bool) -> Pairs:
    chosen = {key: text for key, (bucket, where, text) in FILMS.items()
              if where == split and (images or not Bucket.parse(bucket).is_image)}  # fmt: skip
    return {key: " ".join(text.split()) if one_line else text.strip() for key, text in chosen.items()}


# --- prompts.txt -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "val"])
def test_prompts_as_cogvideo_the_factory_and_diffusers_read_them(tmp_path: Path, split: str) -> None:
    root = _export(tmp_path, "prompts.txt") / split
    lists = []
    for name in ("prompts.txt", "videos.txt"):
        with (root / name).open(encoding="utf-8") as file:
            lists.append([line.strip() for line in file.readlines() if len(line.strip()) > 0])
    prompts, videos = lists
    assert _read([root / name for name in videos], prompts) == _expected(split, images=False, one_line=True)


def test_prompts_as_finetrainers_reads_them(tmp_path: Path) -> None:
    root = _export(tmp_path, "prompts.txt") / "train"
    # It takes the folder for another format if a metadata file, a tar or a Parquet file lies in it, or a caption file
    # with a video of its name.
    assert not any(path.suffix in (".tar", ".parquet", ".json", ".jsonl", ".csv") for path in root.rglob("*"))
    assert not any(path.with_suffix(".mp4").exists() for path in root.glob("*.txt"))
    captions = [root / name for name in ("caption.txt", "captions.txt", "prompt.txt", "prompts.txt")]
    videos = [root / name for name in ("video.txt", "videos.txt")]
    (caption_file,) = (path for path in captions if path.exists())
    (video_file,) = (path for path in videos if path.exists())
    paths = [root / line for line in video_file.read_text().splitlines()]
    assert _read(paths, caption_file.read_text().splitlines()) == _expected("train", images=False, one_line=True)


# --- metadata.jsonl --------------------------------------------------------------------------------------------------


def test_metadata_as_videofolder_reads_it(tmp_path: Path) -> None:
    root = _export(tmp_path, "metadata.jsonl") / "train"
    (metadata,) = root.rglob("metadata.*")
    rows = [json.loads(line) for line in metadata.read_text().splitlines()]
    assert {frozenset(row) for row in rows} == {frozenset({"file_name", "caption", "video_path"})}
    assert not any(Path(row["file_name"]).is_absolute() for row in rows)
    paths = [metadata.parent / row["file_name"] for row in rows]
    assert _read(paths, [row["caption"] for row in rows]) == _expected("train", images=False, one_line=False)
    # It would make a split of what lies in a folder of such a name, and refuse videos that no row names.
    assert {path.parent.name for path in root.rglob("*.mp4")} == {"videos"}
    assert set(root.rglob("*.mp4")) == set(paths)


def test_metadata_as_musubi_tuner_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = _export(tmp_path, "metadata.jsonl")
    monkeypatch.chdir("/")  # paths are opened as they stand
    with (out / "val" / "metadata.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    paths = [Path(row["video_path"]) for row in rows]
    assert _read(paths, [row["caption"] for row in rows]) == _expected("val", images=False, one_line=False)
    assert not any("control_path" in row for row in rows)


# --- json-list -------------------------------------------------------------------------------------------------------


def test_the_json_list_as_videox_fun_reads_it(tmp_path: Path) -> None:
    root = _export(tmp_path, "json-list") / "train"
    rows = json.loads((root / "metadata.json").read_text())
    paths = [Path(os.path.join(root, row["file_path"])) for row in rows]
    assert _read(paths, [row["text"] for row in rows]) == _expected("train", images=True, one_line=False)
    for path, row in zip(paths, rows, strict=True):
        bucket = Bucket.parse(FILMS[path.stem][0])
        assert row["type"] == ("image" if path.suffix == ".png" else "video")
        assert (int(row["width"]), int(row["height"])) == (bucket.width, bucket.height)


# --- videos+labels ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("split", ["train", "val"])
def test_labels_as_sat_reads_them(tmp_path: Path, split: str) -> None:
    root = str(_export(tmp_path, "videos+labels") / split)
    paths, captions = [], []
    for folder, _, names in os.walk(root):
        for name in names:
            if name.endswith(".mp4"):
                path = os.path.join(folder, name)
                label = path.replace(".mp4", ".txt").replace("videos", "labels")
                paths.append(Path(path))
                captions.append(Path(label).read_text().splitlines()[0] if os.path.exists(label) else "")
    assert _read(paths, captions) == _expected(split, images=False, one_line=True)


@pytest.mark.parametrize("name", ["my-videos", "a.mp4"])
def test_a_folder_whose_path_sat_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="choose a folder without it"):
        _export(tmp_path / name, "videos+labels")
    assert not (tmp_path / name / "out").exists()


# --- videos+txt ------------------------------------------------------------------------------------------------------

MEDIA = (".mp4", ".png")


def _directory(folder: Path) -> Pairs:
    """What lies in one folder, as diffusion-pipe lists it: every file is media unless its suffix says otherwise."""
    files = sorted(path for path in folder.glob("*") if path.is_file())
    media = [path for path in files if path.suffix not in (".txt", ".npz", ".json", ".parquet", ".bak", ".db")]
    assert all(path.suffix in MEDIA for path in media)
    return _read(media, [path.with_suffix(".txt").read_text().strip() for path in media])


def test_pairs_as_diffusion_pipe_reads_its_settings(tmp_path: Path) -> None:
    out = _export(tmp_path, "videos+txt")
    read: Pairs = {}
    for split in ("train", "val"):
        pairs: Pairs = {}
        for entry in tomllib.loads((out / f"diffusion-pipe-{split}.toml").read_text())["directory"]:
            assert set(entry) == {"path", "size_buckets"}
            inside = _directory(Path(entry["path"]))
            shapes = {FILMS[key][0] for key in inside}
            assert {(bucket.width, bucket.height, bucket.frames) for bucket in map(Bucket.parse, shapes)} == {
                tuple(shape) for shape in entry["size_buckets"]
            }
            pairs |= inside
        assert pairs == _expected(split, images=True, one_line=True)
        read |= pairs
    assert len(read) == len(FILMS)


def test_pairs_as_musubi_tuner_reads_its_settings(tmp_path: Path) -> None:
    out = _export(tmp_path, "videos+txt")
    settings = tomllib.loads((out / "musubi-tuner-train.toml").read_text())
    shared: dict[str, type] = {"caption_extension": str, "batch_size": int, "resolution": list, "enable_bucket": bool}
    video_keys = shared | {
        "video_directory": str,
        "cache_directory": str,
        "target_frames": list,
        "frame_extraction": str,
    }
    image_keys = shared | {"image_directory": str, "cache_directory": str}
    assert set(settings) == {"general", "datasets"}
    assert all(isinstance(value, shared[key]) for key, value in settings["general"].items())
    read: Pairs = {}
    for entry in settings["datasets"]:
        is_film = "video_directory" in entry
        known = video_keys if is_film else image_keys
        assert all(isinstance(value, known[key]) for key, value in entry.items())
        inside = _directory(Path(entry["video_directory" if is_film else "image_directory"]))
        for key in inside:
            bucket = Bucket.parse(FILMS[key][0])
            assert entry["resolution"] == [bucket.width, bucket.height]
            # Frames must be 4n+1, else they are cut to it.
            assert not is_film or (entry["target_frames"] == [bucket.frames] and bucket.frames % 4 == 1)
        read |= inside
    caches = [entry["cache_directory"] for entry in settings["datasets"]]
    assert len(set(caches)) == len(caches)
    assert read == _expected("train", images=True, one_line=True)


def test_pairs_as_finetrainers_reads_its_settings(tmp_path: Path) -> None:
    out = _export(tmp_path, "videos+txt")
    read: Pairs = {}
    for entry in json.loads((out / "finetrainers-train.json").read_text())["datasets"]:
        root, kind = Path(entry["data_root"]), entry["dataset_type"]
        captions = sorted(root.glob("*.txt"))
        suffix = ".mp4" if kind == "video" else ".png"
        inside = _read([path.with_suffix(suffix) for path in captions], [path.read_text().strip() for path in captions])
        for key in inside:
            bucket = Bucket.parse(FILMS[key][0])
            shape = [bucket.frames, bucket.height, bucket.width] if kind == "video" else [bucket.height, bucket.width]
            assert entry[f"{kind}_resolution_buckets"] == [shape]
        read |= inside
    assert read == _expected("train", images=True, one_line=True)


@pytest.mark.parametrize("name", ['quo"ted', "back\\slash", "tab\tbed", "ünï", "del\x7fete", "line\nbreak"])
def test_settings_name_folders_with_awkward_names(name: str) -> None:
    folder, bucket = Path("/data") / name, Bucket.parse("160x96x17@8")
    expected = str(folder / "train" / bucket.slug)
    pipe = tomllib.loads(SETTINGS["diffusion-pipe.toml"](folder, "train", [bucket]))
    musubi = tomllib.loads(SETTINGS["musubi-tuner.toml"](folder, "train", [bucket]))
    trainers = json.loads(SETTINGS["finetrainers.json"](folder, "train", [bucket]))
    folders = [
        pipe["directory"][0]["path"],
        musubi["datasets"][0]["video_directory"],
        trainers["datasets"][0]["data_root"],
    ]
    assert folders == [expected] * 3


# --- all -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_train_and_validation_lie_apart(tmp_path: Path, layout: str) -> None:
    out = _export(tmp_path, layout)
    for split in ("train", "val"):
        for path in (path for path in (out / split).rglob("*") if path.is_file()):
            other = [key for key, (_, where, _) in FILMS.items() if where != split]
            assert path.stem not in other
            assert path.suffix in MEDIA or not any(key in path.read_text() for key in other)
    beside = {path.name for path in out.iterdir()} - {"train", "val", "export.jsonl", ".lock"}
    assert all("-train." in name or "-val." in name for name in beside)


def test_a_caption_of_many_lines_is_one_where_readers_need_it() -> None:
    assert len(LINE.splitlines()) == 1
    assert len(AWKWARD.splitlines()) > 5
    assert {name for name, layout in LAYOUTS.items() if layout.one_line} == {
        "prompts.txt",
        "videos+labels",
        "videos+txt",
    }


@pytest.mark.slow
def test_metadata_is_read_by_videofolder_itself(tmp_path: Path) -> None:
    import datasets

    root = _export(tmp_path, "metadata.jsonl") / "train"
    table = datasets.load_dataset("videofolder", data_dir=str(root), split="train", cache_dir=str(tmp_path / "cache"))
    assert table.column_names == ["video", "caption", "video_path"]
    rows = list(table.cast_column("video", datasets.Video(decode=False)))
    read = _read([Path(row["video"]["path"]) for row in rows], [row["caption"] for row in rows])
    assert read == _expected("train", images=False, one_line=False)
