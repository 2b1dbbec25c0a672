"""`plan export`: write a plan to a file that a person can edit."""

from __future__ import annotations

from pathlib import Path

import click

from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.plans.group import FILE, load, plan, source_argument


@plan.command()
@source_argument
@click.argument("target", metavar="FILE", type=FILE)
@command
def export(source: str, target: Path, as_json: bool) -> None:
    """Write the plan of request ID to FILE (JSON), with all that is needed to judge and to render it.

    Its `dance` has a row for each eight, to edit: which clip, from which eight or beat on, and whether it is mirrored.
    """
    from streams.files.plan_files import plan_text
    from streams.files.user_files import check_targets, write_out

    check_targets([target])
    found = load(source).file
    path = write_out(plan_text(found).encode(), target)
    if as_json:
        print_json({"file": str(path), "title": found.request.title, "rows": len(found.dance)})
        return
    print_line(f"{found.request.title}: {len(found.dance)} rows; `bachata judge` and `bachata render` take the file")
    print_output(str(path))
