"""Packing: exactly the bucket's frames, from inside the clip, the same bytes twice, and failures stay isolated.

python -m pytest tests/pipeline/stages/pack/test_stage.py
"""

import io
import json
import tarfile
from functools import partial
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from numpy.typing import NDArray
from PIL import Image

from pipeline.dataset.folder import Dataset
from pipeline.dataset.plan import make_part
from pipeline.dataset.query import querying
from pipeline.engine.commit import commit
from pipeline.media.decode import Decoder
from pipeline.media.geometry import Geometry
from pipeline.media.image_file import read_image
from pipeline.media.rgb import RgbConverter
from pipeline.media.signature import frame_signature, image_signature
from pipeline.media.tracks import track_of
from pipeline.stage import Result, Row, run_rows
from pipeline.stages.encode import stage as encode
from pipeline.stages.encode.rows import encode_rows
from pipeline.stages.pack.committed import read_committed
from pipeline.stages.pack.places import PLACES, find_places
from pipeline.stages.pack.rows import pack_rows
from pipeline.stages.pack.samples import plan_samples
from pipeline.stages.pack.shard_plan import plan_shards
from pipeline.stages.pack.stage import Pack
from pipeline.stages.split.stage import Split
from schemas.config import PackConfig, RunConfig, SplitConfig
from schemas.errors import DatasetError
from schemas.ids import clip_id
from schemas.named_values import dict_of
from schemas.outcome_tables import SAMPLES
from tests.films import Picture, flat, make_film, moving, texture, video_row
from tests.pipeline.joined_samples import joined_samples
from tests.pipeline.planned_spans import plan_spans

COLOURS = ((200, 60, 60), (60, 180, 60), (70, 70, 200))
FRAMES = 60  # of each colour, at 24 a second: one clip each
_UNEVEN = [index / 24 + 0.008 * (index * 7 % 5) for index in range(3 * FRAMES)]


def make_clips(folder: Path, name: str = "film.mp4", start: float = 0.0, times: list[float] | None = None) -> list[Row]:
    """A video of three flat colours and its three clips, as `plan_samples` takes them."""
    images = [image for colour in COLOURS for image in flat(colour, FRAMES, (96, 64))]
    shown = make_film(folder / name, images, start=start, times=times, key_interval=25)
    edges = [*shown, shown[-1] + 1 / 24]
    source = video_row(folder / name)
    clips: list[Row] = []
    for number in range(3):
        first, last = edges[number * FRAMES], edges[(number + 1) * FRAMES]
        known = {"clip_id": clip_id(name.replace(".", "_"), first, last), "video_id": name, "source": name}
        texts = {"uri": source["uri"], "short": "s", "medium": "m", "dense": f"colour {number}", "tokens": 2}
        measures = {"scores": '{"motion": 0.0}', "lineage": '{"captioner": "test"}', "fps": FRAMES / (last - first)}
        times_ = {"start_time": first, "end_time": last, "duration": last - first}
        clips.append({**source, **known, **texts, **measures, **times_, **box_of(source)})
    return clips


def box_of(row: Row, left: int = 0, top: int = 0) -> Row:
    """The crop columns of a source with bars of this size on both sides."""
    size = {"crop_width": row["width"] - 2 * left, "crop_height": row["height"] - 2 * top}
    return {"crop_left": left, "crop_top": top, **size}


def config(**changes: object) -> RunConfig:
    given_ = {"buckets": ["64x48x17@8", "64x48x1"], "validation_share": 0.0, "preset": "veryfast"} | changes
    return RunConfig(pack=PackConfig.model_validate(given_))


def plan_clips(clips: list[Row], configuration: RunConfig) -> pa.Table:
    """The planned samples of clips with their captions."""
    stills = [still for clip in clips for still in clip.get("stills", None) or stills_of(clip)]
    spans = plan_spans(clips, stills, configuration).to_pylist()
    by_id = {clip["clip_id"]: clip for clip in clips}
    described = {span["sample_id"]: by_id[span["clip_id"]] for span in spans}
    return plan_samples(joined_samples(spans, described), configuration, encode.spec(configuration).fingerprint)


