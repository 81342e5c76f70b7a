from pathlib import Path

import numpy as np
import pytest

from pipeline.stages.score.scorers.open_clip import UNTRAINED, OpenClipVitB32, OpenClipVitL14
from schemas.errors import StageError
from tests.pipeline.stages.score.scorers.samples import photograph


@pytest.mark.slow  # 1.7 GB of random weights
def test_vit_l14_gives_what_the_laion_heads_read() -> None:
    embedder = OpenClipVitL14(threads=2, weights=UNTRAINED)
    vectors = embedder.embed([photograph("coffee")])
    assert vectors.shape == (1, embedder.dimension) == (1, 768)
    assert np.isfinite(vectors).all()
    assert embedder.model.endswith("ViT-L-14-quickgelu untrained")


def test_a_local_checkpoint_is_loaded_and_named_by_its_content(tmp_path: Path) -> None:
    import open_clip
    import torch

    clip = open_clip.create_model(OpenClipVitB32.architecture).eval()
    checkpoint = tmp_path / "vit_b32.pt"
    torch.save(clip.state_dict(), checkpoint)
    embedder = OpenClipVitB32(threads=2, weights=str(checkpoint))
    stills = [photograph("coffee"), photograph("chelsea")]
    vectors = embedder.embed(stills)
    assert vectors.shape == (2, embedder.dimension)
    np.testing.assert_allclose(vectors[1:], embedder.embed(stills[1:]), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(embedder._tower.proj.detach().numpy(), clip.visual.proj.detach().numpy())
    assert "vit_b32.pt@" in embedder.model
    assert str(tmp_path) not in embedder.model


def test_weights_that_are_neither_a_tag_nor_a_file() -> None:
    with pytest.raises(StageError, match=r"absent\.pt"):
        OpenClipVitB32(threads=1, weights="absent.pt")
