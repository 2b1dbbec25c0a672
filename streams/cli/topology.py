"""`topology`: the flow of events through steps and topics."""

from __future__ import annotations

import click

from streams.cli.output import command, print_json, print_lines


@click.command()
@click.option("--mermaid", "as_mermaid", is_flag=True, help="Print a Mermaid flowchart.")
@command
def topology(as_mermaid: bool, as_json: bool) -> None:
    """Show which steps read and write which topics, and how long the topics keep their records."""
    from streams import topology as flow

    if as_json:
        print_json(flow.topology() | ({"mermaid": flow.mermaid()} if as_mermaid else {}))
    else:
        print_lines(flow.mermaid() if as_mermaid else flow.text())
