"""Training data of a single clip: the same latents and caption in every step, with different noise.

The clip is encoded once; every step samples the VAE's posterior anew. The clip is its own validation set: its loss at
fixed timesteps with fixed noise shows whether it is learnt; the training loss, at one timestep per step, does not.

    data = OneClip.encode(config, clip, caption, (codec, text_encoder), geometry)
"""

from collections.abc import Iterator, Sequence

from training.config import TrainConfig
from training.data.batch import LatentBatch, LatentSample
from training.data.shapes import Geometry
from training.diffusion.random_keys import RandomKey
from training.editing.source_clip import SourceClip
from training.encoders.base import TextEncoder, VideoCodec
from training.loop.training_step import TrainingPack, TrainingStep

CLIP = "clip"


class OneClip:
    """See `training.loop.training_step.TrainingData`; for a single process."""

    def __init__(self, config: TrainConfig, sample: LatentSample, tokens: int) -> None:
        self._config, self.sample, self._tokens = config, sample, tokens

    @classmethod
    def encode(
        cls,
        config: TrainConfig,
        clip: SourceClip,
        caption: str,
        encoders: tuple[VideoCodec, TextEncoder],
        geometry: Geometry,
    ) -> "OneClip":
        """Encode a clip and its caption. Raises `ConfigError` for sides that the codec does not take."""
        codec, text = encoders
        mean, std = codec.encode(clip.pixels)
        sample = LatentSample(
            sample_id=CLIP,
            clip_id=clip.identity,
            shape=clip.shape,
            mean=mean,
            std=std,
            text=text.encode([caption])[0],
        )
        return cls(config, sample, geometry.tokens(clip.shape))

    def steps(self, stage: int, first: int) -> Iterator[TrainingStep]:
        """See `StepSource`; every step is an epoch."""
        before = sum(stage_config.steps for stage_config in self._config.stages[:stage])
        step = first
        while True:
            yield TrainingStep(
                epoch=step, packs=(self._pack(before + step),), samples=1, tokens=self._tokens, fill=1.0, waited=0.0
            )
            step += 1

    def validation_packs(self, stage: int) -> Sequence[TrainingPack | None]:
        """See `TrainingData`; the clip itself."""
        return [self._pack(0)]

    def validation_shapes(self, stage: int) -> list[str]:
        """See `TrainingData`; the clip's shape."""
        return [str(self.sample.shape)]

    def _pack(self, step: int) -> TrainingPack:
        key = RandomKey(seed=self._config.seed, step=step, position=0, count=1, sample_id=CLIP)
        return TrainingPack(batch=LatentBatch((self.sample,)), keys=(key,), lengths=(self._tokens,))
