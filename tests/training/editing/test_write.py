"""What an edit leaves behind: films, a sheet, and measures that say what took them."""

import json
from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from training.editing.write import EditedVideo, measure, side_by_side, write_edits


class Colours:
    """Sees the mean colour; knows the words red and blue."""

    name = "mean colour"

    def embed_frames(self, frames: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(frames.mean(axis=(1, 2)), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32] | None:
        return np.array([[1, 0, 0] if "red" in text else [0, 0, 1] for text in texts], np.float32)


class Wordless(Colours):
    def embed_texts(self, texts: Sequence[str]) -> None:
        return None


def plain(colour: tuple[int, int, int], frames: int = 3) -> NDArray[np.uint8]:
    return np.broadcast_to(np.array(colour, np.uint8), (frames, 32, 48, 3)).copy()


@pytest.fixture
def videos() -> list[EditedVideo]:
    red, blue = plain((200, 0, 0)), plain((0, 0, 200))
    return [
        EditedVideo(name="source", prompt="red", pixels=red),
        EditedVideo(name="reconstruction", prompt="red", pixels=red + np.uint8(10)),
        EditedVideo(name="edit-1", prompt="blue", pixels=blue),
    ]


def test_films_are_measured_against_their_own_prompts(videos: list[EditedVideo]) -> None:
    source, again, edit = measure(videos, Colours(), decoded_source=videos[0].pixels)
    assert source.text_alignment == pytest.approx(1)
    assert source.frame_consistency == pytest.approx(1)
    assert edit.text_alignment == pytest.approx(1)
    assert edit.psnr is None
    assert again.psnr == pytest.approx(28.13, abs=0.01)
    assert measure(videos, Wordless(), videos[0].pixels)[2].text_alignment is None


def test_everything_is_written_side_by_side(videos: list[EditedVideo], tmp_path: Path) -> None:
    measured = measure(videos, Colours(), videos[0].pixels)
    facts = {"checkpoint": "run, step 5", "sampling": "DDIM", "codec": "linear", "measured_by": "mean colour"}
    write_edits(str(tmp_path), videos, measured, 8.0, facts)
    described = json.loads((tmp_path / "edits.json").read_text())
    assert [entry["name"] for entry in described["films"]] == ["source", "reconstruction", "edit-1"]
    assert described["measured_by"] == "mean colour"
    with av.open(str(tmp_path / "side_by_side.mp4")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 3
    assert frames[0].shape == (32, 3 * 48 + 2 * 4, 3)
    assert np.abs(frames[1][16, 24].astype(int) - (200, 0, 0)).max() < 12
    assert np.abs(frames[1][16, -24].astype(int) - (0, 0, 200)).max() < 12
    assert Image.open(tmp_path / "sheet.png").height > 3 * 64
    assert {path.name for path in tmp_path.glob("*.mp4")} == {
        "source.mp4", "reconstruction.mp4", "edit-1.mp4", "side_by_side.mp4"}  # fmt: skip


def test_films_stand_from_left_to_right_with_a_gap() -> None:
    joined = side_by_side([plain((1, 1, 1)), plain((2, 2, 2))])
    assert joined.shape == (3, 32, 100, 3)
    assert joined[0, 0, ::47, 0].tolist() == [1, 1, 2]
    assert (joined[:, :, 48:52] == 255).all()
