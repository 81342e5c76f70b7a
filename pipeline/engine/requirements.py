"""What a run needs of a cluster and of each of its nodes. Made from the configuration, checked before the first row.

cluster.expect(Requirements(stages=[StageNeed("split", 1, 0)], dataset="s3://bucket/set"))
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Need:
    """What an engine of models needs: `replicas` at once, each in `pieces` of `gpus` GPUs, if the cluster has any.

    A piece runs on one node (tensor parallelism); the pieces of a replica may be on several (pipeline parallelism).
    """

    setting: str
    replicas: int
    gpus: int
    pieces: int = 1


@dataclass(frozen=True, slots=True)
class StageNeed:
    """What one worker of a stage takes of one node: CPUs, and GPUs if the cluster has any."""

    stage: str
    cpus: int
    gpus: int


@dataclass(frozen=True, slots=True)
class Source:
    """One object of the bucket, which every node reads a little of; `address` may hold secrets, `uri` does not."""

    uri: str
    address: str


def _same(path: str) -> str:
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What the nodes are asked for. Empty fields are not checked."""

    engines: Sequence[Need] = ()
    stages: Sequence[StageNeed] = ()
    dataset: str = ""
    """Address of the dataset, in which each node leaves a mark and reads one."""
    source: Source | None = None
    packages: Sequence[str] = ()
    """Distributions whose versions must be those of the machine that starts the run."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Path of a file or folder of weights by the setting that names it; the content must be the same on every node."""
    identify: Callable[[str], str] = _same
    """The identity of the content of one of `files`; a path that does not exist is never passed to it."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Environment variable by the setting that needs it."""
    shared: Sequence[str] = ()
    """Names of the environment variables whose values the workers get from this machine (`engine.environment`)."""
    node_seconds: float = 25.0
    """How long a node may take to answer."""
