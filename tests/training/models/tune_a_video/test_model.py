"""The inflated UNet: the image model where a clip is like an image, and a model of clips where it is not."""

from dataclasses import replace

import pytest
import torch

from schemas.errors import ConfigError
from tests.training.models.tune_a_video.unets import UNET, make_model, see_images, segment, wake
from training.loop.optimizer import choose_trained
from training.models.segment import Segment
from training.models.tune_a_video.attention import first_and_previous
from training.models.tune_a_video.config import PRESETS, TuneAVideoConfig
from training.models.tune_a_video.inflate import GroupNorm
from training.models.tune_a_video.model import Control, TuneAVideo

TUNED = ["*.attn1.to_q.*", "*.attn2.to_q.*", "*.attn_temp.*"]
EXACT = [(torch.float32, 1e-5), (torch.float64, 1e-10)]


@pytest.mark.parametrize(("dtype", "tolerance"), EXACT)
@torch.no_grad()
def test_the_first_frame_of_any_clip_is_what_the_image_model_sees(dtype: torch.dtype, tolerance: float) -> None:
    model, image = make_model(dtype=dtype)
    for frames in (1, 5):
        clip = segment(frames, dtype=dtype)
        (prediction,), wanted = model([clip]), see_images(image, clip)
        assert (prediction[0] - wanted[0]).abs().max() < tolerance
        assert frames == 1 or (prediction[1:] - wanted[1:]).abs().max() > 1e-3


@pytest.mark.parametrize("norm", ["frame", "clip"])
@pytest.mark.parametrize(("dtype", "tolerance"), EXACT)
@torch.no_grad()
def test_a_clip_of_one_picture_is_what_the_image_model_sees(
    dtype: torch.dtype, tolerance: float, norm: GroupNorm
) -> None:
    model, image = make_model(norm, dtype)
    still = segment(1, dtype=dtype)
    clip = replace(still, latents=still.latents.expand(4, -1, -1, -1))
    assert (model([clip])[0] - see_images(image, still)).abs().max() < tolerance


@torch.no_grad()
def test_norms_over_the_clip_see_all_frames_and_norms_per_frame_do_not() -> None:
    clip = segment(3)
    changed = replace(clip, latents=torch.cat([clip.latents[:2], 3 * clip.latents[2:]]))
    for norm, alike in (("frame", True), ("clip", False)):
        model, _ = make_model(norm)  # type: ignore[arg-type]
        assert torch.allclose(model([clip])[0][:2], model([changed])[0][:2], atol=1e-5) is alike


def test_sources_are_the_first_and_the_previous_frame() -> None:
    tokens = torch.arange(8.0).view(8, 1, 1)  # two clips of four frames of one token
    sources = first_and_previous(tokens, 4)[:, :, 0].tolist()
    assert sources == [[0, 0], [0, 0], [0, 1], [0, 2], [4, 4], [4, 4], [4, 5], [4, 6]]


@torch.no_grad()
def test_a_frame_depends_on_first_and_previous_and_by_time_attention_on_all() -> None:
    model, _ = make_model()
    clip = segment(4)
    changed = replace(clip, latents=clip.latents.clone())
    changed.latents[3] += 1
    assert torch.allclose(model([clip])[0][:3], model([changed])[0][:3], atol=1e-5)
    wake(model)
    assert (model([clip])[0][0] - model([changed])[0][0]).abs().max() > 1e-4


@pytest.mark.parametrize("norm", ["frame", "clip"])
@torch.no_grad()
def test_segments_of_any_shapes_go_through_as_if_alone(norm: GroupNorm) -> None:
    model, _ = make_model(norm)
    wake(model)
    segments = [segment(3), segment(1, 1), segment(3, 2), segment(3, 3, (12, 8)), segment(5, 4)]
    together = model(segments)
    for clip, prediction in zip(segments, together, strict=True):
        assert prediction.shape == clip.latents.shape
        assert torch.allclose(prediction, model([clip])[0], atol=1e-5)


