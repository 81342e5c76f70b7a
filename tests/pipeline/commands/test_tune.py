"""The embedder passed to `just tune`: the packaged one embeds images, not texts."""

import numpy as np

from pipeline.commands.tune import ProfileEmbedder, open_embedder
from tests.films import moving, texture
from training.editing.metrics import frame_consistency


def test_the_packaged_eye_finds_frames_of_one_film_more_alike_than_pictures_of_many() -> None:
    embedder = open_embedder("")
    assert isinstance(embedder, ProfileEmbedder)
    assert embedder.name.startswith("efficientnet-lite0")
    film = np.stack(list(moving(texture(1), 3, (192, 128), (2, 0))))
    many = np.stack([next(moving(texture(seed), 1, (192, 128))) for seed in (1, 5, 9)])
    alike, unlike = (frame_consistency(embedder.embed_frames(frames)) for frames in (film, many))
    assert unlike < alike <= 1
    assert embedder.embed_texts(["a cat"]) is None
