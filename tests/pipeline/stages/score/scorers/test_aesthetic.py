from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from pipeline.stages.score.scorers.aesthetic import RIDGE_HEAD, LaionAesthetic, RidgeAesthetic, published_mlp
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from schemas.errors import ConfigError, MediaError, StageError

MLP_SHAPES = {
    "layers.0.weight": (1024, 768),
    "layers.0.bias": (1024,),
    "layers.2.weight": (128, 1024),
    "layers.2.bias": (128,),
    "layers.4.weight": (64, 128),
    "layers.4.bias": (64,),
    "layers.6.weight": (16, 64),
    "layers.6.bias": (16,),
    "layers.7.weight": (1, 16),
    "layers.7.bias": (1,),
}
"""Names and shapes in the published file sac+logos+ava1-l14-linearMSE.pth."""


def vectors(seed: int, stills: int, width: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(stills, width)).astype(np.float32)


@pytest.fixture(scope="module")
def ridge() -> RidgeAesthetic:
    return RidgeAesthetic(threads=1)


@pytest.fixture(scope="module")
def mlp(tmp_path_factory: pytest.TempPathFactory) -> LaionAesthetic:
    torch.manual_seed(0)
    state = {f"layers.{name}": value for name, value in published_mlp().state_dict().items()}
    state["layers.7.bias"] += 5
    assert {name: tuple(value.shape) for name, value in state.items()} == MLP_SHAPES
    path = tmp_path_factory.mktemp("heads") / "mlp.pth"
    torch.save(state, path)
    return LaionAesthetic(threads=1, weights=str(path))


def linear(folder: Path, width: int) -> tuple[LaionAesthetic, dict[str, torch.Tensor]]:
    layer = torch.nn.Linear(width, 1)
    state = {name: value.detach() for name, value in layer.state_dict().items()}
    state["bias"] += 5
    path = folder / f"linear_{width}.pth"
    torch.save(state, path)
    return LaionAesthetic(threads=1, weights=str(path)), state


def test_the_packaged_head_says_where_it_comes_from(ridge: RidgeAesthetic) -> None:
    assert "NIMA" in ridge.provenance["ratings"]
    assert ridge.provenance["embedder"] == EfficientNetLite0.model
    assert float(ridge.provenance["held_out_pearson"]) > 0.6


def test_ridge_is_a_dot_product_with_unit_vectors(ridge: RidgeAesthetic) -> None:
    head = load_file(RIDGE_HEAD)
    stills = np.abs(vectors(1, 3, 1280))
    expected = [float(still / np.linalg.norm(still) @ head["weights"] + head["bias"][0]) for still in stills]
    scores = ridge.score(stills)
    assert scores == pytest.approx({"aesthetic": np.mean(expected), "aesthetic_min": min(expected)}, rel=1e-5)
    assert set(scores) == set(ridge.measures)


@given(seed=st.integers(0, 99), scale=st.floats(0.01, 100))
def test_length_of_a_vector_does_not_matter(
    ridge: RidgeAesthetic, mlp: LaionAesthetic, seed: int, scale: float
) -> None:
    for scorer, width in ((ridge, 1280), (mlp, 768)):
        stills = vectors(seed, 2, width)
        assert scorer.score(stills * np.float32(scale)) == pytest.approx(scorer.score(stills), rel=1e-4)


@given(seed=st.integers(0, 99), scale=st.sampled_from([0, 1]))
def test_ratings_stay_on_the_scale(ridge: RidgeAesthetic, seed: int, scale: int) -> None:
    scores = ridge.score(vectors(seed, 4, 1280) * np.float32(scale))
    assert 1 <= scores["aesthetic_min"] <= scores["aesthetic"] <= 10


def test_mlp_has_no_dropout_when_it_scores(mlp: LaionAesthetic) -> None:
    assert mlp.score(vectors(3, 4, 768)) == mlp.score(vectors(3, 4, 768))
    assert mlp.embedder == "open_clip_vit_l14"


@pytest.mark.parametrize(("width", "embedder"), [(768, "open_clip_vit_l14"), (512, "open_clip_vit_b32")])
def test_linear_heads(tmp_path: Path, width: int, embedder: str) -> None:
    scorer, state = linear(tmp_path, width)
    stills = vectors(5, 3, width)
    units = stills / np.linalg.norm(stills, axis=1, keepdims=True)
    expected = units @ state["weight"].numpy()[0] + state["bias"].numpy()
    assert scorer.embedder == embedder
    assert scorer.score(stills)["aesthetic"] == pytest.approx(float(expected.mean()), rel=1e-5)
    assert f"linear_{width}.pth@" in scorer.model


def test_vectors_of_another_embedder_are_refused(ridge: RidgeAesthetic, mlp: LaionAesthetic) -> None:
    with pytest.raises(ConfigError, match="efficientnet_lite0"):
        ridge.score(vectors(0, 2, 768))
    with pytest.raises(ConfigError, match="open_clip_vit_l14"):
        mlp.score(vectors(0, 2, 1280))


def test_a_clip_without_stills_has_no_rating(ridge: RidgeAesthetic) -> None:
    with pytest.raises(MediaError, match="at least one still"):
        ridge.score(vectors(0, 0, 1280))


def test_wrong_heads_are_named(tmp_path: Path) -> None:
    stray = tmp_path / "stray.pth"
    torch.save({"other": torch.zeros(3, 4)}, stray)
    with pytest.raises(StageError, match=r"stray\.pth"):
        LaionAesthetic(threads=1, weights=str(stray))
    with pytest.raises(ConfigError, match="linearMSE"):
        LaionAesthetic(threads=1)
    old = tmp_path / "old.safetensors"
    save_file({"weights": np.zeros(768, np.float32), "bias": np.zeros(1, np.float32)}, old, {"embedder": "another"})
    with pytest.raises(StageError, match="another"):
        RidgeAesthetic(threads=1, weights=str(old))
