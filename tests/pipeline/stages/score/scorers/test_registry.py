import subprocess
import sys

import pytest

from pipeline.stages.score.scorers.registry import EMBEDDERS, LABELLERS, SCORERS, main


def test_names_are_the_keys() -> None:
    for registry in (EMBEDDERS, SCORERS, LABELLERS):
        assert all(thing.name == name for name, thing in registry.items())


def test_heads_read_a_registered_embedder() -> None:
    heads = [scorer for scorer in SCORERS.values() if scorer.reads == "vectors"]
    assert len(heads) == 3
    assert {getattr(head, "embedder", None) for head in [*heads, *LABELLERS.values()]} <= set(EMBEDDERS)


def test_the_registry_is_cheap_to_import() -> None:
    heavy = "{'torch', 'onnxruntime', 'open_clip', 'rapidocr', 'sklearn'}"
    code = f"import sys, pipeline.stages.score.scorers.registry; sys.exit(' '.join({heavy} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_prints_every_measure(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    printed = capsys.readouterr().out
    assert all(measure in printed for scorer in SCORERS.values() for measure in scorer.measures)
