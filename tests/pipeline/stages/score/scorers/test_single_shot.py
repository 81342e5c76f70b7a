"""The second look: real vectors of drawn shots, alone and put together.

python -m pytest tests/pipeline/stages/score/scorers/test_single_shot.py
"""

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from pipeline.dataset.references import group_references, keys_of
from pipeline.stages.score.scorers.efficientnet import EfficientNetLite0
from pipeline.stages.score.scorers.single_shot import SingleShot
from schemas.errors import ConfigError, MediaError
from schemas.ids import still_id
from tests.films import Picture, moving, texture
from tests.pipeline.stages.score.scorers.samples import jpeg, photograph

SCORER = SingleShot(threads=1)
Vectors = NDArray[np.float32]


@pytest.fixture(scope="module")
def shots() -> dict[str, Vectors]:
    """Vectors of three stills each: a camera that moves over a texture, and two over photographs."""
    embedder = EfficientNetLite0(threads=1)
    embeddings = {
        "texture": embedder.embed([jpeg(image) for image in moving(texture(1, 600, 320), 3, (480, 320), (40, 0))])
    }
    for name in ("chelsea", "astronaut"):
        picture = _decoded(name)
        size = (picture.shape[1] - 40, picture.shape[0] - 40)
        embeddings[name] = embedder.embed([jpeg(image) for image in moving(picture, 3, size, (15, 10))])
    return embeddings


def _decoded(name: str) -> Picture:
    import cv2

    pixels = cv2.imdecode(np.frombuffer(photograph(name), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert pixels is not None
    return np.asarray(pixels, np.uint8)


@pytest.mark.parametrize("name", ["texture", "chelsea", "astronaut"])
def test_one_shot_agrees_with_itself(shots: dict[str, Vectors], name: str) -> None:
    scores = SCORER.score(shots[name])
    assert scores["impure"] == 0
    assert 0.6 < scores["still_agreement"] <= scores["side_agreement"] <= 1
    assert set(scores) == set(SCORER.measures)


@pytest.mark.parametrize(
    ("first", "second"), [("texture", "chelsea"), ("chelsea", "astronaut"), ("astronaut", "texture")]
)
@pytest.mark.parametrize("stills", [1, 3])
def test_two_shots_do_not(shots: dict[str, Vectors], first: str, second: str, stills: int) -> None:
    scores = SCORER.score(np.concatenate([shots[first][-stills:], shots[second]]))
    assert scores["impure"] == 1
    assert scores["side_agreement"] < 0.48


def test_something_that_passes_by_is_no_cut(shots: dict[str, Vectors]) -> None:
    """The picture comes back, so no place parts it; the smallest cosine of neighbours still tells of it."""
    scores = SCORER.score(np.concatenate([shots["chelsea"][:2], shots["texture"][:1], shots["chelsea"][1:]]))
    assert scores["still_agreement"] < 0.48
    assert scores["impure"] == 0


def test_the_order_of_time_decides(shots: dict[str, Vectors]) -> None:
    joined = np.concatenate([shots["chelsea"], shots["texture"]])
    assert SCORER.score(joined)["impure"] == SCORER.score(joined[::-1].copy())["impure"] == 1
    assert SCORER.score(joined[[0, 3, 1, 4, 2, 5]])["impure"] == 0


def test_references_to_stills_are_in_the_order_of_time() -> None:
    """What the scorer is given comes sorted by still id; that is the order of time also beyond ten stills."""
    ids = [still_id("c", ordinal) for ordinal in range(25)]
    table = pa.table({"clip_id": ["c"] * 25, "still_id": list(reversed(ids)), "part": ["p"] * 25})
    assert keys_of(group_references(table, "clip_id", "still_id")["c"]) == ids


def test_length_does_not_matter_and_one_still_agrees(shots: dict[str, Vectors]) -> None:
    scaled = shots["chelsea"] * np.array([[1.0], [20.0], [0.1]], np.float32)
    assert SCORER.score(scaled) == pytest.approx(SCORER.score(shots["chelsea"]), abs=1e-5)
    assert SCORER.score(shots["chelsea"][:1]) == {"still_agreement": 1, "side_agreement": 1, "impure": 0}


def test_bad_input_is_named() -> None:
    with pytest.raises(MediaError, match="at least one still"):
        SCORER.score(np.zeros((0, 1280), np.float32))
    with pytest.raises(ConfigError, match="efficientnet_lite0"):
        SCORER.score(np.zeros((2, 768), np.float32))
    with pytest.raises(ConfigError, match="leave them out"):
        SingleShot(threads=1, weights="x")
