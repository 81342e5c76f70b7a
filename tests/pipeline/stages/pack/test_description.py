"""The description of a sample: the same keys with the same types, whatever was measured and said.

python -m pytest tests/pipeline/stages/pack/test_description.py
"""

import json
from typing import Any

from pipeline.stage import Row
from pipeline.stages.pack.description import describe_sample
from schemas.bucket import Bucket

STILL = {"still_id": "c-s000", "time": 1, "hash": 255, "signature": b"\x00\x01"}
CLIP: Row = {
    "sample_id": "c-64x48x17-8fps-0", "clip_id": "c", "video_id": "v", "source": "film.mp4", "uri": "films/film.mp4",
    "bucket": "64x48x17@8",
    "start_time": 0.5, "clip_end": 9.0, "stills": [STILL], "short": "s", "medium": "m", "dense": "d", "tokens": 1,
    "fields": '{"subject": "a dog"}', "width": 96, "height": 64, "crop_left": 0, "crop_top": 0, "crop_width": 96,
    "crop_height": 64, "scores": '{"motion": 2, "camera": "static"}',
    "lineage": '{"captioner": "facts", "fallback": "cut off"}',
}  # fmt: skip
IMAGE: Row = CLIP | {
    "sample_id": "c-64x48x1-0", "bucket": "64x48x1", "start_time": 0, "clip_end": 0, "fields": None,
    "scores": '{"motion": null, "camera": null}', "lineage": '{"captioner": "facts", "fallback": null}',
}  # fmt: skip


def _described(row: Row, bucket: str, shown_at: int) -> Any:
    return json.loads(describe_sample(row, Bucket.parse(bucket), (5, 0, 85, 64), [shown_at]))


def _types(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _types(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_types(inner) for inner in value]
    return type(value)


def test_an_image_has_the_keys_and_types_of_a_clip() -> None:
    clip, image = _described(CLIP, "64x48x17@8", 4), _described(IMAGE, "64x48x1", -1)
    assert _types(image) == _types(clip)
    assert type(None) not in _flat(_types(clip))


def _flat(types: Any) -> set[type]:
    inner = types.values() if isinstance(types, dict) else types if isinstance(types, list) else None
    return {types} if inner is None else {kind for part in inner for kind in _flat(part)}


def test_what_is_not_there_has_its_documented_value() -> None:
    clip, image = _described(CLIP, "64x48x17@8", 4), _described(IMAGE, "64x48x1", -1)
    assert (clip["scores"], clip["categories"]) == ({"motion": 2.0}, {"camera": "static"})
    assert (image["scores"], image["categories"]) == ({"motion": -1.0}, {"camera": ""})
    assert (clip["stills"][0]["frame"], image["stills"][0]["frame"]) == (4, -1)
    assert (clip["lineage"]["fallback"], image["lineage"]["fallback"]) == ("cut off", "")
    assert clip["caption_fields"] == image["caption_fields"] | {"subject": "a dog"}
    assert set(image["caption_fields"].values()) == {""}
    assert clip["caption"] == clip["captions"]["dense"] == "d"
