"""Whether a worker process died alone or with its node: a lost machine is not the fault of the row that it worked on.

Mark(store, key, this_node()).left(node_lives)
"""

import sys

_SECONDS = 30.0


def this_node() -> str:
    """The id of the node that this worker runs on; empty outside of Ray."""
    if "ray" not in sys.modules:
        return ""
    import ray

    return str(ray.get_runtime_context().get_node_id()) if ray.is_initialized() else ""


def node_lives(node: str) -> bool:
    """Whether a node is there. Asks the node itself: Ray notices a lost worker at once, a lost node after seconds."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    if node == this_node():
        return True
    if not any(known["NodeID"] == node and known["Alive"] for known in ray.nodes()):  # type: ignore[no-untyped-call]
        return False
    where = NodeAffinitySchedulingStrategy(node, soft=False)
    answer = ray.remote(this_node).options(num_cpus=0, max_retries=0, scheduling_strategy=where).remote()
    try:
        return bool(ray.get(answer, timeout=_SECONDS) == node)
    except Exception:  # the node died while it was asked, or it hangs
        return False
