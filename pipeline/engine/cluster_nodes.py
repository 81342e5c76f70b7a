"""Asks every node of a cluster, before the first row, whether it can do a run's work, and compares it with this one.

A node that lacks a package, a file or a variable, or cannot reach the dataset or the bucket, would fail each of its
rows hours later, or write them to a folder of its own. A task with an affinity for the node asks it (`node_report`).

    findings = survey(requirements)
    refuse(findings)                     # StageError for those that are errors
"""

import contextlib
import secrets
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.engine.cluster_room import Node
from pipeline.engine.environment import receive
from pipeline.engine.node_report import MISSING, NodeReport, Request, examine
from pipeline.engine.requirements import Requirements
from pipeline.storage.addresses import clean, redact
from pipeline.storage.store import Store
from schemas.errors import StageError

MARKS = ".nodes"
"""The folder of the dataset in which nodes leave their marks; removed when all have answered."""
_SHARE_FOR_QUESTIONS = 0.6  # of a node's time; the rest is for a process to start and import the packages
_WORKER_BYTES = 1e9
"""Least memory of a worker of the embedded profile; models of other profiles run where GPUs are."""
_IMAGE = "start every node from one image, or install the same requirements/*.lock on it (docs/clusters.md)"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is true of a node: about what, in a sentence; `fix` is empty unless it prevents the run."""

    node: str
    about: str
    text: str
    fix: str = ""


def nodes_of_cluster() -> list[Node]:
    """The nodes that are alive, those that can run work and others."""
    import ray

    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return [
        Node(
            id=node["NodeID"],
            name=f"{node['NodeManagerHostname']} ({node['NodeManagerAddress']}, {node['NodeID'][:6]})",
            cpus=node["Resources"].get("CPU", 0.0),
            gpus=node["Resources"].get("GPU", 0.0),
            memory=node["Resources"].get("memory", 0.0),
        )
        for node in sorted(nodes, key=lambda node: str(node["NodeID"]))
    ]


def survey(requirements: Requirements, nodes: Sequence[Node], vault: Any = None) -> list[Finding]:
    """Ask all nodes that can run work; one finding per node and subject, in the order of nodes."""
    working = [node for node in nodes if node.cpus or node.gpus]
    own = examine(_request(replace(requirements, dataset="", source=None), "", ""))
    with _mark(requirements) as token:
        reports = _ask(requirements, working, token, vault)
    return [
        finding
        for node in working
        for finding in (*_memory(node), *compare(node.name, reports[node.id], own, requirements))
    ]


def refuse(findings: Sequence[Finding]) -> None:
    """Raise `StageError` for the first error, with all nodes that have it."""
    nodes: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for finding in findings:
        if finding.fix:
            nodes[finding.about, finding.text, finding.fix].append(finding.node)
    for (about, text, fix), names in nodes.items():
        more = len(nodes) - 1
        others = f" ({more} more problem{'s' * (more > 1)}: `just doctor --cluster` lists them)" if more else ""
        raise StageError(f"node{'s' * (len(names) > 1)} {', '.join(names)}: {about}: {text}; {fix}{others}")


def compare(node: str, report: NodeReport | str, own: NodeReport, wanted: Requirements) -> Iterator[Finding]:
    """What a node's report means, given that of this machine. `report` is a sentence if there is none."""
    if isinstance(report, str):
        yield Finding(node, "the node", report, "check its raylet and its logs, or take it out of the cluster")
        return
    yield _python(node, report, own)
    yield _packages(node, report, own)
    if wanted.dataset:
        fix = "give a dataset that every node can read and write: s3://..., gs://..., or a folder mounted on all"
        yield _place(node, "dataset", clean(wanted.dataset), report.dataset, fix)
    if wanted.source is not None:
        fix = "give a bucket that every node can read, and its credentials by engine.environment"
        yield _place(node, "bucket", wanted.source.uri, report.source, fix)
    for setting, path in wanted.files.items():
        yield _file(node, setting, path, report.files[setting], own.files[setting])
    for setting, name in wanted.variables.items():
        yield _variable(node, setting, name, name in report.variables)


