"""The shuffle over all sources: the place of each sample is a hash of the seed and its id, the same in every run.

keys = shuffle_keys(table["sample_id"], seed=0)
"""

from hashlib import blake2b
from json.encoder import encode_basestring

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_BATCH_ROWS = 1 << 16


def shuffle_keys(sample_ids: pa.ChunkedArray, seed: int) -> NDArray[np.uint64]:
    """`schemas.ids.digest("order", seed, sample_id)` of each sample as a number."""
    start = blake2b(f'["order",{seed},'.encode(), digest_size=8)
    keys = np.empty(len(sample_ids), np.uint64)
    for first in range(0, len(sample_ids), _BATCH_ROWS):
        hashes = []
        for sample_id in sample_ids.slice(first, _BATCH_ROWS).to_pylist():
            checksum = start.copy()
            checksum.update(f"{encode_basestring(sample_id)}]".encode())
            hashes.append(checksum.digest())
        keys[first : first + len(hashes)] = np.frombuffer(b"".join(hashes), ">u8")
    return keys
