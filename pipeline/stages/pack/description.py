"""What a shard says of a sample, as JSON: the same keys with the same types in every sample of every bucket.

Readers such as Hugging Face `datasets` take the types of a whole dataset from its first samples, so nothing is null and
no key is left out: a text that is not there is "", a number that was not measured is -1 (no measure is below 0), and a
still that no frame of the sample shows has the frame -1.

    data = describe_sample(row, Bucket.parse("384x256x33@8"), crop=(0, 0, 384, 256), shown_at=[4])
"""

import base64
import json
from collections.abc import Sequence
from typing import Any

from captioning.tasks.forms import FIELDS
from pipeline.stage import Row
from pipeline.stages.encode.framing import Box
from pipeline.stages.encode.media import image_box
from pipeline.stages.select.select import WORD_COLUMNS
from schemas.bucket import Bucket

NOT_MEASURED = -1.0


def describe_sample(row: Row, bucket: Bucket, crop: Box, shown_at: Sequence[int]) -> bytes:
    """The description of a sample of the plan as UTF-8 JSON.

    `crop` is what the sample shows of its source (left, top, width, height in displayed pixels), `shown_at` the frame
    that shows each of its stills, -1 where none does.
    """
    measured: dict[str, float | str | None] = json.loads(row["scores"])
    described = {
        "sample_id": row["sample_id"],
        "clip_id": row["clip_id"],
        "video_id": row["video_id"],
        "source": row["source"],
        "source_uri": row["uri"],
        "span": [float(row["start_time"]), float(min(row["clip_end"], row["start_time"] + bucket.seconds))],
        "stills": _stills(row, shown_at),
        "caption": row["dense"],
        "captions": {"short": row["short"], "medium": row["medium"], "dense": row["dense"]},
        "caption_fields": _texts(dict.fromkeys(FIELDS) | json.loads(row["fields"] or "{}")),
        "tokens": row["tokens"],
        "bucket": row["bucket"],
        "width": bucket.width,
        "height": bucket.height,
        "frames": bucket.frames,
        "fps": float(bucket.fps),
        "source_size": [row["width"], row["height"]],
        "picture": list(image_box(row)),
        "crop": list(crop),
        "scores": {name: _number(value) for name, value in measured.items() if name not in WORD_COLUMNS},
        "categories": _texts({name: value for name, value in measured.items() if name in WORD_COLUMNS}),
        "lineage": _texts(json.loads(row["lineage"])),
    }
    return json.dumps(described, indent=1, ensure_ascii=False).encode()


def _stills(row: Row, shown_at: Sequence[int]) -> list[dict[str, Any]]:
    return [
        {
            "time": float(still["time"]),
            "hash": f"{still['hash']:016x}",
            "signature": base64.b64encode(still["signature"]).decode(),
            "frame": frame,
        }
        for still, frame in zip(row["stills"], shown_at, strict=True)
    ]


def _number(value: Any) -> float:
    return NOT_MEASURED if value is None else float(value)


def _texts(values: dict[str, Any]) -> dict[str, str]:
    return {name: value or "" for name, value in values.items()}
