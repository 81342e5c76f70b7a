"""What each source of the sample gave: a column of numbers per quantity, from the tables of the sample's dataset.

columns = per_source(OpenedDataset("sample"), keys)      # {"clips": [3.0, 0.0, ...], ...}, in the order of the keys
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from pipeline.readers.opened import OpenedDataset
from pipeline.stage import Row

Columns = dict[str, list[float]]


def per_source(dataset: OpenedDataset, keys: Sequence[str]) -> Columns:
    """One value per source, by quantity. `keys` are the sources as the sample's listing names them."""
    videos = {row["key"]: row for row in _rows(dataset, "videos")}
    copies = {row["id"] for row in _rows(dataset, "ledger") if (row["kind"], row["state"]) == ("video", "duplicate")}
    ids = [videos[key]["video_id"] for key in keys]
    of_clip = {row["clip_id"]: row["video_id"] for row in _rows(dataset, "clips", ("clip_id", "video_id"))}
    columns: Columns = {"files": [1.0] * len(keys)}

    def count(name: str, rows: Sequence[Row], source: Callable[[Row], str], amount: Callable[[Row], float]) -> None:
        sums: dict[str, float] = defaultdict(float)
        for row in rows:
            sums[source(row)] += amount(row)
        columns[name] = [sums[each] for each in ids]

    usable = [row for row in videos.values() if row["status"] == "ok" and row["video_id"] not in copies]
    count("unreadable", [row for row in videos.values() if row["status"] != "ok"], _video, _one)
    count("identical", [row for row in videos.values() if row["video_id"] in copies], _video, _one)
    count("pictures", [row for row in usable if row["kind"] == "image"], _video, _one)
    count("video seconds", [row for row in usable if row["kind"] == "video"], _video, _of("duration"))
    count("usable bytes", usable, _video, _of("bytes"))
    count("split frames", _rows(dataset, "splits", ("video_id", "decoded_frames")), _video, _of("decoded_frames"))
    count("clips", _rows(dataset, "clips", ("clip_id", "video_id")), _video, _one)
    count("stills", _rows(dataset, "stills", ("still_id", "video_id")), _video, _one)
    spans = _rows(dataset, "sample_spans")
    count("captioned stills", spans, lambda row: of_clip[row["clip_id"]], lambda row: len(row["stills"]))
    count("planned samples", spans, lambda row: of_clip[row["clip_id"]], _one)
    samples = [row for row in _rows(dataset, "samples") if row["status"] == "ok"]
    count("samples", samples, _video, _one)
    count("shipped seconds", samples, _video, _shipped)
    count("shipped bytes", samples, _video, _of("size"))
    count("caption tokens", samples, _video, _of("tokens"))
    count("packed frames", samples, _video, _of("decoded_frames"))
    for bucket in sorted({row["bucket"] for row in samples}):
        inside = [row for row in samples if row["bucket"] == bucket]
        count(f"samples in {bucket}", inside, _video, _one)
        count(f"bytes in {bucket}", inside, _video, _of("size"))
    columns["read by pack"] = [
        _read_again(videos[key], frames) for key, frames in zip(keys, columns["packed frames"], strict=True)
    ]
    return columns


def _rows(dataset: OpenedDataset, name: str, columns: Sequence[str] = ()) -> list[Row]:
    table: pa.Table = dataset.table(name)
    rows: list[Row] = (table.select(list(columns)) if columns else table).to_pylist()
    return rows


def _video(row: Row) -> str:
    return str(row["video_id"])


def _one(row: Row) -> float:
    return 1.0


def _of(column: str) -> Callable[[Row], float]:
    return lambda row: float(row[column] or 0)


def _shipped(row: Row) -> float:
    """Seconds of a sample; 0 of a picture."""
    return max(0.0, row["end_time"] - row["start_time"]) if row["fps"] else 0.0


def _read_again(video: Mapping[str, float], frames: float) -> float:
    """Bytes read of a source to encode its samples: in proportion to the frames decoded, at most all."""
    return video["bytes"] * min(1.0, frames / max(video["frames"] or 0, 1)) if frames else 0.0
