"""Latte in the shared loop: opened from presets, folders and PixArt-alpha, trained, exported and opened again."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import LatteTransformer3DModel, PixArtTransformer2DModel
from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from schemas.errors import ConfigError
from tests.training.made_run import NoCodec, NoText, made_pack
from training.checkpoints.files import WEIGHTS
from training.config import LoraConfig, ModelSettings, OptimizerConfig, StageConfig, TrainConfig
from training.export.folder import export_folder
from training.export.record import ModelRecord
from training.export.source import open_source
from training.families.latte import OURS, LatteFamily
from training.families.registry import build_model, open_family
from training.loop.optimizer import choose_trained, group_rates, make_optimizer
from training.methods.diffusion import DiffusionMethod
from training.models.latte.config import LatteConfig
from training.models.latte.model import Latte
from training.models.segment import Segment
from training.recipes import latte_pixart
from training.settings.latte import LatteSettings

SIZES = LatteConfig(
    heads=2, head_dim=16, layers=2, in_channels=16, out_channels=32, conditioning="text", text_dim=12,
    text_length=5, sample_size=4, frames=17, padding="left_out",
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


def noise_gradient(method: DiffusionMethod) -> torch.Tensor:
    """Of the last layer's rows that predict noise: the first 16 channels of every place in a patch."""
    gradient = dict(method.model.named_parameters())["proj_out.weight"].grad
    assert gradient is not None
    return gradient.view(4, 32, -1)[:, :16].clone()


def test_the_loop_learns_a_variance_and_validates_without_it() -> None:
    torch.set_num_threads(1)
    method = DiffusionMethod(random_latte(), LatteFamily(SIZES), NoCodec(), NoText())
    pack = made_pack([0, 1, 2], 0, 0, 3)  # clips and a picture
    trained = method.losses(pack.batch, pack.keys)
    held_out = method.losses_at(pack.batch, pack.keys, trained.timesteps)
    assert torch.isfinite(trained.values).all()
    assert (trained.values > held_out.values).all()
    trained.values.sum().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None for weight in method.model.parameters())
    # The bound teaches the variance alone: the noise's weights have the gradient of the squared error.
    both = noise_gradient(method)
    method.model.zero_grad()
    method.losses_at(pack.batch, pack.keys, trained.timesteps).values.sum().backward()  # type: ignore[no-untyped-call]
    assert torch.allclose(noise_gradient(method), both, rtol=1e-5, atol=1e-7)
    method.model.zero_grad()
    method.idle().backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None and not weight.grad.any() for weight in method.model.parameters())


def test_pixart_becomes_a_latte_that_says_of_every_frame_what_pixart_says(tmp_path: Path) -> None:
    torch.manual_seed(0)
    image_model = PixArtTransformer2DModel(**PIXART)
    image_model.save_pretrained(tmp_path / "transformer")
    asked = config(str(tmp_path), tells_rate=True, frames=9)
    opened = open_family(asked)
    model, segment = build_model(opened, asked), clip()
    with torch.no_grad():
        prediction = model([segment])[0]
        alone = image_model(
            segment.latents,
            encoder_hidden_states=segment.text.expand(3, -1, -1),
            timestep=torch.full((3,), segment.timestep),
            added_cond_kwargs={"resolution": None, "aspect_ratio": None},
        ).sample
    assert (prediction - alone).abs().max() < 1e-5


def test_the_released_form_of_pixart_is_known_and_adapters_on_it_are_refused(tmp_path: Path) -> None:
    PixArtTransformer2DModel(**PIXART).save_pretrained(tmp_path / "transformer")
    file, weights = tmp_path / "transformer/config.json", tmp_path / "transformer" / WEIGHTS
    file.write_text(json.dumps({**json.loads(file.read_text()), "_class_name": "Transformer2DModel"}))
    state = load_file(weights)
    save_file({**state, "caption_projection.y_embedding": torch.zeros(120, 12)}, weights)
    asked = config(str(tmp_path))
    model = build_model(open_family(asked), asked)
    assert torch.equal(model.state_dict()["proj_out.weight"], state["proj_out.weight"])
    adapted = asked.model.model_copy(update={"lora": LoraConfig(rank=4)})
    with pytest.raises(ConfigError, match=r"model\.lora\.rank = 4 with PixArt-alpha's weights"):
        open_family(asked.model_copy(update={"model": adapted}))


