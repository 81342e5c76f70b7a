"""The export: choose samples, copy their videos out of the shards, write captions and lists.

Clips are copied one by one, each file atomically; the lists come last. So a stopped export never looks complete, and
the same call goes on. Bytes are those of the shard: nothing is decoded.

    export_clips(dataset, folder, LAYOUTS["prompts.txt"], Choice(caption="short"), advance)
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipeline.dataset.folder import Dataset
from pipeline.engine.lock import dataset_lock
from pipeline.readers.export.clip import ExportedClip, clip_of, read_sample
from pipeline.readers.export.folder import Entry, ExportFolder, open_export
from pipeline.readers.export.layouts.layout import Layout
from pipeline.stage import Row
from schemas.bucket import Bucket
from schemas.dataset_files import INDEX
from schemas.errors import ConfigError, DatasetError
from schemas.nearest import did_you_mean
from schemas.outcome_tables import SAMPLES

Advance = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which samples and which of their captions: buckets as written (none: all), splits, caption length."""

    buckets: Sequence[str] = ()
    splits: Sequence[str] = ("train", "val")
    caption: str = "dense"


@dataclass(slots=True)
class Exported:
    """What an export did: the clips that the folder holds now, how many were copied or removed, what was left out."""

    clips: list[ExportedClip] = field(default_factory=list)
    copied: int = 0
    removed: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def choose(rows: Sequence[Row], choice: Choice) -> list[Row]:
    """The shipped samples of the chosen buckets and splits, by split and id.

    Raises `ConfigError` for a bucket that no sample is in, `DatasetError` if nothing is left.
    """
    shipped = [row for row in rows if row["status"] == "ok"]
    known = {row["bucket"] for row in shipped}
    requested = {str(Bucket.parse(text)) for text in choice.buckets}
    for bucket in sorted(requested - known):
        raise ConfigError(f"bucket {bucket}: no sample is in it; {did_you_mean(bucket, known)}")
    chosen = [row for row in shipped if row["split"] in choice.splits and row["bucket"] in (requested or known)]
    if not chosen:
        raise DatasetError(
            f"none of {len(shipped)} shipped samples is in split {' or '.join(choice.splits)} of"
            f" {', '.join(sorted(requested)) or 'any bucket'}; `just ledger` shows what shipped"
        )
    return sorted(chosen, key=lambda row: (row["split"], row["sample_id"]))


def chosen_rows(dataset: Dataset, layout: Layout, choice: Choice) -> tuple[list[Row], Counter[str]]:
    """The rows of the index to export, and how many were left out, by reason. Errors as of `choose`."""
    rows = choose(dataset.read_table(INDEX, SAMPLES).to_pylist(), choice)
    if layout.takes_images:
        return rows, Counter()
    videos = [row for row in rows if not Bucket.parse(row["bucket"]).is_image]
    if not videos:
        raise DatasetError(f"all {len(rows)} samples are images, which readers of {layout.name} cannot take")
    left_out = Counter({f"images, which readers of {layout.name} cannot take": len(rows) - len(videos)})
    return videos, +left_out


def export_clips(dataset: Dataset, path: Path, layout: Layout, choice: Choice, advance: Advance) -> Exported:
    """Bring the folder at `path` up to date with the dataset and the choice. `advance` is called for every clip.

    Raises `ConfigError` and `DatasetError` for what cannot be chosen, read or written; complete clips stay.
    """
    path = path.expanduser().absolute()
    layout.check_folder(path)
    rows, left_out = chosen_rows(dataset, layout, choice)
    clips = [clip_of(row) for row in rows]
    folder = open_export(path, dataset.store.uri, layout.name)
    result = Exported(left_out=left_out)
    with dataset_lock(Dataset(str(path))), folder.logging() as log:
        folder.store.remove_temporary()
        result.removed = _drop(folder, folder.entries.keys() - {clip.sample_id for clip in clips})
        for row, clip in zip(rows, clips, strict=True):
            entry = folder.entries.get(clip.sample_id)
            if entry is None or not _is_current(entry, row, clip, layout, choice.caption) or not folder.holds(entry):
                _drop(folder, [entry.sample_id] if entry is not None else [])
                entry = _copy(dataset, folder, row, clip, layout, choice.caption)
                if entry is not None:
                    folder.note(log, entry)
                    result.copied += 1
            if entry is not None:
                result.clips.append(replace(clip, caption=entry.caption))
            advance(1, 0)
        result.left_out[f"samples without a {choice.caption} caption"] = len(clips) - len(result.clips)
        _write_lists(folder, layout.lists(result.clips, path))
    result.left_out = +result.left_out
    return result


def _is_current(entry: Entry, row: Row, clip: ExportedClip, layout: Layout, length: str) -> bool:
    made_of = (entry.checksum, entry.length, entry.media)
    return made_of == (row["checksum"], length, layout.media(clip))


def _copy(
    dataset: Dataset, folder: ExportFolder, row: Row, clip: ExportedClip, layout: Layout, length: str
) -> Entry | None:
    """Write one clip's files; None if its caption of that length is empty."""
    media, captions = read_sample(dataset.store, row)
    caption = captions.get(length, "")
    caption = " ".join(caption.split()) if layout.one_line else caption.strip()
    if not caption:
        return None
    texts = layout.texts(replace(clip, caption=caption))
    target = layout.media(clip)
    folder.store.write(target, media)
    for path, text in texts.items():
        folder.store.write(path, text.encode())
    return Entry(
        sample_id=clip.sample_id,
        checksum=row["checksum"],
        length=length,
        caption=caption,
        media=target,
        texts=list(texts),
        size=len(media),
    )


def _drop(folder: ExportFolder, gone: Collection[str]) -> int:
    """Remove the files of these clips; returns how many clips they are."""
    for key in gone:
        entry = folder.entries.pop(key)
        folder.remove([entry.media, *entry.texts])
    return len(gone)


def _write_lists(folder: ExportFolder, lists: Mapping[str, str]) -> None:
    """The lists of this export in place of those of the one before; the log names them first."""
    old = [name for name in folder.lists if name not in lists]
    folder.lists = sorted({*old, *lists})
    folder.save()
    for path, text in lists.items():
        folder.store.write(path, text.encode())
    folder.remove(old)
    folder.lists = sorted(lists)
    folder.save()
