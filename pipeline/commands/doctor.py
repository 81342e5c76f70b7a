"""`just doctor`: whether a recipe can train on a dataset, or with `--cluster`, whether nodes of Ray can curate.

just doctor --cluster head:6379 --bucket s3://raw --out s3://set
"""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipeline.commands.arguments.doctor import parse
from pipeline.engine.cluster import Cluster
from pipeline.engine.cluster_nodes import Finding
from pipeline.stages.cluster_requirements import requirements_of
from pipeline.stages.ingest.stage import list_bucket
from pipeline.stages.preflight import check_config
from pipeline.stages.specs_of_run import make_specs
from pipeline.storage.store import Store
from schemas.command import run_command
from schemas.errors import StageError


def main() -> int:
    """Entry point."""
    return run(parse())


def run(parsed: argparse.Namespace) -> int:
    """Check what the command line names; returns 1 if anything would prevent the run."""
    if "cluster" not in parsed:
        from training.commands import doctor as training

        return training.run(parsed)
    findings, misfit = examine(parsed)
    show(findings, misfit, f"Ray at {parsed.cluster}")
    return int(bool(misfit) or any(finding.fix for finding in findings))


def examine(parsed: argparse.Namespace) -> tuple[list[Finding], str]:
    """What every node says, and why an engine or a stage fits no node (empty if all do).

    Raises what `just curate` raises for the configuration, the bucket and an address that does not answer.
    """
    config = parsed.settings
    check_config(config, fetch=False)
    dataset = Store(parsed.out).address if parsed.out else ""
    objects = list_bucket(parsed.bucket, config.ingest) if parsed.bucket else None
    with Cluster(parsed.cluster) as cluster:
        cluster.expect(requirements_of(config, make_specs(config, dataset or "no-dataset"), dataset, objects))
        findings = cluster.findings()
        try:
            cluster.check_room()
        except StageError as error:
            return findings, str(error)
        return findings, ""


def show(findings: Sequence[Finding], misfit: str, title: str) -> None:
    """Print a line per node and subject on stdout, errors last, where they are seen first."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for heading in ("", "node", "about", "finding"):
        table.add_column(heading, overflow="fold")
    for finding in sorted(findings, key=lambda finding: bool(finding.fix)):
        level = "[bold red]error[/]" if finding.fix else "[dim]ok[/]"
        text = f"{finding.text}; {finding.fix}" if finding.fix else finding.text
        table.add_row(level, escape(finding.node), escape(finding.about), escape(text))
    if misfit:
        table.add_row("[bold red]error[/]", "all", "resources", escape(misfit))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
    console.print(table)
    nodes = len({finding.node for finding in findings})
    errors = sum(bool(finding.fix) for finding in findings) + bool(misfit)
    console.print(f"{nodes} node{'s' * (nodes != 1)} asked, {errors} error{'s' * (errors != 1)}")


if __name__ == "__main__":
    run_command(main)
