"""What the loop is fed where one clip is learnt: the same latents and caption in every step, other noise each time.

The clip is encoded once; every step draws anew from the VAE's posterior. It is its own validation: its loss at fixed
noise levels with fixed noise says whether it is learnt, which the training loss, at one level per step, does not.

    python -m pytest tests/training/editing/test_one_clip.py
"""

from collections.abc import Iterator, Sequence

from training.config import TrainConfig
from training.data.batch import LatentBatch, LatentSample
from training.data.shapes import Geometry
from training.diffusion.places import Place
from training.editing.footage import Footage
from training.encoders.base import TextEncoder, VideoCodec
from training.loop.steps import LoadedPack, LoadedStep

CLIP = "clip"


class OneClip:
    """See `training.loop.steps.TrainingData`. For one process."""

    def __init__(self, config: TrainConfig, sample: LatentSample, tokens: int) -> None:
        self._config, self.sample, self._tokens = config, sample, tokens

    @classmethod
    def encode(
        cls,
        config: TrainConfig,
        footage: Footage,
        caption: str,
        encoders: tuple[VideoCodec, TextEncoder],
        geometry: Geometry,
    ) -> "OneClip":
        """Encode frames and caption. Raises `ConfigError` for sides that the codec does not take."""
        codec, text = encoders
        mean, deviation = codec.encode(footage.pixels)
        sample = LatentSample(
            sample_id=CLIP,
            clip_id=footage.identity,
            shape=footage.shape,
            mean=mean,
            deviation=deviation,
            text=text.encode([caption])[0],
        )
        return cls(config, sample, geometry.tokens(footage.shape))

    def steps(self, stage: int, first: int) -> Iterator[LoadedStep]:
        """Steps without end, an epoch each."""
        before = sum(one.steps for one in self._config.stages[:stage])
        step = first
        while True:
            yield LoadedStep(
                epoch=step, packs=(self._pack(before + step),), samples=1, tokens=self._tokens, fill=1.0, waited=0.0
            )
            step += 1

    def validation_packs(self, stage: int) -> Sequence[LoadedPack | None]:
        """The clip itself."""
        return [self._pack(0)]

    def validation_shapes(self, stage: int) -> list[str]:
        """The clip's."""
        return [str(self.sample.shape)]

    def _pack(self, step: int) -> LoadedPack:
        place = Place(seed=self._config.seed, step=step, position=0, count=1, sample_id=CLIP)
        return LoadedPack(batch=LatentBatch((self.sample,)), places=(place,), lengths=(self._tokens,))