@torch.no_grad()
def test_what_learns_is_8_percent_at_stable_diffusions_size() -> None:
    with torch.device("meta"):
        model = TuneAVideo(PRESETS["sd-1.4"])
    names = [name for name, _ in model.named_parameters()]
    tuned = choose_trained(model, TUNED, names)
    total = sum(parameter.numel() for parameter in model.parameters())
    assert round(tuned / 1e6, 2) == 74.35
    assert round(100 * tuned / total, 1) == 8.2
    assert PRESETS["sd-1.4"].parameters == total
    assert (
        total - sum(parameter.numel() for name, parameter in model.named_parameters() if "_temp." in name)
        == 859_520_964
    )


def test_the_new_weights_learn_and_nothing_else_changes() -> None:
    model, _ = make_model()
    choose_trained(model, TUNED, [name for name, _ in model.named_parameters()])
    model([segment(3)])[0].square().mean().backward()
    learnt = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    assert all(model.get_parameter(name).grad.any() for name in learnt if "attn_temp.to_out" in name)  # type: ignore[union-attr]
    assert all("attn_temp." in name or name.endswith(("attn1.to_q.weight", "attn2.to_q.weight")) for name in learnt)
    assert len(learnt) == 4 * 7


@pytest.mark.parametrize("norm", ["frame", "clip"])
def test_recomputing_changes_no_gradient_whatever_else_is_in_the_pack(norm: GroupNorm) -> None:
    gradients = []
    for recompute in (False, True):
        model, _ = make_model(norm)
        wake(model)
        model.train()
        model.checkpoint_blocks = recompute
        torch.stack(
            [prediction.square().mean() for prediction in model([segment(4), segment(2, 1), segment(1, 2)])]
        ).sum().backward()  # type: ignore[no-untyped-call]
        assert model.unet.is_gradient_checkpointing is recompute
        gradients.append(
            torch.cat([parameter.grad.flatten() for parameter in model.parameters() if parameter.grad is not None])
        )
    assert torch.allclose(gradients[0], gradients[1], atol=1e-6)


@torch.no_grad()
def test_residuals_of_side_networks_pass_through_to_every_segment() -> None:
    model, image = make_model()
    clip, other = segment(3), segment(3, 1)
    shapes = [(3, 8, 8, 12), (3, 8, 8, 12), (3, 8, 4, 6), (3, 16, 4, 6)]
    generator = torch.Generator().manual_seed(1)

    def made(scale: float) -> Control:
        down = tuple(scale * torch.randn(shape, generator=generator) for shape in shapes)
        adapter = (
            scale * torch.randn(3, 8, 8, 12, generator=generator),
            scale * torch.randn(shapes[3], generator=generator),
        )
        return Control(down, scale * torch.randn(3, 16, 4, 6, generator=generator), adapter)

    plain = model([clip, other])
    for prediction, wanted in zip(model([clip, other], control=made(0)), plain, strict=True):
        assert torch.equal(prediction, wanted)
    control = made(0.1)
    guided = model([clip, other], control=control)
    assert (guided[0] - plain[0]).abs().max() > 1e-3
    assert torch.allclose(guided[1], model([other], control=control)[0], atol=1e-5)
    theirs = see_images(image, clip, **control.arguments(1))
    assert torch.allclose(guided[0][0], theirs[0], atol=1e-5)
    with pytest.raises(ConfigError, match="give both or neither"):
        Control(down=control.down)


def test_a_unet_that_asks_for_more_is_refused() -> None:
    with pytest.raises(ConfigError, match="class_embed_type = 'timestep'"):
        TuneAVideo(TuneAVideoConfig({**UNET, "class_embed_type": "timestep"}))
    plain = {**UNET, "down_block_types": ("DownBlock2D",) * 2, "up_block_types": ("UpBlock2D",) * 2}
    with pytest.raises(ConfigError, match="no transformer blocks"):
        TuneAVideo(TuneAVideoConfig({**plain, "mid_block_type": None}))


def test_sizes_are_those_of_the_unet() -> None:
    sizes = TuneAVideoConfig(UNET, text_length=5)
    assert (sizes.in_channels, sizes.out_channels, sizes.text_dim, sizes.width, sizes.patch) == (4, 4, 12, 8, 2)
    assert PRESETS["sd-1.4"].patch == 8
    (prediction,) = TuneAVideo(sizes)([Segment(torch.zeros(1, 4, 2, 2), torch.zeros(1, 12), 0)])
    assert prediction.shape == (1, 4, 2, 2)
