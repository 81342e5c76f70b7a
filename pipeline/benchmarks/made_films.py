"""Films of hard cuts between patterns that move slowly: small, quick to make, and each another one.

make_films(Store("bucket"), range(3), shots=3, seed=0)
"""

import io
from collections.abc import Iterable

import numpy as np

from pipeline.media.encode import REPRODUCIBLE_X264
from pipeline.storage.store import Store

_FRAMES, _SIZE = 72, 288


def make_films(bucket: Store, numbers: Iterable[int], shots: int, seed: int) -> None:
    """Write `film-<number>.mp4` for each number, of `shots` shots of three seconds; a seed gives the same bytes."""
    import av

    for number in numbers:
        draw = np.random.default_rng([seed, number])
        target = io.BytesIO()
        with av.open(target, "w", format="mp4") as container:
            stream = container.add_stream("libx264", rate=24, options={"g": "24", "threads": "1", **REPRODUCIBLE_X264})
            stream.width, stream.height, stream.pix_fmt = _SIZE, _SIZE, "yuv420p"
            for _ in range(shots):
                coarse = draw.integers(0, 256, (8, 12, 3)).astype(np.uint8)
                picture = np.kron(coarse, np.ones((_SIZE // 8, _SIZE // 8, 1), np.uint8))
                for frame in range(_FRAMES):
                    view = np.ascontiguousarray(picture[:, frame : frame + _SIZE])
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(view, "rgb24")))
            container.mux(stream.encode())
        bucket.write(f"film-{number:05d}.mp4", target.getvalue())
