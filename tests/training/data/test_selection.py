"""What a stage trains: rules over the index's scores, percentiles of the train split, and a reason for every loss.

python -m pytest tests/training/data/test_selection.py
"""

from pathlib import Path
from typing import Any

import pytest

from schemas.errors import ConfigError, RuleError
from tests.training.data.made_dataset import drop_columns, make_dataset
from training.config import StageConfig
from training.data.index import SampleIndex
from training.data.selection import Exclusion, Selection, require_samples, resolve_rules, select
from training.data.shapes import Geometry

GEOMETRY = Geometry(text_length=10)


def stage(**changes: Any) -> StageConfig:
    return StageConfig.model_validate({"name": "low", "steps": 1, "pack_length": 200} | changes)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("dataset"))
    make_dataset(folder, {"64x48x9@8": 10, "48x64x1": 4})
    return folder


def chosen(selection: Selection) -> list[str]:
    return [selection.index.clip_ids[int(row)].as_py() for row in selection.rows]


def test_a_percentile_is_one_of_the_train_split_in_either_split(dataset: str) -> None:
    train, val = SampleIndex.open(dataset), SampleIndex.open(dataset, "val")
    rules = resolve_rules(["motion in top 50%"], train)
    assert [(rule.comparison, rule.threshold) for rule in rules] == [(">=", 4.0)]  # train holds 0 to 7
    kept = select(train, stage(), GEOMETRY, rules)
    assert sum(not image for image in kept.row_images) == 4
    assert sum(kept.row_images) == 4  # a picture has no motion, so the rule does not apply
    assert kept.exclusions == (Exclusion("64x48x9@8", "rule motion in top 50% (here >= 4)", 4),)
    assert len(select(val, stage(), GEOMETRY, rules)) == 2  # 8 and 9, both above


def test_words_compare_and_each_sample_is_lost_to_the_first_rule_that_drops_it(dataset: str) -> None:
    index = SampleIndex.open(dataset)
    selection = select(index, stage(), GEOMETRY, resolve_rules(["camera != static", "aesthetic >= 4.25"], index))
    assert selection.exclusions == (
        Exclusion("64x48x9@8", "rule camera != static", 4),
        Exclusion("48x64x1", "rule aesthetic >= 4.25", 3),
        Exclusion("64x48x9@8", "rule aesthetic >= 4.25", 2),
    )
    assert len(selection) == len(index) - 9


def test_a_rule_over_a_column_that_is_not_there_names_those_that_are(dataset: str, tmp_path: Path) -> None:
    index = SampleIndex.open(dataset)
    with pytest.raises(RuleError, match="no column 'asthetic'; did you mean 'aesthetic'"):
        resolve_rules(["asthetic >= 4"], index)
    with pytest.raises(RuleError, match="there are aesthetic, camera, motion"):
        resolve_rules(["zebra >= 4"], index)
    with pytest.raises(RuleError, match="holds words"):
        resolve_rules(["camera in top 10%"], index)
    make_dataset(str(tmp_path), {"48x64x1": 2})
    drop_columns(tmp_path, "scores", "categories")
    with pytest.raises(RuleError, match=r"holds no scores; run `just curate` again"):
        resolve_rules(["motion >= 4"], SampleIndex.open(str(tmp_path)))


def test_a_segment_longer_than_a_pack_names_the_sample_and_the_length_that_holds_it(dataset: str) -> None:
    index = SampleIndex.open(dataset)
    (loss,) = select(index, stage(pack_length=45), GEOMETRY, ()).exclusions
    # 64x48x9: 3 latent frames of 8x6, patch 2: 3 x 12 tokens, and 10 of text.
    assert (loss.bucket, loss.samples) == ("64x48x9@8", 8)
    assert "46 tokens at 64x48x9@8 do not fit into a pack of 45 (sample 64x48x9" in loss.reason
    assert loss.reason.endswith("set pack_length to at least 46")
    assert select(index, stage(pack_length=46), GEOMETRY, ()).exclusions == ()


def test_limits_change_what_a_sample_becomes(dataset: str) -> None:
    selection = select(SampleIndex.open(dataset), stage(short_side=32, max_seconds=0.5), GEOMETRY, ())
    assert {str(shape) for shape in selection.shapes} == {"48x32x1", "32x48x1"}  # half a second is no 9 frames
    assert set(selection.row_lengths) == {10 + 3 * 2}


def test_source_weights_match_sources_by_glob_the_first_one_counting(dataset: str) -> None:
    index = SampleIndex.open(dataset)
    selection = select(index, stage(), GEOMETRY, (), {"pictures/*": 0, "films/*0001*": 3, "films/*": 0.5})
    assert selection.exclusions == (Exclusion("48x64x1", "weight 0 in data.source_weights", 4),)
    assert sorted(selection.weights) == [0.5] * 6 + [3.0] * 2
    with pytest.raises(ConfigError, match=r"'movies/\*' is no source's first match; sources are "):
        select(index, stage(), GEOMETRY, (), {"movies/*": 2})
    with pytest.raises(ConfigError, match=r"'films/\*' has weight -1"):
        select(index, stage(), GEOMETRY, (), {"films/*": -1})


@pytest.mark.parametrize(("share", "left"), [(0, 8), (1, 4)])
def test_an_image_share_of_nothing_or_all_leaves_the_others_out(dataset: str, share: int, left: int) -> None:
    selection = select(SampleIndex.open(dataset), stage(image_share=share), GEOMETRY, ())
    assert len(selection) == left
    assert {loss.reason for loss in selection.exclusions} == {f"image_share is {share}"}


def test_a_stage_without_a_sample_says_what_took_them(dataset: str) -> None:
    with pytest.raises(
        ConfigError, match=r"stage low: no sample is left of 12 in the train split(.|\n)*  8 of 64x48x9"
    ):
        require_samples(select(SampleIndex.open(dataset), stage(pack_length=5), GEOMETRY, ()), stage())
