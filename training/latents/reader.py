"""Opens samples of a latent cache in the loader's worker processes.

reader = LatentReader("datasets/demo-latents", captions, codec.identity, text.identity)
sample = reader(planned)
"""

from dataclasses import dataclass
from functools import cache

from training.data.batch import LatentSample
from training.data.captions import CaptionChoice
from training.data.planned import PlannedSample
from training.latents.read import LatentShards


@dataclass(frozen=True, slots=True)
class LatentReader:
    """Opens samples of the cache `uri`, which these encoders must have made; is sent to workers as its fields."""

    uri: str
    captions: CaptionChoice
    codec_identity: str
    text_identity: str

    def __call__(self, planned: PlannedSample) -> LatentSample:
        """Read a sample with the caption drawn for its epoch. Raises `DatasetError` if the cache does not hold it."""
        return _open(self.uri, self.codec_identity, self.text_identity).sample(
            planned.sample_id,
            planned.clip_id,
            planned.shape,
            lambda captions: self.captions.choose(captions, planned.sample_id, planned.epoch),
        )


@cache
def _open(uri: str, codec_identity: str, text_identity: str) -> LatentShards:
    return LatentShards(uri, codec_identity, text_identity)
