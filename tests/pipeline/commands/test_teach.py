"""Teaching end to end without Ray: drawn images, real embeddings, a head, its column, and a rule that uses it.

python -m pytest tests/pipeline/commands/test_teach.py
"""

import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest

from pipeline.commands import teach
from pipeline.dataset.folder import Dataset
from pipeline.measures.clips_table import CLIPS
from pipeline.readers.history import History
from pipeline.readers.teaching.presets import PRESETS
from pipeline.stages.score import embed
from pipeline.stages.score.check import check_scorers
from pipeline.stages.score.configured import measure_names, scorer_names
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from pipeline.stages.score.scorers.taught import load_head
from pipeline.stages.score.stage import Score
from pipeline.stages.specs_of_run import make_specs
from schemas.caption_tables import EMBEDDINGS, SCORES
from schemas.config import RunConfig, ScoreConfig, SelectConfig
from schemas.errors import ConfigError, InputError
from schemas.media_tables import DUPLICATES
from tests.films import Picture, make_film, moving, texture
from tests.pipeline.row_by_row import with_measures
from tests.pipeline.selected import select_rows

SOURCES = 6


def page(seed: int) -> Picture:
    """A page of text, another colour each time."""
    image = np.full((256, 384, 3), 235 - 25 * (seed % 5), np.uint8)
    for line in range(6):
        words = f"{seed}: line {line} of a page"
        cv2.putText(image, words, (15, 40 + 36 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.8, (20, 20, 9 * seed), 2)
    return image


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images, a video and labels, and the head `lecture` that was taught from them."""
    folder = tmp_path_factory.mktemp("taught")
    rows: list[tuple[object, ...]] = []
    for seed in range(SOURCES):
        cv2.imwrite(str(folder / f"page{seed}.png"), page(seed))
        cv2.imwrite(str(folder / f"view{seed}.png"), texture(seed))
        rows += [(f"page{seed}.png", "", "yes", ""), (f"view{seed}.png", "", "no", "")]
    make_film(folder / "film.mp4", moving(texture(9), 24), fps=8)
    rows += [("film.mp4", 0, "no", "one view"), ("film.mp4", 2.5, "no", "the same")]
    (folder / "broken.mp4").write_bytes(b"")
    rows.append(("broken.mp4", "", "yes", ""))
    with (folder / "labels.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([("file", "seconds", "label", "note"), *rows])
    run(folder, "labels.csv", "lecture", "--origin", "drawn by a test")
    return folder


def run(folder: Path, labels: str, name: str, *more: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        given = [str(folder / labels), name, "--out", str(folder / f"{name}.safetensors"), *more]
        patch.setattr(sys, "argv", ["teach", *given])
        teach.main()


def test_the_head_says_what_it_is_made_of_and_how_well_it_does(taught: Path) -> None:
    head, facts = load_head(taught / "lecture.safetensors")
    assert head.kind == "class"
    assert facts["embedder"] == EfficientNetLite0.model
    assert facts["labels"].startswith("labels.csv@")
    assert facts["definition"] == PRESETS["lecture"].definition
    assert "CogVideoX" in facts["preset"]
    counts = ("rows", "stills", "sources", "positives", "negatives", "negatives_sources", "left_out_files")
    assert [facts[name] for name in counts] == ["14", "14", "13", "6", "8", "7", "1"]
    assert facts["origin"] == "drawn by a test"
    assert facts["held_out_balanced_accuracy"].startswith("1.000")


def test_prints_counts_measures_and_the_rows_to_look_at_again(taught: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (taught / "labels.csv").read_text().replace("page3.png,,yes", "page3.png,,no")
    (taught / "wrong.csv").write_text(rows)
    run(taught, "wrong.csv", "texts", "--worst", "1")
    printed = capsys.readouterr()
    assert "broken.mp4 is left out, as the pipeline would: empty file" in printed.err
    assert "14 rows, 14 stills, 13 sources, 5 positives, 5 positives sources, 9 negatives" in printed.out
    assert all(word in printed.out for word in ("precision", "recall", "specificity", "balanced accuracy", "spearman"))
    assert "page3.png" in printed.out.split("Furthest from their labels")[1]
    assert "'texts < 0.5'" in printed.out


def test_a_column_of_the_heads_name_is_filled_and_a_rule_on_it_filters(taught: Path, tmp_path: Path) -> None:
    head = str(taught / "lecture.safetensors")
    config = RunConfig(score=ScoreConfig(heads=[head]), select=SelectConfig(rules=["lecture < 0.5"]))
    check_scorers(config.score)
    assert scorer_names(config.score)[-1] == measure_names(config.score)[-1] == "lecture"
    dataset = stored(tmp_path, {"11-0-20": page(20), "22-0-20": texture(20)})
    stage = Score(dataset.store.uri, "lecture", head, threads=1)
    part = dataset.part_key(embed.OUTPUTS[0], "f1", "part-0")
    status = {"status": "ok", "error": None, "attempts": 1}
    scores = []
    for clip in ("11-0-20", "22-0-20"):
        result = stage.process({"clip_id": clip, "references": [{"part": part, "key": f"{clip}-s000"}]})
        scores.append({**(result.values or {}), **status})
    clips, _ = with_measures(clip_table("11-0-20", "22-0-20"), [SCORES.table(scores)])
    selection, _ = select_rows(clips, config, {}, lambda rows: DUPLICATES.empty())
    states = {row["clip_id"]: (row["state"], row["rule"]) for row in selection.to_pylist()}
    assert states == {"11-0-20": ("filtered", "lecture < 0.5"), "22-0-20": ("kept", None)}


def test_clips_and_stills_of_a_dataset_are_taught_from_its_vectors(taught: Path, tmp_path: Path) -> None:
    images = {f"{kind}{seed}-0-20": draw(seed) for seed in range(6) for kind, draw in (("a", page), ("b", texture))}
    stored(tmp_path / "set", images)
    rows = [(clip, "", int(clip[0] == "a")) for clip in images if clip[1] != "5"]
    rows += [("", f"{clip}-s000", int(clip[0] == "a")) for clip in images if clip[1] == "5"]
    with (tmp_path / "labels.csv").open("w", newline="") as lines:
        csv.writer(lines).writerows([("clip", "still", "label"), *rows])
    run(tmp_path, "labels.csv", "pages", "--dataset", str(tmp_path / "set"))
    facts = load_head(tmp_path / "pages.safetensors")[1]
    assert (facts["rows"], facts["positives_sources"], facts["embedder"]) == ("12", "6", EfficientNetLite0.model)
    (tmp_path / "more.csv").write_text("clip,label\na0-0-20,1\nnone-0-20,0\n")
    with pytest.raises(InputError, match="row 3: the dataset has no vector of clip 'none-0-20'"):
        run(tmp_path, "more.csv", "pages", "--dataset", str(tmp_path / "set"))
    with pytest.raises(InputError, match="row 2 names a clip; name its dataset"):
        run(tmp_path, "more.csv", "pages")


def test_only_the_heads_own_stage_changes_with_its_content(taught: Path, tmp_path: Path) -> None:
    path = tmp_path / "lecture.safetensors"
    prints = []
    for bias in (0.0, 0.5):
        head, facts = load_head(taught / "lecture.safetensors")
        type(head)(kind="class", weights=head.weights, bias=bias).save(path, facts)
        scores = make_specs(RunConfig(score=ScoreConfig(heads=[str(path)])), str(tmp_path)).scores
        prints.append((scores["lecture"].fingerprint, scores["text_area"].fingerprint))
    assert prints[0][0] != prints[1][0]
    assert prints[0][1] == prints[1][1]


def test_heads_that_cannot_be_used_are_refused_before_any_work(taught: Path, tmp_path: Path) -> None:
    head = str(taught / "lecture.safetensors")
    with pytest.raises(ConfigError, match=r"reads vectors of efficientnet_lite0 .* 'open_clip_vit_b32'"):
        check_scorers(ScoreConfig(heads=[head], embedder="open_clip_vit_b32", labeller="", scorers=["text_area"]))
    with pytest.raises(ConfigError, match="two heads named 'lecture'"):
        check_scorers(ScoreConfig(heads=[head, head]))
    for name in ("aesthetic", "motion", "text_area", "kind"):
        with pytest.raises(ConfigError, match="a column that is there already"):
            run(taught, "labels.csv", name)
    with pytest.raises(ConfigError, match="use a-z, 0-9 and _"):
        run(taught, "labels.csv", "My-Head")
    (tmp_path / "labels.csv").write_text("file,label\nnone.mp4,1\n")
    with pytest.raises(InputError, match=r"row 2: no file 'none\.mp4'"):
        run(tmp_path, "labels.csv", "some")


def test_presets_are_six_with_a_question_and_a_rule(capsys: pytest.CaptureFixture[str]) -> None:
    teach.print_presets()
    printed = capsys.readouterr().out
    assert len(PRESETS) == printed.count("  ask:  ") == 6
    assert "rule: noisy_screenshot < 0.5" in printed


def stored(folder: Path, images: dict[str, Picture]) -> Dataset:
    """A dataset that holds the embedding of one still per clip."""
    dataset = Dataset(str(folder))
    encoded = [cv2.imencode(".png", image[:, :, ::-1])[1].tobytes() for image in images.values()]
    vectors = EfficientNetLite0(threads=1).embed(encoded)
    status = {"status": "ok", "error": None, "attempts": 1}
    rows = [
        {"still_id": f"{clip}-s000", "clip_id": clip, "model": EfficientNetLite0.model, "vector": vector.tolist()}
        for clip, vector in zip(images, vectors, strict=True)
    ]
    dataset.write_part(embed.OUTPUTS[0], "f1", "part-0", EMBEDDINGS.table([row | status for row in rows]))
    dataset.write_record({"config": RunConfig().model_dump(), "stages": {"embed": {"fingerprint": "f1"}}})
    assert len(History(dataset).parts("embeddings", "embed", EMBEDDINGS)) == len(images)
    return dataset


def clip_table(*keys: str) -> pa.Table:
    known = {"kind": "video", "shot": 0, "duration": 5.0, "fps": 24.0, "width": 384, "height": 256}
    known |= {"crop_width": 384, "crop_height": 256, "mirrored": False}
    numbers = {column.name: 0 for column in CLIPS.columns if not column.optional}
    optional = {column.name: None for column in CLIPS.columns if column.optional}
    return CLIPS.table([{**numbers, **optional, **known, "clip_id": key, "video_id": key[:2]} for key in keys])
