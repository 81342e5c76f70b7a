"""Equal to diffusers on the same weights at every shape; packed equals unpacked, in every gradient."""

from collections.abc import Sequence

import pytest
import torch
from diffusers import CogVideoXTransformer3DModel
from torch import Tensor

from schemas.errors import ConfigError
from training.models.cogvideox.config import PRESETS, CogVideoXConfig
from training.models.cogvideox.model import CogVideoX, initialise
from training.models.cogvideox.positions import rotary
from training.models.segment import Segment

SMALL = {
    "2b": CogVideoXConfig(
        heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, positions="sincos", text_length=7
    ),
    "5b": CogVideoXConfig(heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16),
    "1.5": CogVideoXConfig(
        heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, patch_frames=2, flat_patch=True
    ),
    "1.5 image to video": CogVideoXConfig(
        heads=2, head_dim=32, layers=2, text_dim=24, time_embed_dim=16, patch_frames=2, flat_patch=True,
        in_channels=32, ofs_embed_dim=16,
    ),
}  # fmt: skip
SHAPES = [(2, 4, 6), (4, 8, 4), (6, 6, 10)]


def pair(config: CogVideoXConfig) -> tuple[CogVideoX, CogVideoXTransformer3DModel]:
    """Our model and diffusers' with the same random weights."""
    torch.manual_seed(0)
    theirs = CogVideoXTransformer3DModel(**config.to_diffusers()).eval()
    ours = CogVideoX(config)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def segment(config: CogVideoXConfig, shape: tuple[int, int, int], timestep: int, dtype: torch.dtype) -> Segment:
    generator = torch.Generator().manual_seed(timestep)
    frames, height, width = shape
    latents = torch.randn(frames, config.in_channels, height, width, generator=generator, dtype=dtype)
    text = torch.randn(
        config.text_length if config.text_length < 50 else 5, config.text_dim, generator=generator, dtype=dtype
    )
    return Segment(latents, text, timestep)


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("shape", SHAPES)
def test_equal_to_diffusers_on_the_same_weights(name: str, shape: tuple[int, int, int]) -> None:
    config = SMALL[name]
    ours, theirs = pair(config)
    clip = segment(config, shape, 321, torch.float32)
    grid = (shape[0] // config.patch_frames, shape[1] // 2, shape[2] // 2)
    freqs = rotary(grid, config.head_dim) if config.positions == "rotary" else None
    with torch.no_grad():
        expected = theirs(
            clip.latents[None],
            clip.text[None],
            torch.tensor([clip.timestep]),
            ofs=torch.tensor([2.0]) if config.ofs_embed_dim else None,
            image_rotary_emb=freqs,
        ).sample[0]
        (prediction,) = ours([clip])
    assert prediction.shape == expected.shape
    assert (prediction - expected).abs().max() < 1e-5


@pytest.mark.parametrize("name", SMALL)
def test_packed_equals_unpacked_in_loss_and_every_gradient(name: str) -> None:
    config = SMALL[name]
    model, _ = pair(config)
    model = model.double()
    shapes = [(config.patch_frames, 4, 4), *SHAPES]  # the first is a picture
    segments = [segment(config, shape, 100 + index, torch.float64) for index, shape in enumerate(shapes)]

    def gradients(packs: Sequence[Sequence[Segment]]) -> tuple[Tensor, list[Tensor]]:
        model.zero_grad()
        losses = torch.stack([out.square().mean() for pack in packs for out in model(pack)])
        torch.autograd.backward(losses.sum())
        return losses.detach(), [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]

    packed, packed_gradients = gradients([segments])
    alone, alone_gradients = gradients([[clip] for clip in segments])
    assert (packed - alone).abs().max() < 1e-9
    assert len(packed_gradients) == len(list(model.parameters()))
    for gradient, other in zip(packed_gradients, alone_gradients, strict=True):
        assert (gradient - other).abs().max() < 1e-9


def test_checkpointed_blocks_give_the_same_gradients() -> None:
    model, _ = pair(SMALL["5b"])
    segments = [segment(model.config, shape, 7, torch.float32) for shape in SHAPES]
    kept = []
    for checkpointed in (False, True):
        model.checkpoint_blocks = checkpointed
        model.zero_grad()
        torch.autograd.backward(torch.stack([out.square().mean() for out in model(segments)]).sum())
        kept.append([weight.grad.clone() for weight in model.parameters() if weight.grad is not None])
    assert all(torch.equal(predictions, other) for predictions, other in zip(*kept, strict=True))


@pytest.mark.parametrize(
    ("name", "millions", "modulation"), [("2b", 1693.8, 354.6), ("5b", 5570.3, 794.3), ("1.5-5b", 5570.8, 794.3)]
)
def test_presets_have_the_published_sizes(name: str, millions: float, modulation: float) -> None:
    config = PRESETS[name]
    with torch.device("meta"):
        counted = sum(weight.numel() for weight in CogVideoX(config).parameters())
    assert counted == config.parameters
    assert config.parameters / 1e6 == pytest.approx(millions, abs=0.5)
    assert config.modulation_parameters / 1e6 == pytest.approx(modulation, abs=0.1)


@pytest.mark.parametrize("name", SMALL)
def test_configurations_survive_diffusers_and_state_dicts_fit_both_ways(name: str) -> None:
    config = SMALL[name]
    assert CogVideoXConfig.from_diffusers(config.to_diffusers()) == config
    ours, theirs = pair(config)
    theirs.load_state_dict(ours.state_dict())


def test_training_from_scratch_starts_with_blocks_that_do_nothing() -> None:
    model = CogVideoX(SMALL["5b"])
    initialise(model, seed=1)
    other = CogVideoX(SMALL["5b"])
    initialise(other, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    clip = segment(model.config, SHAPES[0], 1, torch.float32)
    late = Segment(clip.latents, clip.text, 999)
    (first,), (second,) = model([clip]), model([late])
    assert torch.equal(first, second), "zero modulation: the time does not matter yet"
    assert first.std() > 0


def test_wrong_channels_and_text_are_refused_with_what_they_may_be() -> None:
    model = CogVideoX(SMALL["5b"])
    with pytest.raises(ConfigError, match="3 channels are pixels"):
        model([Segment(torch.zeros(2, 3, 4, 4), torch.zeros(5, 24), 0)])
    with pytest.raises(ConfigError, match="4096 dimensions"):
        model([Segment(torch.zeros(2, 16, 4, 4), torch.zeros(5, 4096), 0)])
    with pytest.raises(ConfigError, match="do not divide by patch = 2"):
        model([Segment(torch.zeros(2, 16, 5, 4), torch.zeros(5, 24), 0)])
    with pytest.raises(ConfigError, match="repeat the first frame"):
        CogVideoX(SMALL["1.5"])([Segment(torch.zeros(3, 16, 4, 4), torch.zeros(5, 24), 0)])
