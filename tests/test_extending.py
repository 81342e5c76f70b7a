"""docs/extending.md: every example is built from the page, registered by its one line's name, and run.

python -m pytest tests/test_extending.py
"""

import importlib.util
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from captioning.backends import BACKENDS
from captioning.captioners import CAPTIONERS
from captioning.chat import ChatRequest, ImageBytes, Message
from captioning.protocols import ClipRequest, StillRequest, iterate
from captioning.summarisers import SUMMARISERS
from captioning.tokens import TokenCounter
from pipeline.measures import clips_table, measurer, registry
from pipeline.measures.clips_table import CLIPS
from pipeline.media.analysis_frame import analyse_image
from pipeline.media.decode import PacketSizes
from pipeline.stages.caption.models import CHAT_BACKENDS, SUMMARY_BACKENDS, open_captioner, open_summariser
from pipeline.stages.preflight import check_config
from pipeline.stages.score.configured import measure_names
from pipeline.stages.score.scorers.registry import SCORERS
from pipeline.stages.score.stage import Score
from pipeline.stages.specs_of_run import make_specs
from pipeline.stages.split.detectors import DETECTORS, DetectorEntry, make_detector
from pipeline.stages.split.detectors.base import Boundary
from schemas.config import CaptionConfig, RunConfig, ScoreConfig, SelectConfig, SplitConfig, SummariseConfig
from schemas.errors import ConfigError
from schemas.model_config import ModelConfig
from tests.films import flat
from tests.pipeline.stages.score.scorers.samples import jpeg
from training.families.registry import build_model, open_family
from training.models.segment import Segment
from training.recipes import load_training
from training.settings.registry import FAMILIES

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = re.findall(r"```(python)?\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(), re.DOTALL)
FILES = {block.splitlines()[0].removeprefix("# "): block for kind, block in BLOCKS if kind}
LINES = [block.strip() for kind, block in BLOCKS if not kind]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[[str], Any]]:
    """Makes the example's file into a module of the name that it would have in its room."""
    added = []

    def module_of(path: str) -> Any:
        file = tmp_path / Path(path).name
        file.write_text(FILES[path])
        name = path.removesuffix(".py").replace("/", ".")
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec
        assert spec.loader
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        added.append(name)
        spec.loader.exec_module(module)
        return module

    yield module_of
    for name in added:
        del sys.modules[name]


def test_every_example_has_its_line_and_no_file_of_its_name_is_there() -> None:
    assert len(FILES) == len(LINES)
    for path, line in zip(FILES, LINES, strict=True):
        name = Path(path).stem
        assert line.startswith(f'"{name}": ') or line == f"{name.capitalize()}(),"
        assert not (ROOT / path).exists()
        assert (ROOT / path).parent.is_dir()


Build = Callable[[str], Any]


def test_a_scorer(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="warmth"):
        check_config(RunConfig(score=ScoreConfig(scorers=["warmth"])))
    scorer = build("pipeline/stages/score/scorers/warmth.py").Warmth
    monkeypatch.setitem(SCORERS, "warmth", scorer)
    config = RunConfig(score=ScoreConfig(scorers=["warmth"]), select=SelectConfig(rules=["warmth > 0.1"]))
    check_config(config)
    assert measure_names(config.score) == ["warmth"]
    spec = make_specs(config, "set").scores["warmth"]
    assert (spec.build, spec.arguments["scorer"], spec.outputs[0].folder) == (Score, "warmth", "scores/warmth")
    red, blue = (jpeg(flat(colour, 1)[0]) for colour in ((255, 0, 0), (0, 0, 255)))
    assert scorer(threads=1).score([red])["warmth"] == pytest.approx(1, abs=0.05)
    assert scorer(threads=1).score([red, blue])["warmth"] == pytest.approx(0, abs=0.05)


