"""Taught heads as scorers: the file says everything, and nothing else is taken for one.

python -m pytest tests/pipeline/stages/score/scorers/test_taught.py
"""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from pipeline.stages.score.scorers.taught import Head, TaughtHead, load_head
from schemas.errors import ConfigError, MediaError

FACTS = {"embedder": EfficientNetLite0.model, "embedder_name": EfficientNetLite0.name, "labels": "mine.csv@00"}
WEIGHTS = np.linspace(-4, 4, 1280).astype(np.float32)


def write(path: Path, head: Head, **facts: str) -> Path:
    head.save(path, {"name": path.stem, **FACTS, **facts})
    return path


def vectors(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return np.random.default_rng(0).uniform(0, 6, (count, 1280)).astype(np.float32)


def test_a_class_is_a_mean_probability_of_the_stills(tmp_path: Path) -> None:
    head = Head(kind="class", weights=WEIGHTS, bias=-0.25)
    scorer = TaughtHead(threads=1, weights=str(write(tmp_path / "calm.safetensors", head, definition="nothing moves")))
    assert scorer.provenance["labels"] == "mine.csv@00"
    assert scorer.measures == {"calm": "mean over the stills, probability, 0 to 1: nothing moves"}
    first, second = (scorer.score(vectors(2)[place : place + 1])["calm"] for place in (0, 1))
    assert 0 < first < 1
    assert first != second
    assert scorer.score(vectors(2)) == {"calm": pytest.approx((first + second) / 2)}
    assert scorer.score(1000 * vectors(1)) == {"calm": pytest.approx(first)}  # only the direction counts


def test_a_rating_stays_on_the_scale_of_its_labels(tmp_path: Path) -> None:
    head = Head(kind="rating", weights=100 * WEIGHTS, bias=3.0, lowest=1.0, highest=5.0)
    path = write(tmp_path / "mood.safetensors", head)
    assert load_head(path)[0].highest == 5.0
    assert TaughtHead(threads=1, weights=str(path)).score(WEIGHTS[np.newaxis])["mood"] == 5.0
    assert TaughtHead(threads=1, weights=str(path)).score(-WEIGHTS[np.newaxis])["mood"] == 1.0


def test_equal_heads_are_equal_models_wherever_they_lie(tmp_path: Path) -> None:
    head = Head(kind="class", weights=WEIGHTS, bias=0.0)
    first = write(tmp_path / "x" / "a.safetensors", head)
    (tmp_path / "a.safetensors").write_bytes(first.read_bytes())
    models = {TaughtHead(threads=1, weights=str(path)).model for path in (first, tmp_path / "a.safetensors")}
    assert len(models) == 1
    other = write(tmp_path / "a.safetensors", Head(kind="class", weights=WEIGHTS, bias=0.1))
    assert TaughtHead(threads=1, weights=str(other)).model not in models


def test_what_is_no_taught_head_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no\.safetensors"):
        TaughtHead(threads=1, weights=str(tmp_path / "no.safetensors"))
    (tmp_path / "text.safetensors").write_text("not a head")
    with pytest.raises(ConfigError, match="just teach"):
        TaughtHead(threads=1, weights=str(tmp_path / "text.safetensors"))
    save_file({"weights": WEIGHTS}, tmp_path / "bare.safetensors", {"name": "bare", "kind": "class"})
    with pytest.raises(ConfigError, match="lacks embedder, embedder_name, lowest, highest, bias"):
        TaughtHead(threads=1, weights=str(tmp_path / "bare.safetensors"))
    renamed = write(tmp_path / "one.safetensors", Head(kind="class", weights=WEIGHTS, bias=0.0)).rename(
        tmp_path / "two.safetensors"
    )
    with pytest.raises(ConfigError, match=r"is named 'one'; call its file one\.safetensors"):
        TaughtHead(threads=1, weights=str(renamed))


def test_bad_input_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "calm.safetensors", Head(kind="class", weights=WEIGHTS, bias=0.0))
    scorer = TaughtHead(threads=1, weights=str(path))
    with pytest.raises(MediaError, match="at least one still"):
        scorer.score(np.zeros((0, 1280), np.float32))
    with pytest.raises(ConfigError, match="efficientnet_lite0"):
        scorer.score(np.zeros((2, 768), np.float32))
    with pytest.raises(ConfigError, match="needs weights"):
        TaughtHead(threads=1)
