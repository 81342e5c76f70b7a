"""From a dataset's tables to a student's folder: which captions count as a teacher's, what is left out, and why."""

import argparse
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from captioning.backends.packaged import DEFAULT_CACHE, unpacked
from captioning.distill.folder import PROVENANCE
from captioning.distill.prompt import FILE
from pipeline.commands.distill import distill
from pipeline.dataset.folder import Dataset
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.history import History
from pipeline.readers.teacher import FAILED, FELL_BACK, NO_INPUT, image_pairs, read_teacher_captions, summary_pairs
from pipeline.stage import Output
from schemas.caption_tables import CAPTIONS, FRAME_CAPTIONS
from schemas.config import RunConfig
from schemas.contract import TableContract
from schemas.dataset_files import SPANS_FILE
from schemas.errors import ConfigError, InputError
from schemas.media_tables import STILL_IMAGES
from schemas.outcome_tables import SAMPLE_SPANS
from tests.tiny_language import save_tiny_language
from tests.tiny_vision import save_tiny_vision

CLIP_IDS = [f"{source}-{clip}" for source in ("aa", "bb", "cc", "dd") for clip in (0, 1)]
FALLBACK, BROKEN, UNTOLD = "aa-1", "bb-1", "cc-1"


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, "JPEG")
    return file.getvalue()


@pytest.fixture(scope="module")
def captioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight clips of four sources: one caption is a fallback, one failed, one lost its frame captions and stills."""
    folder = tmp_path_factory.mktemp("footage")
    dataset = Dataset(str(folder))
    fine = {"status": "ok", "error": None, "attempts": 1}

    def write(name: str, contract: TableContract, rows: list[dict[str, object]]) -> None:
        output = Output(folder=name, contract=contract, parent=contract.key)
        empty = {column.name: None if column.optional else _zero(str(column.type)) for column in contract.columns}
        dataset.write_part(output, "f1", "part-0", contract.table([{**empty, **row} for row in rows]))

    write("clips", CLIPS, [{"clip_id": key, "video_id": key[:2]} for key in CLIP_IDS])
    captions: list[dict[str, object]] = [
        {"sample_id": key, "clip_id": key, "dense": f"A red wall, seen in {key}.", "summariser": "openai",
         "model": "teacher-72b", "fallback": "invents 'cat'" if key == FALLBACK else None, **fine}
        for key in CLIP_IDS if key != BROKEN
    ]  # fmt: skip
    write("captions", CAPTIONS, [*captions, CAPTIONS.failed_row(BROKEN, "no reply", 1, {})])
    stills = [(key, index) for key in CLIP_IDS if key != UNTOLD for index in (1, 0)]
    write("frame_captions", FRAME_CAPTIONS, [
        {"still_id": f"{key}-s00{index}", "clip_id": key, "time": float(index), "caption": f"Wall {index}.", **fine}
        for key, index in stills
    ])  # fmt: skip
    write("still_images", STILL_IMAGES, [
        {"still_id": f"{key}-s00{index}", "clip_id": key, "image": jpeg()} for key, index in stills
    ])  # fmt: skip
    dataset.write_table(SPANS_FILE, SAMPLE_SPANS, SAMPLE_SPANS.table(
        {"sample_id": key, "clip_id": key, "bucket": "64x64x17@8", "ordinal": 0, "start_time": 0.0, "end_time": 2.0,
         "stills": [{"still_id": f"{key}-s00{index}", "time": float(index), "hash": 0} for index in range(2)]}
        for key in CLIP_IDS
    ))  # fmt: skip
    stages = {name: {"fingerprint": "f1"} for name in ("split", "caption", "summarise")}
    dataset.write_record({"config": RunConfig().model_dump(), "stages": stages})
    return folder


def _zero(type_name: str) -> object:
    if type_name.startswith(("map", "list")):
        return []
    return {"string": "x", "binary": b"", "bool": False}.get(type_name, 0)


def test_only_a_teachers_words_are_learned_from(captioned: Path) -> None:
    history = History(Dataset(str(captioned)))
    lesson = read_teacher_captions(history, 100)
    assert lesson.teachers == ["openai: teacher-72b"]
    pairs = {pair.sample_id: pair for pair in summary_pairs(history, lesson)}
    assert set(pairs) == set(CLIP_IDS) - {FALLBACK, BROKEN, UNTOLD}
    assert lesson.left_out == {FAILED: 1, FELL_BACK: 1, NO_INPUT: 1}
    assert pairs["dd-0"].captions == ("Wall 0.", "Wall 1.")
    assert pairs["dd-0"].source == "dd"
    (still,) = {len(pair.images) for pair in image_pairs(history, lesson, 1)}
    assert still == 1
    assert len(read_teacher_captions(history, 2).captions) == 2


def _arguments(dataset: Path, student: str, base: Path | None, out: Path, **others: object) -> argparse.Namespace:
    given = {"pairs": 50, "stills": 2, "rank": 4, "rate": 1e-2, "batch": 2, "epochs": 1, "patience": 3, "seed": 0}
    known = {"student": student, "dataset": str(dataset), "base": base, "out": out, "threads": 1}
    return argparse.Namespace(**{**given, **known, **others})


def test_both_students_leave_a_folder_that_tells_its_story(
    captioned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = unpacked(DEFAULT_CACHE)
    bases = {
        "summariser": save_tiny_language(tmp_path / "llm", words),
        "captioner": save_tiny_vision(tmp_path / "vlm", words),
    }
    for student, base in bases.items():
        out = tmp_path / student
        distill(_arguments(captioned, student, base, out))
        assert "held-out loss" in capsys.readouterr().out
        record = json.loads((out / PROVENANCE).read_text())
        assert record["teachers"] == ["openai: teacher-72b"]
        assert record["left_out"] == {FAILED: 1, FELL_BACK: 1, NO_INPUT: 1}
        assert record["pairs"]["learned"] + record["pairs"]["held_out"] == 5
        assert json.loads((out / FILE).read_text())["prompt_hash"] == record["prompt_hash"]


def test_what_cannot_be_done_is_said_before_any_work(captioned: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--base is missing"):
        distill(_arguments(captioned, "captioner", None, tmp_path / "out"))
    with pytest.raises(ConfigError, match="--batch 0"):
        distill(_arguments(captioned, "summariser", None, tmp_path / "out", batch=0))
    with pytest.raises(InputError, match="is there already"):
        distill(_arguments(captioned, "summariser", None, tmp_path))
