"""A model is opened with the encoders of its training, and other ones are noticed."""

from dataclasses import replace

import pytest
import torch

from training.config import EncoderSettings
from training.diffusion.schedule import VelocitySchedule
from training.export.record import ModelRecord
from training.export.source import Source
from training.families.cogvideox import CogVideoXFamily
from training.models.cogvideox.config import CogVideoXConfig
from training.models.cogvideox.model import CogVideoX
from training.sampling.open import open_model


def test_encoders_other_than_those_of_training_are_noted(capsys: pytest.CaptureFixture[str]) -> None:
    config = CogVideoXConfig(heads=2, head_dim=32, layers=1, text_dim=384, time_embed_dim=16)
    torch.manual_seed(0)
    record = ModelRecord(snr_shift=3.0, text_length=20, encoders=EncoderSettings())
    source = Source(
        name="a",
        family=CogVideoXFamily(config, VelocitySchedule(3.0)),
        state=CogVideoX(config).state_dict(),
        record=record,
    )
    loaded = open_model(source, "cpu", torch.bfloat16)
    assert (loaded.text.length, loaded.family.schedule.name) == (20, VelocitySchedule(3.0).name)
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.bfloat16}
    assert not capsys.readouterr().err
    trained = record.model_copy(update={"codec_identity": loaded.codec.identity, "text_identity": "another"})
    open_model(replace(source, record=trained), "cpu")
    assert capsys.readouterr().err.startswith("note: the text encoder differs from that of training")
