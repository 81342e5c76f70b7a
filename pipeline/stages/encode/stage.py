"""Encode: decode only the spans that ship, each once, in exactly their bucket's shape.

A row's identity is what decides its pixels (`rows.py`), so another caption, score or selection encodes nothing. The
media waits in a table of its own until it is packed; from then on the shards are where it is kept. A sample that leaves
the shards, but not because its pixels changed, gives its media back to that table (`Recover`), under the same identity.

    just curate <bucket> --set pack.crf=20
"""

import hashlib
import json

from pipeline.dataset.sample_bytes import read_members
from pipeline.stage import Output, Result, Row, StageSpec
from pipeline.stages.encode.media import Media, make_media
from pipeline.stages.specification import make_spec
from pipeline.storage.store import Store
from schemas.bucket import Bucket
from schemas.config import RunConfig
from schemas.pack_tables import ENCODED, ENCODED_MEDIA

VERSION = 1
OUTPUTS = (
    Output(folder="encoded", contract=ENCODED, parent="sample_id"),
    Output(folder="encoded_media", contract=ENCODED_MEDIA, parent="sample_id", media=True, rows_per_group=1),
)
IDENTITY = ("pixels",)
_SAMPLES_PER_PART = 4


def spec(config: RunConfig) -> StageSpec:
    """Rows: samples that have a caption and are in no shard (`rows.py`)."""
    settings = config.pack.model_dump(include={"crf", "preset"})
    return make_spec(
        "encode",
        Encode,
        VERSION,
        OUTPUTS,
        settings=settings,
        arguments=settings,
        identity=IDENTITY,
        rows_per_part=_SAMPLES_PER_PART,
    )


def recover_spec(encode: StageSpec, dataset_uri: str) -> StageSpec:
    """Rows: samples of shards that go (`sample_id`, `pixels`, `shard`, `offset`, `size`, `checksum`, `decoded_frames`).

    Its results are those of `encode`, in the same tables, as if they had been made again.
    """
    return StageSpec(
        name="recover",
        build=Recover,
        arguments={"dataset_uri": dataset_uri},
        outputs=OUTPUTS,
        fingerprint=encode.fingerprint,
        identity=IDENTITY,
        rows_per_part=_SAMPLES_PER_PART,
    )


class Encode:
    """Encodes one sample."""

    def __init__(self, crf: int, preset: str) -> None:
        self._crf, self._preset = crf, preset

    def process(self, row: Row) -> Result:
        """Make a sample's media. Raises `MediaError` if its frames are not those that were captioned."""
        media = make_media(row, Bucket.parse(row["bucket"]), self._crf, self._preset)
        counters = {"decoded_frames": media.decoded_frames, "samples_encoded": 1}
        return _result(row["sample_id"], media, counters)


class Recover:
    """Takes a sample's media out of a shard that is about to go."""

    def __init__(self, dataset_uri: str) -> None:
        self._store = Store(dataset_uri)

    def process(self, row: Row) -> Result:
        """Read a sample's media from its shard. Raises `DatasetError` if the shard is damaged."""
        key = row["sample_id"]
        place = (f"shards/{row['shard']}", key, row["offset"], row["size"], row["checksum"])
        media = media_of(read_members(self._store, *place), row["decoded_frames"])
        return _result(key, media, {"samples_recovered": 1})


def media_of(members: dict[str, bytes], decoded_frames: int) -> Media:
    """The media of a sample that was packed; its description says the crop, and which frame shows which still."""
    (suffix,) = members.keys() - {"json", "txt"}
    described = json.loads(members["json"])
    left, top, width, height = described["crop"]
    # Until version 7 of the shards a still that no frame shows had null.
    shown_at = [-1 if still["frame"] is None else still["frame"] for still in described["stills"]]
    return Media(suffix, members[suffix], decoded_frames, (left, top, width, height), shown_at)


def _result(key: str, media: Media, counters: dict[str, int]) -> Result:
    values = {
        "sample_id": key,
        "suffix": media.suffix,
        "bytes": len(media.data),
        "checksum": hashlib.sha256(media.data).hexdigest(),
        "crop": list(media.crop),
        "shown_at": media.shown_at,
        "decoded_frames": media.decoded_frames,
    }
    others = {"encoded_media": [{"sample_id": key, "media": media.data}]}
    return Result(key=key, values=values, others=others, counters=counters)
