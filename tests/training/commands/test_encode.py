"""`just encode` and `just doctor` as a person runs them, on a dataset in miniature."""

from pathlib import Path

import pytest
import torch

from schemas.errors import ConfigError
from tests.training.latents.dataset import make_dataset
from training.commands.doctor import main as doctor
from training.commands.encode import main as encode

SETTINGS = ["--set", "stages.64.pack_length=600", "--set", "stages.128.pack_length=600"]


def test_encode_verify_and_doctor_say_and_return_what_they_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.set_num_threads(1)
    dataset, out = str(make_dataset(tmp_path / "dataset")), str(tmp_path / "latents")
    assert encode([dataset, "--out", out, "--precision", "float16"]) == 0
    assert "7 of 7 samples x shapes in 3 shards" in capsys.readouterr().out
    assert encode([dataset, "--out", out, "--verify"]) == 0
    assert "verified: 7 entries" in capsys.readouterr().out

    assert doctor([dataset, *SETTINGS, "--set", f"data.latents={out}"]) == 0
    assert "the latent cache has all 7 samples" in capsys.readouterr().out
    assert doctor([dataset, *SETTINGS, "--set", "stages.64.packs_per_step=90"]) == 1
    assert "too few samples for one step" in " ".join(capsys.readouterr().out.split())

    shard = next((tmp_path / "latents" / "shards").rglob("*.tar"))
    shard.write_bytes(shard.read_bytes()[:3000])
    assert doctor([dataset, *SETTINGS, "--set", f"data.latents={out}"]) == 1
    assert "1 of 3 shards" in " ".join(capsys.readouterr().out.split())
    assert encode([dataset, "--out", out, "--verify"]) == 1
    assert "bytes differ from their checksum" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="holds float16, not float32"):
        encode([dataset, "--out", out])
