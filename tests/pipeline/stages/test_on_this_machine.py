"""What a run needs of its machine is asked before the first row; nothing here reaches for the network.

python -m pytest tests/pipeline/stages/test_on_this_machine.py
"""

from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import open_clip.pretrained
import pytest

from pipeline.stages import on_this_machine
from pipeline.stages.on_this_machine import check_fetched, check_gpus
from schemas.config import RunConfig
from schemas.errors import ConfigError
from schemas.load import load_config

CLIP = ("score.embedder=open_clip_vit_b32", "score.labeller=", "score.scorers=[text_area]")
VLLM = ("caption.captioner=vllm", "caption.model.name=Qwen/Qwen2.5-VL-7B-Instruct")


def config(*changes: str) -> RunConfig:
    return load_config(changes=changes)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and a hub that does not answer."""

    def silent(*given: object, **named: object) -> str:
        raise OSError("no route to the hub")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", silent)
    monkeypatch.setattr(open_clip.pretrained, "download_pretrained", silent)
    return tmp_path / "hub"


def _keep(cache: Path, repository: str, name: str) -> None:
    folder = cache / f"models--{repository.replace('/', '--')}" / "snapshots" / "main"
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"weights")


def test_an_engine_that_needs_gpus_is_refused_where_there_are_too_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_this_machine, "_runs_on_cpus", lambda: False)
    monkeypatch.setattr(on_this_machine, "gpus_here", lambda: 0)
    with pytest.raises(ConfigError, match=r"suits a GPU of 24 GB, asks for 1 GPU and this machine has none"):
        check_gpus(config(*VLLM))
    monkeypatch.setattr(on_this_machine, "gpus_here", lambda: 1)
    check_gpus(config(*VLLM))
    with pytest.raises(ConfigError, match=r"asks for 4 GPUs and this machine has 1; lower caption\.model\.replicas"):
        check_gpus(config(*VLLM, "caption.model.replicas=2", "caption.model.engine={tensor_parallel_size: 2}"))
    check_gpus(config(*VLLM, "caption.model.replicas=2", "engine.ray_address=auto"))  # which Ray will judge


def test_the_engine_for_cpus_goes_on_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(on_this_machine, "_runs_on_cpus", lambda: True)
    monkeypatch.setattr(on_this_machine, "gpus_here", lambda: 0)
    check_gpus(config(*VLLM))
    assert "runs on the CPU here, which is far slower" in capsys.readouterr().err


def test_weights_of_a_tag_are_fetched_before_the_first_row_or_the_run_ends(
    cache: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check_fetched(config(*CLIP), fetch=False)
    assert "not on this machine yet: the weights 'openai' of ViT-B-32-quickgelu" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"\(no route to the hub\); bring it here .* set score\.embedder_weights="):
        check_fetched(config(*CLIP), fetch=True)
    asked: list[object] = []
    monkeypatch.setattr(open_clip.pretrained, "download_pretrained", asked.append)
    check_fetched(config(*CLIP), fetch=True)
    assert len(asked) == 1
    repository = open_clip.pretrained.get_pretrained_cfg("ViT-B-32-quickgelu", "openai")["hf_hub"].rstrip("/")
    _keep(cache, repository, "open_clip_model.safetensors")
    check_fetched(config(*CLIP), fetch=True)
    assert len(asked) == 1


def test_a_tag_that_open_clip_does_not_know_names_the_nearest(cache: Path) -> None:
    with pytest.raises(ConfigError, match=r"score\.embedder_weights = 'openal': .* did you mean 'openai'\?"):
        check_fetched(config(*CLIP, "score.embedder_weights=openal"), fetch=True)


@pytest.mark.parametrize("changes", [(), (*CLIP, "score.embedder_weights=untrained")])
def test_what_needs_no_weights_asks_for_none(cache: Path, changes: tuple[str, ...]) -> None:
    check_fetched(config(*changes), fetch=True)


def test_a_model_of_the_hub_is_asked_for_unless_it_is_cached(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_fetched(config(*VLLM), fetch=False)
    assert "Qwen/Qwen2.5-VL-7B-Instruct for caption.model.name; a run fetches it" in capsys.readouterr().err
    with pytest.raises(ConfigError, match=r"for caption\.model\.name: neither on this machine nor to be fetched"):
        check_fetched(config(*VLLM), fetch=True)
    _keep(cache, "Qwen/Qwen2.5-VL-7B-Instruct", "model-00001-of-00005.safetensors")
    check_fetched(config(*VLLM), fetch=True)
