"""docs/benchmarks.md keeps the sections of other benchmarks and replaces a benchmark's own."""

from pathlib import Path

from pipeline.benchmarks.record import markdown_table, record


def test_a_recorded_run_replaces_its_own_section_only(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    record("one", "First", ["old numbers"], "just bench one", page)
    record("two", "Second", ["kept"], "just bench two", page)
    record("one", "First", [markdown_table(("a", "b"), [(1, r"x|\1")])], "just bench one", page)
    text = page.read_text()
    assert "old numbers" not in text
    assert text.index("## First") < text.index("## Second")
    assert r"| 1 | x\|\1 |" in text
    assert text.count("# Benchmarks\n") == 1
    assert "commit " in text
    assert "`just bench one`" in text
