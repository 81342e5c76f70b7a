"""Makes the specification of a stage: what the engine runs, and the fingerprint of all that decides its result.

A fingerprint covers the stage's version, its part of the configuration, its model and prompt, its contracts, and the
fingerprints of the stages that it reads. The selection only says which rows are wanted and is part of none. Settings
that only say where or how fast work is done are part of none either.

    make_spec("ingest", Probe, VERSION, OUTPUTS, settings={}, arguments={}, upstream=())
"""

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipeline.stage import Output, Stage, StageSpec
from schemas.ids import digest


def make_spec(
    name: str,
    build: Callable[..., Stage],
    version: int,
    outputs: tuple[Output, ...],
    *,
    settings: Mapping[str, Any],
    arguments: Mapping[str, Any],
    upstream: Sequence[StageSpec] = (),
    model: str = "",
    identity: tuple[str, ...] = (),
    **where: Any,
) -> StageSpec:
    """The specification of a stage. `settings` and `model` decide its result; `where` are the resources of `StageSpec`.

    `arguments` are what `build` is called with in each worker; they are no part of the fingerprint.
    """
    # A changed contract is a changed stage: old part files would not pass it.
    columns = [
        [column.name, column.content]
        for output in outputs
        for column in output.contract.columns
        if output.hashed is None or column.name in output.hashed
    ]
    read = [spec.fingerprint for spec in upstream]
    return StageSpec(
        name=name,
        build=build,
        arguments=arguments,
        outputs=outputs,
        fingerprint=digest(name, version, dict(settings), model, read, columns),
        identity=identity,
        upstream=tuple(spec.name for spec in upstream),
        **where,
    )


def versions_of(packages: Sequence[str]) -> str:
    """The installed versions of the packages whose models decide a result."""
    return " ".join(f"{name}=={importlib.metadata.version(name)}" for name in packages)