def _memory(node: Node) -> Iterator[Finding]:
    """A worker of any stage holds libraries and a model; with less, the system ends workers, and their rows fail."""
    if node.memory and node.cpus:
        text = f"{node.memory / 1e9:.1f} GB for {node.cpus:g} workers at once"
        most = int(node.memory / _WORKER_BYTES)
        fix = f"a worker takes {_WORKER_BYTES / 1e9:g} GB: start the node with more memory or with --num-cpus {most}"
        yield Finding(node.name, "memory", text, "" if most >= int(node.cpus) else fix)


def _place(node: str, about: str, name: str, problem: str, fix: str) -> Finding:
    return Finding(node, about, f"{name}: {problem}", fix) if problem else Finding(node, about, name)


def _variable(node: str, setting: str, name: str, is_set: bool) -> Finding:
    if is_set:
        return Finding(node, setting, f"{name} is set")
    fix = f"add {name} to engine.environment, which passes it from this machine, or set it where nodes are started"
    return Finding(node, setting, f"{name} is not set", fix)


def _python(node: str, report: NodeReport, own: NodeReport) -> Finding:
    there, here = (text.rpartition(".")[0] for text in (report.python, own.python))
    if there == here:
        return Finding(node, "Python", report.python)
    return Finding(node, "Python", f"{report.python} there, {own.python} here", _IMAGE)


def _packages(node: str, report: NodeReport, own: NodeReport) -> Finding:
    different = [
        f"{name} {report.packages[name]} there, {version} here"
        for name, version in own.packages.items()
        if version != MISSING and _public(version) != _public(report.packages[name])
    ]
    if different:
        return Finding(node, "packages", ", ".join(different), _IMAGE)
    return Finding(node, "packages", f"{len(own.packages)} of the same versions as here")


def _public(version: str) -> str:
    """A version without the build that it is for: torch 2.13.0+cpu and 2.13.0+cu130 are one version."""
    return version.partition("+")[0]


def _file(node: str, setting: str, path: str, there: str, here: str) -> Finding:
    if there == here:
        return Finding(node, setting, f"{path}: {there}")
    if there == MISSING:
        fix = "copy it to that path on every node, or name a small file by a relative path, which travels with the code"
        return Finding(node, setting, f"{path} is not there", fix)
    return Finding(node, setting, f"{path} is {there} there, {here} here", "copy the same file to every node")


def _ask(requirements: Requirements, nodes: Sequence[Node], token: str, vault: Any) -> Mapping[str, NodeReport | str]:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    task = ray.remote(_examine_with_environment)
    pending = {}
    for node in nodes:
        where = NodeAffinitySchedulingStrategy(node.id, soft=False)
        request = _request(requirements, token, node.id)
        # No CPU, so that a busy cluster answers too, and no second try, which would double the time.
        reference = task.options(num_cpus=0, max_retries=0, scheduling_strategy=where).remote(request, vault)
        pending[reference] = node
    done, _ = ray.wait(list(pending), num_returns=len(pending), timeout=requirements.node_seconds)
    silence = f"no answer within {requirements.node_seconds:g} s (engine.node_seconds)"
    reports: dict[str, NodeReport | str] = {node.id: silence for node in nodes}
    for reference in done:
        try:
            reports[pending[reference].id] = ray.get(reference)
        except Exception as error:  # Ray's errors, and those of an import on the node
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            reports[pending[reference].id] = f"its worker failed: {redact(lines[-1] if lines else repr(error))[:300]}"
    for reference in set(pending) - set(done):
        ray.cancel(reference, force=True)
    return reports


def _examine_with_environment(request: Request, vault: Any) -> NodeReport:
    receive(vault)
    return examine(request)


def _request(requirements: Requirements, token: str, node: str) -> Request:
    return Request(
        requirements=requirements,
        token=token,
        theirs=f"{MARKS}/{token}",
        ours=f"{MARKS}/{token}-{node}",
        seconds=requirements.node_seconds * _SHARE_FOR_QUESTIONS,
    )


@contextmanager
def _mark(requirements: Requirements) -> Iterator[str]:
    """Leave a mark in the dataset for the nodes to read; gives its content. All marks are removed at the end."""
    token = secrets.token_hex(8)
    if not requirements.dataset:
        yield token
        return
    store = Store(requirements.dataset)
    store.write(f"{MARKS}/{token}", token.encode())
    try:
        yield token
    finally:
        for file in store.list(MARKS):  # those of a killed run too
            store.remove(file.key)
        if store.is_local:
            with contextlib.suppress(OSError):
                (Path(store.uri) / MARKS).rmdir()
