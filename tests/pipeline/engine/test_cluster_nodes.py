"""What nodes answer, and what follows from it: each lack is named with the nodes that have it and the fix."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipeline.engine.cluster_nodes import MARKS, Finding, compare, refuse, survey
from pipeline.engine.cluster_room import Node
from pipeline.engine.node_report import MISSING, NodeReport, Request, examine
from pipeline.engine.requirements import Requirements, Source
from pipeline.storage.store import Store
from schemas.errors import StageError

OWN = NodeReport(
    host="here", python="3.11.9", packages={"av": "18.1.0", "torch": "2.13.0+cpu"}, files={"score.heads[0]": "in@1"}
)
WANTED = Requirements(
    dataset="s3://user:hidden@bucket/set",
    source=Source("s3://bucket/raw/a.mp4", "s3://bucket/raw/a.mp4"),
    files={"score.heads[0]": "heads/in.safetensors"},
    variables={"caption.model.key_variable": "OPENAI_API_KEY"},
)
GOOD = replace(OWN, host="there", variables=frozenset({"OPENAI_API_KEY"}))


def errors(report: NodeReport | str) -> list[Finding]:
    return [finding for finding in compare("n1", report, OWN, WANTED) if finding.fix]


def test_a_node_like_this_machine_has_no_errors_and_shows_no_secret() -> None:
    findings = list(compare("n1", GOOD, OWN, WANTED))
    assert [finding.about for finding in findings] == [
        "Python", "packages", "dataset", "bucket", "score.heads[0]", "caption.model.key_variable",
    ]  # fmt: skip
    assert errors(GOOD) == []
    assert not any("hidden" in finding.text for finding in findings)
    assert errors(replace(GOOD, packages={"av": "18.1.0", "torch": "2.13.0+cu130"})) == []


@pytest.mark.parametrize(
    ("report", "about", "text", "fix"),
    [
        (replace(GOOD, python="3.12.1"), "Python", "3.12.1 there, 3.11.9 here", "one image"),
        (
            replace(GOOD, packages={"av": "17.0.0", "torch": MISSING}),
            "packages",
            "av 17.0.0 there, 18.1.0 here, torch missing there, 2.13.0+cpu here",
            "requirements/*.lock",
        ),
        (
            replace(GOOD, dataset="PermissionError"),
            "dataset",
            "s3://bucket/set: PermissionError",
            "every node can read",
        ),
        (replace(GOOD, source="no answer"), "bucket", "s3://bucket/raw/a.mp4: no answer", "engine.environment"),
        (replace(GOOD, files={"score.heads[0]": MISSING}), "score.heads[0]", "is not there", "relative path"),
        (replace(GOOD, files={"score.heads[0]": "in@2"}), "score.heads[0]", "is in@2 there, in@1 here", "same file"),
        (
            replace(GOOD, variables=frozenset()),
            "caption.model.key_variable",
            "OPENAI_API_KEY is not set",
            "add OPENAI_API_KEY to engine.environment",
        ),
        ("no answer within 25 s", "the node", "no answer within 25 s", "raylet"),
    ],
)
def test_each_lack_is_an_error_with_its_fix(report: NodeReport | str, about: str, text: str, fix: str) -> None:
    (finding,) = errors(report)
    assert finding.about == about
    assert text in finding.text
    assert fix in finding.fix


def test_a_refusal_names_all_nodes_of_one_problem_and_says_that_there_are_more() -> None:
    lacking = [Finding(node, "packages", "av missing", "install it") for node in ("n1", "n3")]
    with pytest.raises(StageError, match=r"^nodes n1, n3: packages: av missing; install it$"):
        refuse([*lacking, Finding("n2", "packages", "all")])
    with pytest.raises(StageError, match=r"\(1 more problem: `just doctor --cluster` lists them\)$"):
        refuse([*lacking, Finding("n2", "dataset", "PermissionError", "give it")])
    refuse([Finding("n2", "packages", "all")])


def ask(
    requirements: Requirements, mark: Callable[[Request], None] = lambda _: None, seconds: float = 20
) -> NodeReport:
    request = Request(
        requirements=requirements, token="t0ken", theirs=f"{MARKS}/t0ken", ours=f"{MARKS}/node", seconds=seconds
    )
    mark(request)
    return examine(request)


def test_a_node_reads_the_mark_leaves_its_own_and_reads_the_bucket(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"film")
    wanted = Requirements(
        dataset=str(tmp_path / "set"), source=Source(str(tmp_path / "a.mp4"), str(tmp_path / "a.mp4"))
    )
    store = Store(tmp_path / "set")
    report = ask(wanted, lambda request: store.write(request.theirs, b"t0ken"))
    assert (report.dataset, report.source) == ("", "")
    assert store.read(f"{MARKS}/node") == b"t0ken"


def test_a_node_with_another_folder_of_the_same_name_says_so(tmp_path: Path) -> None:
    wanted = Requirements(dataset=str(tmp_path / "set"))
    assert "another folder of the same name" in ask(wanted).dataset
    store = Store(tmp_path / "set")
    assert "something else" in ask(wanted, lambda request: store.write(request.theirs, b"other")).dataset


def test_a_bucket_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.mp4")
    assert "MediaError: listed, but not found" in ask(Requirements(source=Source(gone, gone))).source


def test_what_hangs_is_an_answer_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    held = threading.Event()
    monkeypatch.setattr(Store, "read", lambda *_: held.wait(60))
    report = ask(Requirements(dataset=str(tmp_path), files={"score.heads[0]": str(tmp_path)}), seconds=0.5)
    held.set()
    assert report.dataset == "no answer within 0.5 s"
    assert report.files == {"score.heads[0]": str(tmp_path)}


def test_files_are_compared_by_content_and_variables_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KEY_OF_A_TEST", "value")
    (tmp_path / "head").write_text("weights")
    wanted = Requirements(
        packages=["pytest", "no-such-package"],
        files={"a": "~/head", "b": str(tmp_path / "none")},
        identify=lambda path: Path(path).read_text(),
        variables={"a": "KEY_OF_A_TEST", "b": "NO_SUCH_KEY"},
    )
    report = ask(wanted)
    assert report.files == {"a": "weights", "b": MISSING}
    assert report.packages == {"pytest": pytest.__version__, "no-such-package": MISSING}
    assert report.variables == {"KEY_OF_A_TEST"}


def test_memory_is_held_against_the_workers_that_run_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Any = {"a": GOOD, "b": GOOD}
    monkeypatch.setattr("pipeline.engine.cluster_nodes._ask", lambda *_: answers)
    nodes = [Node("a", "a", 8, 0, 4e9), Node("b", "b", 8, 0, 16e9), Node("head", "head", 0, 0, 1e8)]
    (short,) = [finding for finding in survey(Requirements(), nodes) if finding.fix]
    assert (short.node, short.about, short.text) == ("a", "memory", "4.0 GB for 8 workers at once")
    assert "--num-cpus 4" in short.fix
