"""Reading a sample: by its place in a local or object-store shard, as the stage shows it, or a reason why not.

python -m pytest tests/training/data/test_reading.py
"""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from pipeline.media.encode import encode_h264, encode_png, to_bt709
from schemas.errors import MediaError
from tests.films import moving, texture
from tests.object_store import s3_server
from tests.training.data.made_dataset import colour_of, make_dataset
from tests.training.data.test_selection import GEOMETRY, stage
from training.data.captions import CaptionChoice
from training.data.index import SampleIndex
from training.data.planned import PlannedSample
from training.data.reading import Members, PixelReader, decode, parse_members, read_members
from training.data.selection import select
from training.data.shapes import ClipShape
from training.data.step_plan import planned

CHOICE = CaptionChoice({"dense": 1.0}, 0.0, 0)


def planned_of(uri: str, **changes: object) -> list[PlannedSample]:
    selection = select(SampleIndex.open(uri), stage(**changes), GEOMETRY, ())
    return [planned(selection, int(row)) for row in selection.rows]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("dataset"))
    make_dataset(folder)
    return folder


def check(uri: str, samples: list[PlannedSample]) -> None:
    reader = PixelReader(uri, CHOICE)
    for planned_sample in samples:
        sample = reader(planned_sample)
        number = int(planned_sample.clip_id.split("-")[1]) // 1000
        assert np.abs(sample.pixels.astype(int) - colour_of(number)).max() <= 4
        assert sample.pixels.shape == (
            planned_sample.shape.frames,
            planned_sample.shape.height,
            planned_sample.shape.width,
            3,
        )
        assert sample.caption == f"dense of {planned_sample.sample_id}"


def test_every_sample_is_the_one_that_the_index_says(dataset: str) -> None:
    samples = planned_of(dataset)
    assert len(samples) == 18
    check(dataset, samples)


def test_a_stage_sees_fewer_frames_and_pixels(dataset: str) -> None:
    samples = planned_of(dataset, short_side=32, max_seconds=1.2)
    assert {str(planned.shape) for planned in samples} == {"48x32x9@8", "32x48x1"}
    check(dataset, samples)


def test_an_object_store_serves_as_well(s3: str) -> None:
    make_dataset(f"{s3}/set", {"64x48x9@8": 3})
    samples = planned_of(f"{s3}/set")
    assert len(samples) == 3
    check(f"{s3}/set", samples)


@pytest.fixture
def s3() -> Iterator[str]:
    with s3_server("training") as uri:
        yield uri


@pytest.mark.parametrize("size", [(96, 64), (48, 32)])
def test_frames_are_the_film_s_in_colour_and_detail(size: tuple[int, int]) -> None:
    images = list(moving(texture(5, 160, 80), 17, (96, 64)))
    converter = VideoReformatter()
    video = encode_h264([to_bt709(image, converter) for image in images], 8.0, 6, "veryfast")
    decoded = decode(Members("mp4", video, {}), ClipShape(*size, 9, 8.0))
    assert len(decoded) == 9
    for frame, wanted in zip(decoded, images, strict=False):
        expected = cv2.resize(wanted, size, interpolation=cv2.INTER_AREA)
        difference = frame.astype(float) - expected
        assert np.abs(difference).mean() < 4  # of 255; colours lose their detail in 4:2:0
        assert abs(difference.mean()) < 1.2


def test_a_picture_is_exact_at_its_own_size() -> None:
    image = texture(7, 96, 64)
    assert np.array_equal(decode(Members("png", encode_png(image), {}), ClipShape(96, 64, 1, 0.0))[0], image)


def test_a_place_that_holds_something_else_names_both(dataset: str) -> None:
    sample, other, *_ = planned_of(dataset)
    with pytest.raises(MediaError, match=rf"holds {other.sample_id}.*not {sample.sample_id} as in the index; run"):
        read_members(dataset, replace(sample, offset=other.offset, size=other.size, shard=other.shard))
    with pytest.raises(MediaError, match=r"shard gone\.tar is missing; run `just verify`"):
        read_members(dataset, replace(sample, shard="gone.tar"))
    with pytest.raises(MediaError, match=r"is no sample|holds nothing"):
        read_members(dataset, replace(sample, offset=sample.offset + 100))


def tar_of(members: dict[str, bytes]) -> bytes:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as written:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            written.addfile(member, io.BytesIO(data))
    return tar.getvalue()


@pytest.mark.parametrize(
    ("described", "reason"),
    [(b"{", "no captions"), (b"[]", "no captions"), (b'{"captions": 3}', "no captions"), (b"\xff", "no captions")],
)
def test_a_description_that_cannot_be_used_is_the_sample_s_fault(described: bytes, reason: str) -> None:
    with pytest.raises(MediaError, match=reason):
        parse_members(tar_of({"s.json": described, "s.mp4": b"x"}), "s", "here")


def test_a_video_that_is_damaged_or_short_is_the_sample_s_fault(dataset: str) -> None:
    sample = next(candidate for candidate in planned_of(dataset) if candidate.shape.frames == 9)
    media = read_members(dataset, sample).media
    with pytest.raises(MediaError, match=r"its video has 9 of 17 frames"):
        decode(Members("mp4", media, {}), replace(sample.shape, frames=17))
    for damaged in (b"", media[:200], b"\0" * 500):
        with pytest.raises(MediaError, match=r"its video"):
            decode(Members("mp4", damaged, {}), sample.shape)
    with pytest.raises(MediaError, match="its image cannot be decoded"):
        decode(Members("png", b"no picture", {}), ClipShape(48, 64, 1, 0.0))
