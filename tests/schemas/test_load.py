"""The run configuration: where values come from, and one line for every wrong one.

python -m pytest tests/schemas/test_load.py
"""

from pathlib import Path

import pytest
from pydantic import ValidationError

from schemas.bucket import BUCKET_SETS, Bucket
from schemas.config import RunConfig
from schemas.errors import ConfigError
from schemas.load import dump_config, load_config
from schemas.profiles import PROFILES


def _file(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text)
    return path


def test_file_goes_over_profile_and_set_goes_over_file(tmp_path: Path) -> None:
    path = _file(tmp_path, "profile: gpu\npack:\n  crf: 20\n  seed: 3\n")
    config = load_config(path, ["pack.seed=7"])
    assert (config.profile, config.pack.crf, config.pack.seed) == ("gpu", 20, 7)
    assert config.pack.buckets == ["cogvideox"]  # the profile's own, beside what the file changes
    assert config.score == PROFILES["gpu"]().score


def test_the_command_lines_profile_wins(tmp_path: Path) -> None:
    assert load_config(_file(tmp_path, "profile: gpu"), profile="cluster").profile == "cluster"


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_profile_reads_back_as_it_was_printed(name: str, tmp_path: Path) -> None:
    config = load_config(profile=name)
    assert config == PROFILES[name]()
    assert load_config(_file(tmp_path, dump_config(config))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("pak.seed=1", "unknown setting 'pak'; did you mean 'pack'?"),
        ("pack.sead=1", "unknown setting 'pack.sead'; did you mean 'pack.seed'?"),
        ("crf=20", "unknown setting 'crf'; did you mean 'pack.crf'?"),
        ("split.crf=20", "unknown setting 'split.crf'; did you mean 'pack.crf'?"),
        ("caption.model.nam=x", "unknown setting 'caption.model.nam'; did you mean 'caption.model.name'?"),
        ("zzz=1", "unknown setting 'zzz'; there are caption, duplicates"),
    ],
)
def test_an_unknown_setting_names_the_nearest(change: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(changes=[change])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("pack.crf=99", "pack.crf = 99: must be at most 51"),
        ("pack.crf=1.5", "pack.crf = 1.5: must be a whole number"),
        ("engine.workers=-1", "engine.workers = -1: must be at least 0"),
        ("limits.seconds=0", "limits.seconds = 0: must be more than 0"),
        ("pack.validation_share=1", "pack.validation_share = 1: must be less than 1"),
        ("pack.allow_upscale=perhaps", "pack.allow_upscale = 'perhaps': must be true or false"),
        ("pack.buckets=3", "pack.buckets = 3: must be a list, such as [first, second]"),
        ("summarise.form=proze", "summarise.form = 'proze': must be 'prose' or 'structured'; did you mean 'prose'?"),
        (
            "split.preset=strikt",
            "split.preset = 'strikt': must be 'balanced', 'strict' or 'lenient'; did you mean 'strict'?",
        ),
        ("pack.buckets=[cogvideo]", "'cogvideo' is neither a bucket nor a named set; did you mean 'cogvideox'?"),
        ("pack.buckets=[100x64x1]", "multiples of 16"),
        ("select.rules=[motion]", "write `column >= number`"),
        ("split=3", "split = 3"),
        ("split.min_seconds.x=3", "split.min_seconds"),
    ],
)
def test_a_wrong_value_is_named_with_its_setting(change: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(changes=[change])
    assert message in str(caught.value)
    assert "Input should" not in str(caught.value)


def test_every_wrong_setting_gets_its_own_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(changes=["pack.crf=99", "pack.sead=1", "engine.workers=-1"])
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("pack.seed", "write section.field=value"),
        ("=3", "write section.field=value"),
        ("pack.buckets=[a", "the value is not YAML"),
        ("profile.x=3", "'profile' is not a section"),
    ],
)
def test_a_malformed_set_shows_the_form(change: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--set") as caught:
        load_config(_file(tmp_path, "profile: gpu"), [change])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("pack: [", "is not YAML"),
        ("- pack", "the top level must be sections"),
        ("profile: gpuu", "did you mean 'gpu'?"),
    ],
)
def test_an_unreadable_file_says_why(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(_file(tmp_path, text))
    assert message in str(caught.value)


def test_a_file_that_is_missing_or_no_text_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_config(tmp_path / "none.yaml")
    (tmp_path / "run.yaml").write_bytes(b"pack: \xff\xfe\x80")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_config(tmp_path / "run.yaml")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load_config(_file(tmp_path, "# nothing\n")) == load_config()


def test_the_configuration_cannot_be_changed_after_it_was_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_config().pack.seed = 3


def test_buckets_are_the_named_sets_without_repeats() -> None:
    config = load_config(changes=["pack.buckets=[384x256x49@8, first-stage, 64x64x1]"])
    assert config.buckets() == tuple(
        dict.fromkeys([Bucket.parse("384x256x49@8"), *BUCKET_SETS["first-stage"], Bucket.parse("64x64x1")])
    )


def test_shots_longer_than_the_limit_can_be_divided_into_clips_that_are_long_enough() -> None:
    with pytest.raises(ConfigError, match=r"split.max_seconds = 3.* at least twice"):
        load_config(changes=["split.min_seconds=2", "split.max_seconds=3"])
    assert load_config(changes=["split.min_seconds=2", "split.max_seconds=4"]).split.max_seconds == 4


@pytest.mark.parametrize("name", [*RunConfig.model_fields])
def test_every_field_of_a_section_is_described(name: str) -> None:
    annotation = RunConfig.model_fields[name].annotation
    fields = getattr(annotation, "model_fields", {name: RunConfig.model_fields[name]})
    assert [field for field, info in fields.items() if not info.description] == []


@pytest.mark.parametrize("text", ["{subject} in {light}", "{light}", "one: two", "- three", "", "null"])
def test_a_prompt_is_taken_as_it_is_written(text: str) -> None:
    assert load_config(changes=[f"caption.prompt={text}"]).caption.prompt == text


def test_a_quoted_prompt_loses_its_quotes() -> None:
    assert load_config(changes=["caption.prompt='{light}'"]).caption.prompt == "{light}"


def test_a_preset_of_split_changes_the_odds_that_a_boundary_must_have() -> None:
    split = load_config(changes=["split.cut_probability=0.5", "split.mixed_probability=0.2"]).split
    assert split.thresholds() == (0.5, 0.2)
    strict = load_config(changes=["split.preset=strict"]).split.thresholds()
    lenient = load_config(changes=["split.preset=lenient"]).split.thresholds()
    assert [*strict, *lenient] == pytest.approx([1 / 4, 1 / 13, 3 / 4, 3 / 7])
    with pytest.raises(ConfigError, match=r"split\.preset = 'bold'"):
        load_config(changes=["split.preset=bold"])
