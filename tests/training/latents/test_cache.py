"""The cache: the numbers of the encoders, resumed where it stopped, checked, and never read with other encoders."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.storage.store import Store
from schemas.errors import ConfigError, DatasetError, MediaError
from tests.training.latents.dataset import make_dataset
from training.config import StageConfig
from training.data.captions import CaptionChoice
from training.data.planned import PlannedSample
from training.data.shapes import ClipShape
from training.encoders.base import VideoCodec
from training.encoders.linear import open_linear
from training.encoders.minilm import MiniLM
from training.latents.pixels import read_sample
from training.latents.precision import Precision
from training.latents.read import LatentShards
from training.latents.reader import LatentReader
from training.latents.settings import CacheSettings, claim
from training.latents.source import Part, plan_parts
from training.latents.verify import verify_cache
from training.latents.write import LatentWriter

STAGES = [
    StageConfig(name="low", steps=1, short_side=32, max_seconds=1.2, pack_length=500),
    StageConfig(name="high", steps=1, short_side=64, max_seconds=6, pack_length=500),
]
LOW, HIGH = ClipShape(48, 32, 9, 8.0), ClipShape(96, 64, 17, 8.0)
FIRST = "clip0-96x64x17-8fps-0"


@pytest.fixture(scope="module")
def text() -> MiniLM:
    torch.set_num_threads(1)
    return MiniLM(20)


def fill(
    dataset: Path, out: Path, text: MiniLM, codec: VideoCodec | None = None, precision: Precision = "float32"
) -> tuple[Store, list[Part]]:
    codec = codec or open_linear()
    settings = CacheSettings.of(codec, text, precision)
    cache = Store(out)
    claim(cache, settings)
    parts = plan_parts(Store(dataset), STAGES, settings)
    LatentWriter(Store(dataset), cache, settings, codec, text).write(parts, lambda part, failed: None)
    return cache, parts


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def filled(dataset: Path, text: MiniLM, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, list[Part]]:
    return fill(dataset, tmp_path_factory.mktemp("cache"), text)


def opened(cache: Store, text: MiniLM) -> LatentShards:
    return LatentShards(cache.uri, open_linear().identity, text.identity)


def test_every_sample_is_there_at_every_shape_of_the_stages(filled: tuple[Store, list[Part]], text: MiniLM) -> None:
    cache, parts = filled
    assert {str(part.shape) for part in parts} == {
        "48x32x9@8", "96x64x17@8", "32x48x9@8", "64x96x9@8", "48x32x1", "96x64x1",
    }  # fmt: skip
    assert len(opened(cache, text)) == 14
    assert list(verify_cache(cache, parts)) == []


@pytest.mark.parametrize("shape", [LOW, HIGH])
def test_latents_and_states_are_those_of_the_encoders(
    dataset: Path, filled: tuple[Store, list[Part]], text: MiniLM, shape: ClipShape
) -> None:
    part = next(part_at_shape for part_at_shape in filled[1] if part_at_shape.shape == shape)
    pixels, captions = read_sample(Store(dataset), part.samples[0], shape)
    sample = opened(filled[0], text).sample(FIRST, "clip0", shape, lambda known: known["dense"])
    assert captions["dense"] == "A 0 that moves on."
    assert torch.equal(sample.mean, open_linear().encode(pixels)[0])
    assert not sample.std.any()
    assert torch.allclose(sample.text, text.encode([captions["dense"]])[0], atol=1e-6)
    dropped = opened(filled[0], text).sample(FIRST, "clip0", shape, lambda known: "")
    assert torch.equal(dropped.text, text.encode([""])[0])


class Killed(Exception):
    """Stands for a kill after some clips."""


class Mortal:
    """The linear codec, which counts its clips and dies at one of them."""

    def __init__(self, lives: int) -> None:
        self._codec = open_linear()
        self.name, self.identity, self.channels = self._codec.name, self._codec.identity, self._codec.channels
        self.spatial_stride, self.temporal_stride = self._codec.spatial_stride, self._codec.temporal_stride
        self.decode = self._codec.decode
        self.lives, self.encoded = lives, 0

    def encode(self, pixels: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        if self.lives == self.encoded:
            raise Killed
        self.encoded += 1
        return self._codec.encode(pixels)


def test_a_killed_run_keeps_its_parts_and_ends_with_the_same_bytes(
    dataset: Path, filled: tuple[Store, list[Part]], text: MiniLM, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        fill(dataset, tmp_path, text, Mortal(5))
    with pytest.raises(DatasetError, match="not finished"):
        opened(Store(tmp_path), text)
    again = Mortal(100)
    cache, parts = fill(dataset, tmp_path, text, again)
    kept = 14 - again.encoded
    assert 0 < kept <= 5
    assert list(verify_cache(cache, parts)) == []
    assert {file.key: cache.read(file.key) for file in cache.list("shards")} == {
        file.key: filled[0].read(file.key) for file in filled[0].list("shards")
    }
    untouched = Mortal(0)
    fill(dataset, tmp_path, text, untouched)
    assert untouched.encoded == 0


def test_other_encoders_or_precision_are_refused_with_both_names(
    dataset: Path, filled: tuple[Store, list[Part]], text: MiniLM
) -> None:
    with pytest.raises(ConfigError, match=f"made with {open_linear().identity}, but encoders.codec is now other@1"):
        LatentShards(filled[0].uri, "other@1", text.identity)
    with pytest.raises(ConfigError, match=r"encoders.text is now minilm.*24 tokens"):
        fill(dataset, Path(filled[0].uri), MiniLM(24))
    with pytest.raises(ConfigError, match="holds float32, not float16"):
        fill(dataset, Path(filled[0].uri), text, precision="float16")


def test_what_is_not_there_is_named(filled: tuple[Store, list[Part]], text: MiniLM, tmp_path: Path) -> None:
    cache = opened(filled[0], text)
    with pytest.raises(DatasetError, match="lacks sample nobody at 96x64x17@8"):
        cache.sample("nobody", "c", HIGH, lambda known: "")
    with pytest.raises(DatasetError, match="holds nothing at 96x64x33@8"):
        cache.sample(FIRST, "c", ClipShape(96, 64, 33, 8.0), lambda known: "")
    with pytest.raises(DatasetError, match="is not a latent cache"):
        opened(Store(tmp_path), text)


def test_a_planned_sample_is_read_with_the_caption_of_its_epoch(filled: tuple[Store, list[Part]], text: MiniLM) -> None:
    choice = CaptionChoice({"dense": 1.0}, 0.5, 0)
    reader = LatentReader(filled[0].uri, choice, open_linear().identity, text.identity)
    epochs = {choice.choose({"dense": "x"}, FIRST, epoch): epoch for epoch in range(20)}
    captioned, silent = (
        reader(PlannedSample(sample_id=FIRST, clip_id="clip0", shape=LOW, tokens=1, shard="", offset=0, size=0,
                             epoch=epochs[caption]))
        for caption in ("x", "")
    )  # fmt: skip
    assert torch.equal(captioned.mean, silent.mean)
    assert torch.allclose(captioned.text, text.encode(["A 0 that moves on."])[0], atol=1e-6)
    assert torch.equal(silent.text, text.encode([""])[0])


def test_verify_finds_changed_bytes_lost_shards_and_changed_samples(
    dataset: Path, text: MiniLM, tmp_path: Path
) -> None:
    cache, parts = fill(dataset, tmp_path, text)
    first, second = sorted((tmp_path / "shards").rglob("*.tar"))[:2]
    data = bytearray(first.read_bytes())
    data[2000] ^= 1
    first.write_bytes(bytes(data))
    second.unlink()
    complaints = list(verify_cache(cache, parts))
    assert sum("differ from their checksum" in problem for problem in complaints) == 1
    assert sum("is missing" in problem for problem in complaints) == len(parts[1].samples)
    changed = CacheSettings(**{**json.loads((tmp_path / "cache.json").read_text()), "codec_identity": "other"})
    missing = list(verify_cache(cache, plan_parts(Store(dataset), STAGES, changed)))
    assert len(missing) == 14
    assert all("no entry for these bytes and settings" in problem for problem in missing)


def test_a_sample_that_cannot_be_read_is_a_row_with_a_reason(text: MiniLM, tmp_path: Path) -> None:
    cache, parts = fill(make_dataset(tmp_path / "dataset", broken=FIRST), tmp_path / "cache", text)
    complaints = list(verify_cache(cache, parts))
    assert len(complaints) == 2
    assert all(
        FIRST in problem and "could not be encoded: its video cannot be decoded" in problem for problem in complaints
    )
    with pytest.raises(MediaError, match="could not be encoded"):
        opened(cache, text).entry(FIRST, HIGH)
    assert opened(cache, text).entry("clip1-96x64x17-8fps-0", HIGH).mean.shape == (5, 16, 8, 12)


def test_what_failed_is_tried_again_and_a_lost_shard_ends_the_run(text: MiniLM, tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path / "dataset", broken=FIRST)
    fill(dataset, tmp_path / "cache", text)
    again = Mortal(100)
    fill(dataset, tmp_path / "cache", text, again)
    assert again.encoded == 4  # two samples beside the broken one, at two shapes
    next((dataset / "shards").rglob("*.tar")).unlink()
    with pytest.raises(DatasetError, match="is missing; run `just verify`"):
        fill(dataset, tmp_path / "fresh", text)
