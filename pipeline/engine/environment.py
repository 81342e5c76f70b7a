"""Values of environment variables for the workers of a cluster, by name (`engine.environment`) and in memory only.

Ray's own way (`runtime_env`'s `env_vars`) writes the values to log files of every node, keeps them in the cluster's
state and shows them in its dashboard. So an actor without a resource, on the node from which the run was started, holds
them, and each worker asks it once: arguments and answers of this size travel inside the calls, not through the object
store, which may spill to disk. Other programs on the cluster cannot find the actor by a name, since it has none.

    vault = share(["OPENAI_API_KEY"])       # in the driver
    receive(vault)                          # in a worker: os.environ has it from now on
"""

import os
import re
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.errors import ConfigError

_SECONDS = 60.0
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class _Vault:
    """The actor: holds values and gives them to those that hold its handle."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}

    def fill(self, values: Mapping[str, str]) -> None:
        """Take the values. Not by the constructor, whose arguments the cluster keeps to restart the actor."""
        self._values = dict(values)

    def read(self) -> dict[str, str]:
        """The values by name."""
        return self._values


def check_names(names: Sequence[str]) -> None:
    """Raise `ConfigError`, which does not show a value, for what is not the name of a variable."""
    for number, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise ConfigError(
                f"engine.environment[{number}] is not the name of a variable; give names alone, without values, such "
                "as OPENAI_API_KEY"
            )


def check_set(names: Sequence[str]) -> None:
    """Raise `ConfigError` for the first variable that is not set on this machine, from which it is to be passed."""
    for name in names:
        if not os.environ.get(name, "").strip():
            raise ConfigError(
                f"engine.environment holds {name}, which is not set here; export it before the run, or take it out of "
                "engine.environment if every node has it"
            )


def share(names: Sequence[str]) -> Any:
    """The handle by which workers get the variables' values; None without names."""
    if not names:
        return None
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    check_set(names)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ray.remote(_Vault)
    vault = actor.options(num_cpus=0, scheduling_strategy=here).remote()
    ray.get(vault.fill.remote({name: os.environ[name] for name in names}), timeout=_SECONDS)
    return vault


def receive(vault: Any) -> None:
    """Set the variables in this process. Processes that it starts inherit them."""
    if vault is not None:
        import ray

        os.environ.update(ray.get(vault.read.remote(), timeout=_SECONDS))
