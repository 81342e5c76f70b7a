"""Frames of a file and of a dataset's clip: which ones, at which size, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from schemas.errors import InputError
from tests.films import make_film, moving, texture
from tests.training.latents.dataset import make_dataset
from training.editing.source_clip import ClipSpec, probe_video, read_clip, read_video


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    make_film(path, moving(texture(1), 20, (192, 128), (4, 0)), fps=10)
    return str(path)


def test_every_second_frame_from_a_moment_on_is_cut_to_size(video: str) -> None:
    everything = read_video(video, ClipSpec(width=192, height=128, frames=20))
    assert everything.pixels.shape == (20, 128, 192, 3)
    some = read_video(video, ClipSpec(width=64, height=64, frames=5, stride=2, start=0.4))
    assert (some.shape.width, some.shape.height, some.shape.frames, some.fps) == (64, 64, 5, 5.0)
    full = read_video(video, ClipSpec(width=192, height=128, frames=5, stride=2, start=0.4))
    assert np.array_equal(full.pixels, everything.pixels[4:14:2])
    # The centre of the covered frame: 192x128 scaled to 96x64, 16 columns cut on each side.
    centre = full.pixels[:, :, 32:160].reshape(5, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.abs(some.pixels - centre).mean() < 3
    assert some.identity != full.identity
    assert some.identity == read_video(video, ClipSpec(width=64, height=64, frames=5, stride=2, start=0.4)).identity


def test_what_is_too_short_or_no_film_is_refused(video: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has 10 frames from 0 s at stride 2, 24 are needed; set fewer"):
        read_video(video, ClipSpec(width=64, height=64, frames=24, stride=2))
    with pytest.raises(InputError, match="frames and stride must be 1 or more"):
        ClipSpec(width=64, height=64, frames=0)
    with pytest.raises(InputError, match="cannot be read"):
        probe_video(str(tmp_path / "nowhere.mp4"))
    (tmp_path / "text.mp4").write_text("no film")
    with pytest.raises(InputError, match=r"text\.mp4 cannot be read"):
        probe_video(str(tmp_path / "text.mp4"))


def test_a_clip_of_a_dataset_comes_with_its_caption(tmp_path: Path) -> None:
    dataset = str(make_dataset(tmp_path))
    whole = read_clip(dataset, "clip1", None)
    assert (str(whole.shape), whole.caption) == ("96x64x17@8", "A 1 that moves on.")
    some = read_clip(dataset, "clip1-96x64x17-8fps-0", ClipSpec(width=48, height=48, frames=4, stride=3, start=0.5))
    assert some.pixels.shape == (4, 48, 48, 3)
    assert some.fps == pytest.approx(8 / 3)
    for wanted, message in ((None, "no video of the clip 'clip9'; did you mean"),):
        with pytest.raises(InputError, match=message):
            read_clip(dataset, "clip9", wanted)
    with pytest.raises(InputError, match="17 frames from 0 s at stride 1, 18 are needed"):
        read_clip(dataset, "clip2", ClipSpec(width=48, height=48, frames=18))