def test_every_stage_of_the_recipe_learns_what_it_says() -> None:
    pixart_config = {**PIXART, "num_layers": 28, "patch_size": 2}
    for text_dim in (12, 7):
        sizes = LatteConfig.from_pixart(pixart_config, tells_rate=True, text_dim=text_dim)
        with torch.device("meta"):
            model = Latte(sizes)
        names = [name for name, _ in model.named_parameters()]
        optimizer = make_optimizer(model, OptimizerConfig())
        stages = latte_pixart().stages
        trained = []
        for stage in stages:
            choose_trained(model, stage.trains, names)
            group_rates(model, optimizer, stage.rates)
            trained.append({name for name, parameter in model.named_parameters() if parameter.requires_grad})
        assert trained[0] < trained[1] < trained[2] < trained[3] == set(names)
        new = {name for name in names if "temporal" in name or "adapter" in name}
        assert trained[0] == new
        slow, fast = sorted(optimizer.param_groups, key=lambda group: float(group["multiple"]))
        assert (slow["multiple"], fast["multiple"], len(fast["params"])) == (0.1, 1.0, len(new))


def test_settings_of_another_family_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"model\.latte is set, but model.family = cogvideox"):
        TrainConfig(model=ModelSettings(latte=LatteSettings(variant=2)), stages=config().stages)


def test_another_text_encoder_gets_an_adapter(tmp_path: Path) -> None:
    PixArtTransformer2DModel(**PIXART).save_pretrained(tmp_path / "transformer")
    asked = config(str(tmp_path), text_width=7, text_length=9)
    opened = open_family(asked)
    assert (opened.family.sizes.text_dim, opened.family.sizes.text_length) == (7, 9)
    segment = clip()
    (prediction,) = build_model(opened, asked)([Segment(segment.latents, torch.randn(9, 7), segment.timestep)])
    assert prediction.shape == (3, 32, 4, 4)


def test_what_diffusers_computes_alike_is_exported_for_it(tmp_path: Path) -> None:
    model = random_latte()
    export_folder(tmp_path / "out", LatteFamily(SIZES), model.state_dict(), RECORD)
    theirs = LatteTransformer3DModel.from_pretrained(tmp_path / "out" / "transformer", video_length=3)
    segment = clip()
    with torch.no_grad():
        expected = theirs(
            segment.latents.transpose(0, 1)[None],
            timestep=torch.tensor([300]),
            encoder_hidden_states=segment.text[None],
        ).sample[0]
        assert (model([segment])[0] - expected.transpose(0, 1)).abs().max() < 1e-5
    source = open_source(tmp_path / "out")
    assert source.record == RECORD
    assert source.family.sizes == replace(SIZES, text_length=source.family.sizes.text_length)
    index = json.loads((tmp_path / "out" / "model_index.json").read_text())
    assert index["_class_name"] == "LattePipeline"


@pytest.mark.parametrize("sizes", [replace(SIZES, variant=3), replace(SIZES, tells_rate=True), SIZES])
def test_what_diffusers_lacks_is_exported_in_our_form(sizes: LatteConfig, tmp_path: Path) -> None:
    model = random_latte(sizes, gate=0.5)
    export_folder(tmp_path / "out", LatteFamily(sizes), model.state_dict(), RECORD)
    saved = json.loads((tmp_path / "out/transformer/config.json").read_text())
    assert saved["_class_name"] == OURS
    # The keys that earlier versions wrote and read.
    assert (saved["head_width"], saved["text_width"], saved["caption_width"]) == (16, 12, 0)
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
    with pytest.raises(ConfigError, match=r"model\.latte\.variant = 2, but the weights in .* are of a model with 1;"):
        open_family(config(str(tmp_path / "out"), variant=2))
    with pytest.raises(ConfigError, match=r"model\.latte\.temporal_start = kaiming initialises layers"):
        open_family(config(str(tmp_path / "out"), temporal_start="kaiming"))
    scheduler = tmp_path / "out/scheduler/scheduler_config.json"
    scheduler.write_text(json.dumps({"beta_schedule": "scaled_linear"}))
    with pytest.raises(ConfigError, match=r"beta_schedule = 'scaled_linear', but Latte is trained .* with 'linear'"):
        open_family(config(str(tmp_path / "out")))
    scheduler.unlink()
    transformer = tmp_path / "out/transformer"
    weights = load_file(transformer / WEIGHTS)
    save_file({name: weight for name, weight in weights.items() if name != "proj_out.bias"}, transformer / WEIGHTS)
    with pytest.raises(ConfigError, match=r"missing: proj_out\.bias"):
        open_source(tmp_path / "out")
    (transformer / "config.json").write_text(json.dumps({"_class_name": OURS, "depth": 3}))
    with pytest.raises(ConfigError, match=r"unexpected keyword argument 'depth'; was it written by a later version"):
        open_family(config(str(tmp_path / "out")))
    (transformer / "config.json").write_text(json.dumps({"_class_name": "UNet2DConditionModel"}))
    with pytest.raises(ConfigError, match="holds a UNet2DConditionModel; a Latte starts from"):
        open_family(config(str(tmp_path / "out")))
