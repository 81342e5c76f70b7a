"""The main job on a small real bucket: every object in one state, shards inside their shots, and reruns that do little.

One dataset goes through the tests in order, as it would with a person: run, run again, change, grow.
"""

import io
import json
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
import webdataset
from numpy.typing import NDArray

from captioning.joining import join
from pipeline.curate import Curation
from pipeline.dataset.folder import Dataset
from pipeline.dataset.verify import verify
from pipeline.engine.cluster import Cluster
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.history import History
from pipeline.stages.score.configured import scorer_names
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS, SCORES
from schemas.config import RunConfig
from schemas.dataset_files import INDEX, LEDGER_FILE
from schemas.load import load_config
from schemas.media_tables import STILLS
from schemas.outcome_tables import LEDGER, SAMPLES
from tests.end_to_end import readers
from tests.end_to_end.bucket import ADDED, FILMS, FPS, STATES, make_bucket, write_film
from tests.end_to_end.older import is_older, make_older
from tests.films import shots

SETTINGS = ["summarise.summariser=join", "pack.validation_share=0.3", "ingest.videos_per_part=4"]
LOOKING = ("ingest", "split", "embed", "label", "score aesthetic_ridge", "score text_area", "score single_shot")


class Home:
    """A bucket, its dataset, and the way to run over them."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.bucket = make_bucket(folder / "bucket")
        self.dataset = Dataset(str(folder / "dataset"))
        self.cluster = cluster

    def run(self, *changes: str) -> dict[str, Any]:
        """Run and return the record; the shards must hold what they promise after every run."""
        config = load_config(changes=[*SETTINGS, *changes])
        curation = Curation(str(self.bucket), self.dataset, config, self.cluster)
        record = curation.run()
        assert (curation.complaints, verify(self.dataset)) == ([], [])
        return record

    def ledger(self, kind: str) -> dict[str, dict[str, Any]]:
        """Ledger rows of one kind by id."""
        rows = self.dataset.read_table(LEDGER_FILE, LEDGER).to_pylist()
        return {row["id"]: row for row in rows if row["kind"] == kind}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster) -> Home:
    curated = Home(tmp_path_factory.mktemp("curate"), cluster)
    curated.first = curated.run()  # type: ignore[attr-defined]
    return curated


def computed(record: dict[str, Any]) -> dict[str, int]:
    return {name: stage["computed"] for name, stage in record["stages"].items() if stage["computed"]}


def test_every_object_ends_in_exactly_one_state_for_a_reason(home: Home) -> None:
    videos = home.ledger("video")
    assert {row["source"]: row["state"] for row in videos.values()} == STATES
    assert len(videos) == len(STATES)
    reasons = {row["source"]: row["reason"] for row in videos.values() if row["state"] != "shipped"}
    assert "text file" in reasons["notes.txt"]
    assert "0 bytes" in reasons["nothing.mp4"]
    assert "truncated" in reasons["cut-off.mp4"]
    assert "1.25 s, less than split.min_seconds" in reasons["short.mp4"]
    assert "smaller than" in reasons["small.mp4"]


def test_a_video_is_decoded_once_to_look_and_its_spans_once_more(home: Home) -> None:
    stages = home.first["stages"]  # type: ignore[attr-defined]
    frames = sum(sum(film.lengths) for film in FILMS.values()) + 30 + 60
    assert stages["split"]["counters"]["decoded_frames"] == frames + 1  # and the picture
    assert stages["split"]["counters"]["videos_decoded"] == len(FILMS) + 2
    # Seeking lands on a key frame (every 24 frames) before the span.
    shipped = sum(sum(film.lengths) for film in FILMS.values())
    samples = len(home.ledger("sample"))
    assert stages["encode"]["counters"]["decoded_frames"] <= shipped + 1 + 24 * samples


def test_samples_decode_to_their_bucket_inside_their_shot(home: Home) -> None:
    """Every packed frame looks like a frame of its own shot at its own time, seen by its mean colour."""
    index = home.dataset.read_table(INDEX, SAMPLES).to_pylist()
    source = {row["id"]: row["source"] for row in home.ledger("sample").values()}
    checked = 0
    for sample in index:
        key = source[sample["sample_id"]]
        if key not in FILMS:
            continue
        film = FILMS[key]
        means = [picture.mean(axis=(0, 1)) for picture in shots(film.lengths, film.size, film.seed)]
        path = Path(home.dataset.store.uri) / "shards" / sample["shard"]
        frames = read_sample(path, sample["sample_id"])
        assert len(frames) == sample["frames"]
        assert frames[0].shape == (sample["height"], sample["width"], 3)
        first = round((sample["start_time"] - film.start) * FPS)
        shot = np.searchsorted(np.cumsum(film.lengths), first, side="right")
        bounds = (sum(film.lengths[:shot]), sum(film.lengths[: shot + 1]))
        for place, picture in enumerate(frames):
            wanted = min(first + round(place * FPS / sample["fps"]), bounds[1] - 1)
            assert bounds[0] <= wanted < bounds[1]
            assert np.abs(picture.mean(axis=(0, 1)) - means[wanted]).max() < 12
            checked += 1
    assert checked > 100


def test_a_sample_is_captioned_from_the_stills_inside_its_span_and_names_them(home: Home) -> None:
    stages, history = home.first["stages"], History(home.dataset)  # type: ignore[attr-defined]
    spans = history.spans
    asked = {still["still_id"] for span in spans.values() for still in span["stills"]}
    stills = history.parts("stills", "split", STILLS, ["still_id", "time", "hash"]).to_pylist()
    assert stages["caption"]["rows"] == stages["caption"]["computed"] == len(asked) < len(stills)
    assert stages["summarise"]["computed"] == len(spans)
    frames = {row["still_id"]: row for row in history.parts("frame_captions", "caption", FRAME_CAPTIONS).to_pylist()}
    said = {row["sample_id"]: row for row in history.parts("captions", "summarise", CAPTIONS).to_pylist()}
    hashes = {(row["time"], f"{row['hash']:016x}") for row in stills}
    checked = 0
    for row in home.dataset.read_table(INDEX, SAMPLES).to_pylist():
        path = Path(home.dataset.store.uri) / "shards" / row["shard"]
        (described,) = (
            json.loads(sample["json"])
            for sample in webdataset.WebDataset(str(path), shardshuffle=False)
            if sample["__key__"] == row["sample_id"]
        )
        start, end = described["span"]
        assert (start, end) == (row["start_time"], row["end_time"])
        assert all((still["time"], still["hash"]) in hashes for still in described["stills"])
        assert all(start <= still["time"] < end or start == end for still in described["stills"])
        span = spans[row["sample_id"]]
        assert [still["time"] for still in described["stills"]] == [still["time"] for still in span["stills"]]
        words = join([frames[still["still_id"]]["caption"] for still in span["stills"]])
        assert described["captions"]["dense"] == said[row["sample_id"]]["dense"] == words
        checked += 1
    assert checked == len(spans) >= 7


def read_sample(path: Path, key: str) -> list[NDArray[np.uint8]]:
    for sample in webdataset.WebDataset(str(path), shardshuffle=False):
        if sample["__key__"] == key:
            assert json.loads(sample["json"])["captions"]["dense"]
            with cast(Any, av.open(io.BytesIO(sample["mp4"]))) as container:
                return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    raise AssertionError(f"{key} is not in {path}")


def test_the_same_run_again_computes_nothing(home: Home) -> None:
    record = home.run()
    assert record["computed_rows"] == 0
    assert record["bottleneck"] is None


def test_a_dataset_of_an_earlier_version_is_read_as_it_lies_and_computes_nothing_again(home: Home) -> None:
    def content() -> list[Any]:
        history = History(home.dataset)
        captions = history.parts("captions", "summarise", CAPTIONS).to_pylist()
        clips = history.parts("clips", "split", CLIPS).to_pylist()
        names = scorer_names(RunConfig().score)
        scores = [history.parts(f"scores/{name}", f"score {name}", SCORES).to_pylist() for name in names]
        return [clips, scores, history.spans, captions, home.dataset.read_table(INDEX, SAMPLES).to_pylist()]

    before = content()
    make_older(home.dataset)
    assert content() == before
    assert verify(home.dataset) == []
    record = home.run()
    assert computed(record) == {"index": len(before[-1])}
    assert content() == before
    assert [file.key for file in home.dataset.store.list() if is_older(file.key)] == []
    for folder in readers.table_folders(Path(home.dataset.store.uri)).values():
        assert {file.suffix for file in folder.iterdir()} == {".parquet"}
    assert readers.read_with_pyarrow(Path(home.dataset.store.uri)) == readers.rows_of_parts(
        Path(home.dataset.store.uri)
    )


def test_another_prompt_captions_again_and_looks_at_nothing_again(home: Home) -> None:
    record = home.run("caption.prompt={subject} in {light}")
    assert computed(record).keys() == {"caption", "summarise", "pack", "verify", "index"}
    assert computed(record)["caption"] == record["stages"]["caption"]["rows"]
    back = home.run()
    assert computed(back).keys() <= {"pack", "verify", "index"}
    assert back["stages"]["encode"]["counters"] == {}


def test_another_bucket_set_captions_the_stills_that_no_sample_showed_before(home: Home) -> None:
    def asked() -> set[str]:
        spans = History(home.dataset).spans.values()
        return {still["still_id"] for span in spans for still in span["stills"]}

    before = asked()
    record = home.run("pack.buckets=[256x256x9@8, 256x256x1]")  # 1.125 s: more samples of each clip, and its whole
    after = asked()
    assert before < after
    counts = computed(record)
    assert counts["caption"] == len(after - before)
    assert counts["summarise"] == record["inputs"]["samples"] == len(home.ledger("sample"))
    assert not set(counts) & set(LOOKING)
    assert not set(computed(home.run())) & {*LOOKING, "caption", "summarise"}


def test_another_threshold_computes_newly_kept_rows_only(home: Home) -> None:
    strict = home.run("select.rules=[duration <= 2.6]")
    assert not set(computed(strict)) & {*LOOKING, "caption", "summarise", "encode"}
    filtered = [row for row in home.ledger("clip").values() if row["state"] == "filtered"]
    assert filtered
    assert all("the rule says duration <= 2.6" in row["reason"] for row in filtered)
    before = home.run("select.rules=[duration <= 2.6]", "caption.prompt={light}")
    loose = home.run("caption.prompt={light}")
    assert computed(loose)["caption"] == loose["stages"]["caption"]["rows"] - before["stages"]["caption"]["rows"]
    assert not set(computed(loose)) & {*LOOKING, "encode"}


def test_a_film_that_is_added_computes_that_film_and_the_packing(home: Home) -> None:
    home.run()
    splits = {row["id"]: row["source"] for row in home.ledger("sample").values()}
    shards = {path: path.read_bytes() for path in Path(home.dataset.store.uri).rglob("*.tar")}
    write_film(home.bucket / "added.mp4", ADDED)
    record = home.run()
    counts = computed(record)
    assert (counts["ingest"], counts["split"], counts["embed"], counts["caption"], counts["summarise"]) == (
        1,
        1,
        3,
        3,
        1,
    )
    assert (counts["encode"], counts["pack"], counts["verify"]) == (1, 1, 1)
    assert record["stages"]["encode"]["rows"] == len(home.ledger("sample"))
    assert {path: path.read_bytes() for path in shards} == shards
    assert set(splits) < set(home.ledger("sample"))
    assert (
        home.ledger("video")[next(key for key, row in home.ledger("video").items() if row["source"] == "added.mp4")][
            "state"
        ]
        == "shipped"
    )


def test_nothing_kept_is_a_normal_end(home: Home) -> None:
    record = home.run("select.rules=[width > 10000]")
    assert record["inputs"]["samples"] == 0
    assert {row["state"] for row in home.ledger("clip").values()} == {"filtered"}
    assert not list((Path(home.dataset.store.uri) / "shards").rglob("*.tar"))
