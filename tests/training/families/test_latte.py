"""Latte in the shared loop: opened from presets, folders and PixArt-alpha, trained, exported and opened again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import LatteTransformer3DModel, PixArtTransformer2DModel

from schemas.errors import ConfigError
from tests.training.made_run import NoCodec, NoText, made_pack
from training.config import LatteSettings, ModelSettings, StageConfig, TrainConfig
from training.export.folder import export_folder
from training.export.record import ModelRecord
from training.export.source import open_source
from training.families.latte import OURS, LatteFamily
from training.families.registry import build_model, open_family
from training.methods.diffusion import DiffusionMethod
from training.models.latte.config import LatteConfig
from training.models.latte.model import Latte
from training.models.segment import Segment

SIZES = LatteConfig(
    heads=2, head_width=16, layers=2, in_channels=16, out_channels=32, conditioning="text", text_width=12,
    text_length=5, sample_size=4, frames=17,
)  # fmt: skip
RECORD = ModelRecord(text_length=5, recipe="latte-demo", stage="64", step=7)
PIXART = {
    "num_attention_heads": 2, "attention_head_dim": 16, "in_channels": 16, "out_channels": 32, "num_layers": 2,
    "cross_attention_dim": 32, "sample_size": 4, "caption_channels": 12, "use_additional_conditions": False,
}  # fmt: skip


def config(weights: str = "", preset: str = "debug", **options: object) -> TrainConfig:
    latte = LatteSettings.model_validate(options)
    return TrainConfig(
        model=ModelSettings(family="latte", preset=preset, weights=weights, latte=latte),
        stages=[StageConfig(name="one", steps=1, pack_length=100)],
    )


def random_latte(sizes: LatteConfig = SIZES, gate: float = 1.0) -> Latte:
    torch.manual_seed(0)
    model = Latte(sizes)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(torch.tensor([gate]) if "gate" in name else 0.1 * torch.randn(weight.shape))
    return model


def clip(frames: int = 3) -> Segment:
    random = torch.Generator().manual_seed(1)
    latents = torch.randn(frames, 16, 4, 4, generator=random)
    return Segment(latents, torch.randn(5, 12, generator=random), 300, fps=8.0)


def test_one_setting_picks_the_variant() -> None:
    for variant in (1, 2, 3):
        opened = open_family(config(variant=variant))
        assert isinstance(opened.family, LatteFamily)
        assert opened.family.sizes.variant == variant
        assert opened.weights is None
    with pytest.raises(ConfigError, match=r"model\.preset 'xl' is not known; did you mean 'xl-8'"):
        open_family(config(preset="xl"))


def test_the_loop_learns_a_variance_and_validates_without_it() -> None:
    torch.set_num_threads(1)
    method = DiffusionMethod(random_latte(), LatteFamily(SIZES), NoCodec(), NoText())
    pack = made_pack([0, 1, 2], 0, 0, 3)  # clips and a picture
    trained = method.losses(pack.batch, pack.places)
    held_out = method.losses_at(pack.batch, pack.places, trained.timesteps)
    assert torch.isfinite(trained.values).all()
    assert (trained.values > held_out.values).all()
    trained.values.sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in method.model.parameters())
    method.model.zero_grad()
    method.idle().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None and not weight.grad.any() for weight in method.model.parameters())


def test_pixart_becomes_a_latte_that_says_of_every_frame_what_pixart_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    picture = PixArtTransformer2DModel(**PIXART)
    picture.save_pretrained(tmp_path / "transformer")
    asked = config(str(tmp_path), tells_rate=True, frames=9)
    opened = open_family(asked)
    model, one = build_model(opened, asked), clip()
    with torch.no_grad():
        found = model([one])[0]
        alone = picture(
            one.latents,
            encoder_hidden_states=one.text.expand(3, -1, -1),
            timestep=torch.full((3,), one.timestep),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        ).sample
    assert (found - alone).abs().max() < 1e-5


def test_another_text_encoder_gets_an_adapter(tmp_path: Path) -> None:
    PixArtTransformer2DModel(**PIXART).save_pretrained(tmp_path / "transformer")
    asked = config(str(tmp_path), text_width=7, text_length=9)
    opened = open_family(asked)
    assert (opened.family.sizes.text_width, opened.family.sizes.text_length) == (7, 9)
    one = clip()
    (found,) = build_model(opened, asked)([Segment(one.latents, torch.randn(9, 7), one.timestep)])
    assert found.shape == (3, 32, 4, 4)


def test_what_diffusers_computes_alike_is_exported_for_it(tmp_path: Path) -> None:
    model = random_latte()
    export_folder(tmp_path / "out", LatteFamily(SIZES), model.state_dict(), RECORD)
    theirs = LatteTransformer3DModel.from_pretrained(tmp_path / "out" / "transformer", video_length=3)
    one = clip()
    with torch.no_grad():
        expected = theirs(
            one.latents.transpose(0, 1)[None], timestep=torch.tensor([300]), encoder_hidden_states=one.text[None]
        ).sample[0]
        assert (model([one])[0] - expected.transpose(0, 1)).abs().max() < 1e-5
    source = open_source(tmp_path / "out")
    assert source.record == RECORD
    assert source.family.sizes == replace(SIZES, text_length=source.family.sizes.text_length)
    index = json.loads((tmp_path / "out" / "model_index.json").read_text())
    assert index["_class_name"] == "LattePipeline"


@pytest.mark.parametrize("sizes", [replace(SIZES, variant=3), replace(SIZES, tells_rate=True), SIZES])
def test_what_diffusers_lacks_is_exported_in_our_form(sizes: LatteConfig, tmp_path: Path) -> None:
    model = random_latte(sizes, gate=0.5)
    export_folder(tmp_path / "out", LatteFamily(sizes), model.state_dict(), RECORD)
    assert json.loads((tmp_path / "out/transformer/config.json").read_text())["_class_name"] == OURS
    assert not (tmp_path / "out" / "model_index.json").exists()
    source = open_source(tmp_path / "out")
    assert source.family.sizes == sizes
    again = source.family.module()
    again.load_state_dict(source.state)
    with torch.no_grad():
        assert torch.equal(again([clip()])[0], model([clip()])[0])
    asked = config(str(tmp_path / "out"))
    assert torch.equal(build_model(open_family(asked), asked)([clip()])[0], model([clip()])[0])


def test_settings_that_weights_do_not_have_are_refused(tmp_path: Path) -> None:
    export_folder(tmp_path / "out", LatteFamily(SIZES), random_latte().state_dict(), RECORD)
    with pytest.raises(ConfigError, match=r"model\.latte\.variant: the weights in .* are of a model with another"):
        open_family(config(str(tmp_path / "out"), variant=2))
    (tmp_path / "out/transformer/config.json").write_text(json.dumps({"_class_name": "UNet2DConditionModel"}))
    with pytest.raises(ConfigError, match="holds a UNet2DConditionModel; a Latte starts from"):
        open_family(config(str(tmp_path / "out")))