def pack_clips(folder: Path, clips: list[Row], **changes: object) -> list[Result]:
    """Encode clips and pack them into shards of a dataset without an index; a result for each sample."""
    configuration = config(**changes)
    dataset, spec = Dataset(str(folder)), encode.spec(configuration)
    planned = plan_clips(clips, configuration)
    rows = encode_rows(planned, spec.fingerprint).to_pylist()
    outcomes = run_rows(spec.build(**spec.arguments), rows, "sample_id", 1)
    part = make_part([(row["sample_id"], row["pixels"]) for row in rows]).name
    commit(dataset, spec, part, rows, [0] * len(rows), outcomes)
    encoded = dataset.read_parts(spec.outputs[0], spec.fingerprint, {part: None})
    with querying(dataset.store) as connection:
        made = connection.from_arrow(encoded.filter(pc.field("status") == "ok"))
        wanted = connection.from_arrow(planned).join(made, "sample_id", how="semi")
        before = read_committed(connection, dataset)
        count = configuration.pack.samples_per_shard
        plan = plan_shards(connection, before.plan_columns, wanted, 0, count)
        chosen = plan.placed.join(wanted.project("sample_id, pixels"), "sample_id")
        places = find_places(chosen, before, made, spec.outputs).order('chunk, "order", sample_id').to_arrow_table()
    rows = planned.take(pc.index_in(places["sample_id"], value_set=planned["sample_id"].combine_chunks()))
    for name in ("shard", "order", *PLACES.names):
        rows = rows.append_column(name, places[name])
    shards = pack_rows(rows).to_pylist() if len(rows) else []
    stage = Pack(str(folder), configuration.pack)
    packed = [sample for shard in shards for sample in stage.process(shard).others["samples"]]
    results = [outcome.result for outcome in outcomes if outcome.result.error is not None]
    for sample in packed:
        del sample["planned_shard"]
        results.append(Result(key=sample["sample_id"], values=sample))
    return results


def stills_of(clip: Row) -> list[Row]:
    """The stills of a clip at about 0.5 and 1.5 s from its start, read from its video; a picture's only one."""
    if clip["kind"] == "image":
        return [_still(clip, 0, 0.0, image_signature(read_image(clip["uri"])))]
    converter = RgbConverter(Geometry(clip["rotation"], clip["width"], clip["height"], clip["mirrored"]))
    with Decoder(clip["uri"], track_of(clip)) as decoder:
        frames = list(decoder.span(clip["start_time"], clip["end_time"]))
        return [
            _still(clip, number, timed.time, frame_signature(timed.frame, converter))
            for number, timed in enumerate(frames[12 : 12 + 25 : 24])
        ]


def _still(clip: Row, number: int, time: float, signature: bytes) -> Row:
    known = {"still_id": f"{clip['clip_id']}-s{number:03d}", "clip_id": clip["clip_id"], "hash": (1 << 63) + number}
    return {**known, "time": time, "signature": signature}


