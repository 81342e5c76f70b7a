from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.scorers.aesthetic import RidgeAesthetic
from pipeline.scorers.base import unit_length
from pipeline.scorers.fit_aesthetic import fit, held_out, read_ratings, stills_on_display
from pipeline.scorers.picture import decode
from schemas.errors import InputError


def video(path: Path, frames: int, fps: int) -> None:
    """A 1024x640 video whose frame number n has the grey level 10 n."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 1024, 640, "yuv420p"
        for number in range(frames):
            pixels = np.full((640, 1024, 3), 10 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def test_yields_the_frame_on_display(tmp_path: Path) -> None:
    video(tmp_path / "grey.mp4", frames=20, fps=4)
    seconds = [0.0, 0.3, 0.5, 0.5, 1.0, 4.75, 99.0]
    stills = [decode(still) for still in stills_on_display(tmp_path / "grey.mp4", seconds)]
    assert [round(float(still.mean()) / 10) for still in stills] == [0, 1, 2, 2, 4, 19, 19]
    assert {still.shape for still in stills} == {(512, 819, 3)}


def test_reads_ratings_in_time_order(tmp_path: Path) -> None:
    table = tmp_path / "ratings.csv"
    table.write_text("file,seconds,mean_rating\nb.mp4,1.0,5\na.mp4,2,4.5\nb.mp4,0,6\n")
    assert read_ratings(table) == {"b.mp4": [(0.0, 6.0), (1.0, 5.0)], "a.mp4": [(2.0, 4.5)]}
    table.write_text("file,seconds\n")
    with pytest.raises(InputError, match="mean_rating"):
        read_ratings(table)


def test_a_head_is_fitted_judged_and_read_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    features = unit_length(random.normal(size=(60, 40)).astype(np.float32))
    ratings = 5 + 2 * features[:, 0].astype(np.float64) + features[:, 1]
    groups = np.array([f"{number // 12}.mp4" for number in range(60)])
    facts = fit(features, ratings, groups, "drawn by a test", tmp_path / "head.safetensors")
    scorer = RidgeAesthetic(threads=1, weights=str(tmp_path / "head.safetensors"))
    assert scorer.provenance == facts
    assert facts["ratings"] == "drawn by a test"
    assert facts["files"] == "5"
    assert scorer.score(features[:1])["aesthetic"] == pytest.approx(ratings[0], abs=0.3)


def test_held_out_predictions_do_not_see_their_own_group() -> None:
    """Groups that nothing ties together cannot be predicted, however well frames of one group tell each other."""
    random = np.random.default_rng(1)
    features = np.repeat(random.normal(size=(12, 40)), 5, axis=0).astype(np.float32)
    ratings = np.repeat(random.normal(size=12), 5)
    groups = np.repeat(np.array([f"{number}.mp4" for number in range(12)]), 5)
    error = ((held_out(features, ratings, groups, alpha=1.0) - ratings) ** 2).mean()
    assert error > 0.5 * ratings.var()
