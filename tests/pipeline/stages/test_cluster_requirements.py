"""What a configuration asks of a cluster's nodes."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.engine.record import PACKAGES
from pipeline.engine.requirements import Source, StageNeed
from pipeline.stages.cluster_requirements import files_of, requirements_of, variables_of
from pipeline.stages.specs_of_run import make_specs
from pipeline.storage.addresses import grant
from schemas.config import RunConfig
from schemas.load import load_config


def test_the_embedded_profile_needs_packages_and_cpus_alone() -> None:
    config = RunConfig()
    needed = requirements_of(config, make_specs(config, "/data/set"), "/data/set")
    assert {need.stage: (need.cpus, need.gpus) for need in needed.stages}["summarise"] == (2, 0)
    assert StageNeed("split", 1, 0) in needed.stages
    assert (needed.packages, needed.files, needed.variables, needed.source) == (PACKAGES, {}, {}, None)


def test_files_are_those_that_exist_and_tags_and_hub_names_are_none(tmp_path: Path) -> None:
    head = tmp_path / "head.pth"
    head.write_bytes(b"weights")
    changes = [f"score.head_weights={head}", "score.embedder_weights=openai", "caption.model.name=org/model"]
    assert files_of(load_config(changes=[*changes, f"score.heads=[{head}]"])) == {
        "score.head_weights": str(head),
        "score.heads[0]": str(head),
    }


@pytest.mark.parametrize(
    ("address", "names"), [("https://api.example.com/v1", ["MY_KEY"]), ("http://127.0.0.1:8000/v1", [])]
)
def test_an_endpoint_outside_needs_its_key(address: str, names: list[str]) -> None:
    changes = ["caption.captioner=openai", f"caption.model.base_url={address}", "caption.model.key_variable=MY_KEY"]
    assert list(variables_of(load_config(changes=changes)).values()) == names


def test_the_smallest_object_with_bytes_is_read_by_its_address() -> None:
    grant("s3://a/small.mp4", "s3://user:password@a/small.mp4")
    objects = pa.table({"uri": ["s3://a/large.mp4", "s3://a/small.mp4", "s3://a/none.mp4"], "bytes": [9, 3, 0]})
    config = RunConfig()
    assert requirements_of(config, objects=objects).source == Source(
        "s3://a/small.mp4", "s3://user:password@a/small.mp4"
    )
    assert requirements_of(config, objects=objects.slice(2)).source is None
