"""Reads pixels and captions of one sample of a dataset, in the same way as the loader.

pixels, captions = read_sample(dataset, sample, shape)
"""

from pipeline.storage.store import Store
from schemas.errors import DatasetError
from training.data.reading import Pixels, decode, parse_members
from training.data.shapes import ClipShape
from training.latents.source import SourceSample


def read_sample(dataset: Store, sample: SourceSample, shape: ClipShape) -> tuple[Pixels, dict[str, str]]:
    """RGB uint8 [F, H, W, 3] and the captions by length (short, medium, dense).

    Raises `MediaError` if the sample cannot be decoded, `DatasetError` if its shard is missing.
    """
    where = f"{sample.shard} at byte {sample.offset}"
    try:
        data = dataset.read_range(f"shards/{sample.shard}", sample.offset, sample.offset + sample.size)
    except FileNotFoundError:
        raise DatasetError(f"{dataset.path('shards/' + sample.shard)} is missing; run `just verify`") from None
    members = parse_members(data, sample.sample_id, where)
    return decode(members, shape), members.captions