def test_a_detector(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    config = RunConfig(split=SplitConfig(detector="brightness"))
    with pytest.raises(ConfigError, match=r"split\.detector = 'brightness'"):
        check_config(config)
    build("pipeline/stages/split/detectors/brightness.py")
    entry = DetectorEntry(path="pipeline.stages.split.detectors.brightness:BrightnessCuts", packages=())
    monkeypatch.setitem(DETECTORS, "brightness", entry)
    check_config(config)
    assert make_specs(config, "set").split.fingerprint != make_specs(RunConfig(), "set").split.fingerprint
    detector = make_detector(config.split, 1)
    for picture in [*flat((200, 200, 200), 5), *flat((20, 20, 20), 5)]:
        detector.push(analyse_image(picture))
    assert detector.finish() == [Boundary(5, 5)]
    assert detector.finish() == []


def test_a_measure(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    before = CLIPS.names
    grain = build("pipeline/measures/grain.py").Grain()
    monkeypatch.setattr(registry, "MEASURES", [*registry.MEASURES, grain])
    monkeypatch.setattr(measurer, "MEASURES", registry.MEASURES)
    names = importlib.reload(clips_table).CLIPS.names
    assert [name for name in names if name not in before] == ["grain"]
    grains = []
    for image in (flat((128, 128, 128), 1)[0], np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)):
        seen = measurer.Measurer(64, 48, PacketSizes())
        seen.push(analyse_image(image))
        row = seen.summarise(0, 1)
        assert set(row) <= set(names)
        grains.append(row["grain"])
    assert grains[0] == 0.0
    assert grains[1] > 0.5
    monkeypatch.undo()
    assert importlib.reload(clips_table).CLIPS.names == before


def test_a_captioner(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CAPTIONERS, "moves", build("captioning/captioners/moves.py").MovesCaptioner)
    config = RunConfig(caption=CaptionConfig(captioner="moves"))
    check_config(config)
    spec = make_specs(config, "set").caption
    assert "camera" in spec.identity
    assert spec.fingerprint != make_specs(RunConfig(), "set").caption.fingerprint
    captioner = open_captioner(config.caption, 1)
    still = StillRequest(still_id="s", clip_id="c", image=ImageBytes("s", b""), time=0.0, camera="pan left")
    assert [reply.caption for reply in iterate(captioner.caption([still]))] == ["The camera: pan left."]


def test_a_summariser(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SUMMARISERS, "first", build("captioning/summarisers/first.py").FirstSummariser)
    config = RunConfig(summarise=SummariseConfig(summariser="first"))
    check_config(config)
    assert make_specs(config, "set").summarise.fingerprint != make_specs(RunConfig(), "set").summarise.fingerprint
    summariser = open_summariser(config.summarise, TokenCounter(None), 1)
    request = ClipRequest(sample_id="s", frame_captions=("A dog runs.", "A cat sleeps."))
    assert [reply.dense for reply in iterate(summariser.summarise([request]))] == ["A dog runs."]


def test_a_backend(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = build("captioning/backends/echo.py").BACKEND
    for backends in (BACKENDS, CHAT_BACKENDS, SUMMARY_BACKENDS):
        monkeypatch.setitem(backends, "echo", backend)
    model = ModelConfig(name="any", cache="")
    check_config(RunConfig(caption=CaptionConfig(captioner="echo", model=model)))
    with pytest.raises(ConfigError, match=r"caption\.model\.name is empty"):
        check_config(RunConfig(caption=CaptionConfig(captioner="echo")))
    request = ChatRequest(id="a", messages=(Message("user", "Is anybody there?"),), max_tokens=16)
    assert [reply.text for reply in iterate(backend.open(model, 1).chat([request]))] == ["Is anybody there?"]


def test_a_family(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    build("training/families/linear.py")
    with pytest.raises(ConfigError, match="family = 'linear'"):
        load_training(None, ["model.family=linear"], "demo")
    monkeypatch.setitem(FAMILIES, "linear", "training.families.linear:open_linear")
    config = load_training(None, ["model.family=linear"], "demo")
    opened = open_family(config)
    model = build_model(opened, config)
    sizes = opened.family.sizes
    assert sum(weights.numel() for weights in model.parameters()) == sizes.parameters
    segments = [opened.family.smallest(torch.device("cpu")), Segment(torch.ones(3, 16, 4, 6), torch.zeros(2, 384), 500)]
    assert [prediction.shape for prediction in model(segments)] == [segment.latents.shape for segment in segments]
    assert all(not prediction.any() for prediction in model(segments))
    assert opened.family.flops([10, 20]) == 6 * sizes.parameters * 30
    assert opened.family.blocks(model) == [model.project]