def members_of(folder: Path) -> dict[str, dict[str, bytes]]:
    members: dict[str, dict[str, bytes]] = {}
    for path in sorted((folder / "shards").rglob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                members.setdefault(key, {})[suffix] = cast(Any, tar.extractfile(member)).read()
    return members


def frames_of(data: bytes) -> list[NDArray[np.generic]]:
    with cast(Any, av.open(io.BytesIO(data))) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.mark.parametrize(
    ("name", "start", "times"),
    [("film.mp4", 0.0, None), ("late.mp4", 2.5, None), ("uneven.mkv", 1.0, _UNEVEN)],
)
def test_samples_are_exactly_their_bucket_and_show_nothing_but_their_clip(
    name: str, start: float, times: list[float] | None, tmp_path: Path
) -> None:
    clips = make_clips(tmp_path, name, start, times)
    results = pack_clips(tmp_path, clips)
    assert [result.error for result in results] == [None] * 3
    members = members_of(tmp_path)
    for clip, colour in zip(clips, COLOURS, strict=True):
        frames = frames_of(members[f"{clip['clip_id']}-64x48x17-8fps-0"]["mp4"])
        assert [frame.shape for frame in frames] == [(48, 64, 3)] * 17
        for frame in frames:
            assert frame.mean(axis=(0, 1)) == pytest.approx(colour, abs=6)


def test_the_index_says_where_each_sample_is(tmp_path: Path) -> None:
    results = pack_clips(tmp_path, make_clips(tmp_path))
    rows = [{**(result.values or {}), "status": "ok", "error": None, "attempts": 1} for result in results]
    for row in SAMPLES.table(rows).to_pylist():
        data = (tmp_path / "shards" / row["shard"]).read_bytes()
        with tarfile.open(fileobj=io.BytesIO(data[row["offset"] : row["offset"] + row["size"]])) as tar:
            assert tar.getnames() == [f"{row['sample_id']}.{suffix}" for suffix in ("json", "mp4", "txt")]


def test_the_index_carries_scores_and_categories(tmp_path: Path) -> None:
    clips = make_clips(tmp_path)
    scores = '{"motion": 1.5, "frozen": 0, "camera": "static", "aesthetic": null}'
    results = pack_clips(tmp_path / "set", [{**clip, "scores": scores} for clip in clips])
    rows = [{**(result.values or {}), "status": "ok", "error": None, "attempts": 1} for result in results]
    for row in SAMPLES.table(rows).to_pylist():
        assert (row["source"], dict_of(row["scores"])) == ("film.mp4", {"motion": 1.5, "frozen": 0.0})
        assert dict_of(row["categories"]) == {"camera": "static"}


def test_descriptions_carry_captions_source_crop_and_lineage(tmp_path: Path) -> None:
    clips = make_clips(tmp_path, start=2.0)
    pack_clips(tmp_path, clips)
    metadata = json.loads(members_of(tmp_path)[f"{clips[1]['clip_id']}-64x48x17-8fps-0"]["json"])
    assert metadata["captions"] == {"short": "s", "medium": "m", "dense": "colour 1"}
    assert metadata["caption"] == "colour 1"
    assert (metadata["width"], metadata["height"], metadata["frames"], metadata["fps"]) == (64, 48, 17, 8)
    assert metadata["span"] == pytest.approx([4.5, 4.5 + 17 / 8])
    assert [still["time"] for still in metadata["stills"]] == pytest.approx([5.0, 6.0])
    assert [still["hash"] for still in metadata["stills"]] == ["8000000000000000", "8000000000000001"]
    assert (metadata["source_size"], metadata["picture"], metadata["crop"]) == (
        [96, 64],
        [0, 0, 96, 64],
        [5, 0, 85, 64],
    )
    assert (metadata["source"], metadata["scores"], metadata["lineage"]) == (
        "film.mp4",
        {"motion": 0.0},
        {"captioner": "test"},
    )


def test_packing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    clips = make_clips(tmp_path)
    shards = []
    for name in ("first", "second"):
        pack_clips(tmp_path / name, clips)
        shards.append((tmp_path / name / "shards/64x48x17-8fps/train-000000.tar").read_bytes())
    assert shards[0] == shards[1]


def test_a_sample_that_cannot_be_made_fails_alone(tmp_path: Path) -> None:
    clips = make_clips(tmp_path)
    (tmp_path / "gone.mp4").write_bytes((tmp_path / "film.mp4").read_bytes())
    clips[0] |= {"uri": str(tmp_path / "gone.mp4"), "stills": stills_of(clips[0])}
    (tmp_path / "gone.mp4").unlink()
    clips[1] |= {"end_time": 99.0, "start_time": 96.0, "clip_id": "past-the-end"}
    results = {result.key: result for result in pack_clips(tmp_path, clips)}
    errors = {key: result.error for key, result in results.items() if result.error is not None}
    assert len(errors) == 2
    assert "the source gave 0 of the 17 frames" in str(errors.pop("past-the-end-64x48x17-8fps-0"))
    assert "removed since it was listed" in str(list(errors.values()))
    assert list(members_of(tmp_path)) == [key for key, result in results.items() if result.error is None]


def test_a_shard_that_would_grow_too_large_goes_on_in_another(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    clips = []
    for number in range(5):
        path = tmp_path / f"noise {number}.png"
        Image.fromarray(random.integers(0, 256, (480, 480, 3)).astype(np.uint8)).save(path)
        known = {"clip_id": f"noise{number}", "video_id": path.name, "source": path.name, "fps": 0.0}
        times = {"start_time": 0.0, "end_time": 0.0, "duration": 0.0}
        texts = {"short": "s", "medium": "m", "dense": "noise", "tokens": 1, "scores": "{}", "lineage": "{}"}
        source = video_row(path)
        clips.append({**source, **known, **times, **texts, **box_of(source)})
    results = pack_clips(tmp_path, clips, buckets=["400x400x1"], max_shard_megabytes=1)
    assert [result.error for result in results] == [None] * 5
    shards = sorted((tmp_path / "shards").rglob("*.tar"))
    assert [path.name for path in shards] == ["train-000000-1.tar", "train-000000-2.tar", "train-000000.tar"]
    assert all(path.stat().st_size <= (1 << 20) + 10_240 for path in shards)
    assert len(members_of(tmp_path)) == 5
    assert len({(result.values or {})["shard"] for result in results}) == 3


def test_images_are_packed_without_loss(tmp_path: Path) -> None:
    pixels = texture(3, 64, 48)
    Image.fromarray(pixels).save(tmp_path / "still.png")
    known = {"clip_id": "still", "video_id": "v", "source": "still.png", "fps": 0.0, "tokens": 1, "scores": "{}"}
    times = {"start_time": 0.0, "end_time": 0.0, "duration": 0.0, "lineage": "{}"}
    source = video_row(tmp_path / "still.png")
    clip = {**source, **box_of(source), **known, **times, "short": "s", "medium": "m", "dense": "d"}
    (result,) = pack_clips(tmp_path, [clip])
    with Image.open(io.BytesIO(members_of(tmp_path)[result.key]["png"])) as image:
        assert np.array_equal(np.asarray(image), pixels)


def _split_and_pack(folder: Path, name: str, images: list[Picture], **options: Any) -> tuple[Row, dict[str, bytes]]:
    """A video through split and pack: its one clip, and its first sample's members."""
    make_film(folder / name, images, **options)
    source = video_row(folder / name)
    split = Split(SplitConfig(detector="adaptive"), threads=1).process(source)
    (clip,) = split.others["clips"]
    (folder / f"{name} stills").mkdir()
    for ordinal, still in enumerate(split.others["still_images"]):
        (folder / f"{name} stills" / f"{ordinal}.jpg").write_bytes(still["image"])
    texts = {"short": "s", "medium": "m", "dense": "d", "tokens": 1, "scores": "{}", "lineage": "{}"}
    (result,) = pack_clips(folder / f"{name} set", [{**source, **clip, **texts, "source": name}])
    return clip, members_of(folder / f"{name} set")[result.key]


def _difference(first: Any, other: Any) -> float:
    """Mean difference of two pictures' brightness in levels: chroma at half size blurs colours that change so fast."""
    gray = [np.asarray(image, np.float32).mean(axis=2) for image in (first, other)]
    return float(np.abs(gray[0] - gray[1]).mean())


@pytest.mark.parametrize(
    ("border", "rotation", "box"),
    [
        ((36, 36, 0, 0), 0, [0, 36, 192, 128]),
        ((0, 0, 40, 20), 0, [40, 0, 192, 128]),
        ((36, 36, 0, 0), 180, [0, 36, 192, 128]),
    ],
    ids=["letterbox", "uneven pillarbox", "upside down"],
)
def test_a_video_with_bars_ships_without_them(
    border: tuple[int, int, int, int], rotation: int, box: list[int], tmp_path: Path
) -> None:
    canvas = np.asarray(cv2.GaussianBlur(texture(7, 320, 140), (0, 0), 3), np.uint8)
    plain = list(moving(canvas, 60, step=(1.5, 0.1)))
    barred = [np.asarray(cv2.copyMakeBorder(frame, *border, cv2.BORDER_CONSTANT), np.uint8) for frame in plain]
    _, reference = _split_and_pack(tmp_path, "plain.mp4", plain, rotation=rotation)
    clip, sample = _split_and_pack(tmp_path, "barred.mp4", barred, rotation=rotation)
    assert [clip[name] for name in ("crop_left", "crop_top", "crop_width", "crop_height")] == box
    described = json.loads(sample["json"])
    assert (described["picture"], described["source_size"]) == (box, [clip["width"], clip["height"]])
    left, top, width, height = described["crop"]
    assert box[0] <= left < left + width <= box[0] + box[2]
    assert box[1] <= top < top + height <= box[1] + box[3]
    shown = [np.rot90(frame, 2) if rotation else frame for frame in barred[:: 24 // 8]]
    for frame, expected, source in zip(frames_of(sample["mp4"]), frames_of(reference["mp4"]), shown[:17], strict=True):
        edges = [np.asarray(edge) for edge in (frame[0], frame[-1], frame[:, 0], frame[:, -1])]
        inside = [np.asarray(edge) for edge in (frame[1], frame[-2], frame[:, 1], frame[:, -2])]
        for edge, next_to_it in zip(edges, inside, strict=True):
            assert edge.mean(axis=0) == pytest.approx(next_to_it.mean(axis=0), abs=8)
        crop = cv2.resize(source[top : top + height, left : left + width], (64, 48), interpolation=cv2.INTER_AREA)
        assert _difference(frame, crop) < 4
        # The margin makes the window a little smaller than the reference's: the same colours, hardly moved.
        assert np.asarray(frame).mean(axis=(0, 1)) == pytest.approx(np.asarray(expected).mean(axis=(0, 1)), abs=4)
        assert _difference(frame, expected) < 8
    stills = sorted((tmp_path / "barred.mp4 stills").iterdir())
    assert len(stills) >= 3
    for still in stills:
        with Image.open(still) as image:
            assert np.asarray(image).max(axis=2).min() > 60


def test_an_image_with_bars_ships_without_them(tmp_path: Path) -> None:
    barred = cv2.copyMakeBorder(texture(3, 192, 128), 0, 0, 40, 40, cv2.BORDER_CONSTANT)
    Image.fromarray(barred).save(tmp_path / "still.png")
    source = video_row(tmp_path / "still.png")
    clip: Row = Split(SplitConfig(detector="adaptive"), threads=1).process(source).others["clips"][0]
    texts = {"short": "s", "medium": "m", "dense": "d", "tokens": 1, "scores": "{}", "lineage": "{}"}
    (result,) = pack_clips(tmp_path, [{**source, **clip, **texts, "source": "still.png"}])
    with Image.open(io.BytesIO(members_of(tmp_path)[result.key]["png"])) as image:
        assert np.asarray(image).max(axis=2).min() > 60


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the tar that is given up
def test_a_full_temporary_folder_ends_the_run_and_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = partial(Path.open, Path("/dev/full"), "w+b", buffering=0)
    monkeypatch.setattr("pipeline.stages.pack.stage.SpooledTemporaryFile", lambda **_: full())
    with pytest.raises(DatasetError, match=r"the temporary folder /\S+ is full: shard \S+ is gathered there"):
        pack_clips(tmp_path, make_clips(tmp_path))
