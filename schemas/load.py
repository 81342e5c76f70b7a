"""Reads the run configuration: profile, then the YAML file, then `--set`, with errors that name the nearest key.

just curate <bucket> --config run.yaml --set pack.seed=7 --set 'select.rules=["motion >= 1"]'
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from schemas.config import RunConfig
from schemas.errors import ConfigError
from schemas.in_our_words import what_is_wrong
from schemas.nearest import closest, did_you_mean
from schemas.profiles import PROFILES

Settings = TypeVar("Settings", bound=BaseModel)


def load_config(path: Path | None = None, changes: Sequence[str] = (), profile: str | None = None) -> RunConfig:
    """Resolve the configuration of a curation. Raises `ConfigError` with one line per wrong setting."""
    return load_settings(RunConfig, PROFILES, "profile", "embedded", path, changes, profile)


def load_settings(
    root: type[Settings],
    named: Mapping[str, Callable[[], Settings]],
    key: str,
    default: str,
    path: Path | None = None,
    changes: Sequence[str] = (),
    name: str | None = None,
) -> Settings:
    """Resolve any configuration: the defaults in `named` that `key` (or `name`) chooses, then the file, the changes.

    Raises `ConfigError` with one line per wrong setting.
    """
    given = _read(path) if path else {}
    for change in changes:
        _set(root, given, change)
    chosen = name or given.get(key, default)
    if not isinstance(chosen, str) or chosen not in named:
        raise ConfigError(f"{key} {chosen!r} is not known; {did_you_mean(str(chosen), named)}")
    given[key] = chosen
    return settings_of(root, _merge(named[chosen]().model_dump(), given))


def settings_of(root: type[Settings], values: Mapping[str, object]) -> Settings:
    """The settings that `values` hold. Raises `ConfigError` with one line per wrong one, in our words."""
    try:
        return root.model_validate(values)
    except ValidationError as error:
        lines = [
            _explain(root, location, _path(values, location), error_type, value, words)
            for location, error_type, value, words in what_is_wrong(error)
        ]
        raise ConfigError("\n".join(lines)) from None


def dump_config(config: BaseModel) -> str:
    """The configuration as YAML; loading it gives the same values."""
    text: str = yaml.safe_dump(config.model_dump(), sort_keys=False, width=120)
    return text


def _read(path: Path) -> dict[str, object]:
    try:
        given = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"config {path}: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"config {path} is not YAML: {' '.join(str(error).split())}") from None
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ConfigError(f"config {path}: the top level must be sections like `split:`, not {type(given).__name__}")
    return given


def _set(root: type[BaseModel], given: dict[str, object], change: str) -> None:
    name, equals, text = change.partition("=")
    if not equals or not name:
        raise ConfigError(f"--set {change!r}: write section.field=value, for example pack.seed=7")
    *sections, field = name.split(".")
    target = given
    for section in sections:
        inner = target.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"--set {change!r}: {section!r} is not a section")
        target = inner
    if _is_text(root, sections, field) and text[:1] not in ("'", '"'):
        target[field] = text  # a prompt may hold braces and colons, which are YAML syntax
        return
    try:
        target[field] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {change!r}: the value is not YAML: {' '.join(str(error).split())}") from None


def _is_text(root: type[BaseModel], sections: Sequence[str], field: str) -> bool:
    try:
        return _section(root, sections).model_fields[field].annotation is str
    except (KeyError, AssertionError):
        return False  # an unknown name; validation reports it


def _merge(base: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    merged = dict(base)
    for name, value in given.items():
        inner = merged.get(name)
        if isinstance(value, dict) and isinstance(inner, dict):
            merged[name] = _merge(inner, value)
        elif isinstance(value, dict) and isinstance(inner, list):
            merged[name] = _merge_list(name, inner, value)
        else:
            merged[name] = value
    return merged


def _merge_list(field: str, base: Sequence[Mapping[str, object]], given: Mapping[str, object]) -> list[object]:
    """Merge changes into a list of named sections: `stages.low.steps=100` changes the section named `low`."""
    names = [str(section["name"]) for section in base]
    if unknown := [name for name in given if name not in names]:
        known = [f"{field}.{name}" for name in names]
        raise ConfigError(f"unknown setting '{field}.{unknown[0]}'; {did_you_mean(f'{field}.{unknown[0]}', known)}")
    changes = [given.get(name, {}) for name in names]
    return [
        _merge(section, change) if isinstance(change, dict) else change
        for section, change in zip(base, changes, strict=True)
    ]


def _path(values: object, location: Sequence[int | str]) -> str:
    """A place in the settings as a person writes it: `stages.low.steps`, not `stages.0.steps`."""
    names = []
    for part in location:
        inner = values[part] if isinstance(values, list) and isinstance(part, int) else None
        values = inner if inner is not None else values.get(part) if isinstance(values, dict) else None
        names.append(str(inner["name"]) if isinstance(inner, dict) and "name" in inner else str(part))
    return ".".join(names)


def _explain(
    root: type[BaseModel], location: Sequence[int | str], path: str, error_type: str, value: object, words: str
) -> str:
    if not path:
        return words
    if error_type != "extra_forbidden":
        return f"{path} = {value!r}: {words}"
    names = [str(part) for part in location]
    return f"unknown setting {path!r}; {_nearest(root, names, path.rpartition('.')[0])}"


def _nearest(root: type[BaseModel], names: Sequence[str], section: str) -> str:
    """The setting that was probably meant, with its section: one of a name like it there, or of its name elsewhere."""
    known = [*_section(root, names[:-1]).model_fields]
    if near := closest(names[-1], known):
        return f"did you mean {f'{section}.{near}'.lstrip('.')!r}?"
    elsewhere = [path for path in _paths(root) if path.rpartition(".")[2] == names[-1]]
    return f"did you mean {' or '.join(map(repr, elsewhere))}?" if elsewhere else did_you_mean(names[-1], known)


def _paths(section: type[BaseModel], before: str = "") -> Iterator[str]:
    """Every setting below a section that is not itself a list of sections."""
    for name, field in section.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _paths(field.annotation, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def _section(root: type[BaseModel], names: Sequence[str]) -> type[BaseModel]:
    section = root
    for name in names:
        if name.isdigit():  # an index into a list, whose sections all have one type
            continue
        annotation = section.model_fields[name].annotation
        candidates = (annotation, *get_args(annotation))
        inner = next((candidate for candidate in candidates if isinstance(candidate, type)), None)
        assert inner is not None
        assert issubclass(inner, BaseModel), f"{name} is not a section"
        section = inner
    return section
