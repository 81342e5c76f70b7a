"""Reads the run configuration: profile, then the YAML file, then `--set`, with errors that name the nearest key.

just curate <bucket> --config run.yaml --set pack.seed=7 --set 'select.rules=["motion >= 1"]'
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import get_args

import yaml
from pydantic import BaseModel, ValidationError

from schemas.config import RunConfig
from schemas.errors import ConfigError
from schemas.nearest import did_you_mean
from schemas.profiles import PROFILES


def load_config(path: Path | None = None, changes: Sequence[str] = (), profile: str | None = None) -> RunConfig:
    """Resolve the configuration. Raises `ConfigError` with one line per wrong setting."""
    given = _read(path) if path else {}
    for change in changes:
        _set(given, change)
    name = profile or given.get("profile", "embedded")
    if not isinstance(name, str) or name not in PROFILES:
        raise ConfigError(f"profile {name!r} is not known; {did_you_mean(str(name), PROFILES)}")
    given["profile"] = name
    merged = _merge(PROFILES[name]().model_dump(), given)
    try:
        return RunConfig.model_validate(merged)
    except ValidationError as error:
        lines = [_explain(detail["loc"], detail["type"], detail["msg"], detail["input"]) for detail in error.errors()]
        raise ConfigError("\n".join(lines)) from None


def dump_config(config: RunConfig) -> str:
    """The configuration as YAML that `load_config` reads back to the same values."""
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


def _set(given: dict[str, object], change: str) -> None:
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
    if _is_text(sections, field) and text[:1] not in ("'", '"'):
        target[field] = text  # a prompt may hold braces and colons, which mean something else in YAML
        return
    try:
        target[field] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {change!r}: the value is not YAML: {' '.join(str(error).split())}") from None


def _is_text(sections: Sequence[str], field: str) -> bool:
    try:
        return _section(sections).model_fields[field].annotation is str
    except (KeyError, AssertionError):
        return False  # an unknown name, which validation explains


def _merge(base: Mapping[str, object], given: Mapping[str, object]) -> dict[str, object]:
    merged = dict(base)
    for name, value in given.items():
        inner = merged.get(name)
        merged[name] = _merge(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return merged


def _explain(location: Sequence[int | str], kind: str, message: str, value: object) -> str:
    names = [str(part) for part in location]
    if kind != "extra_forbidden":
        return f"{'.'.join(names)} = {value!r}: {message.removeprefix('Value error, ')}"
    known = _section(names[:-1]).model_fields
    return f"unknown setting {'.'.join(names)!r}; {did_you_mean(names[-1], known)}"


def _section(names: Sequence[str]) -> type[BaseModel]:
    section: type[BaseModel] = RunConfig
    for name in names:
        annotation = section.model_fields[name].annotation
        inner = next((one for one in (annotation, *get_args(annotation)) if isinstance(one, type)), None)
        assert inner is not None
        assert issubclass(inner, BaseModel), f"{name} is not a section"
        section = inner
    return section
