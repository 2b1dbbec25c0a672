"""`doctor` and `setup`: what is missing on this machine, and getting it."""

from __future__ import annotations

from dataclasses import asdict

import click

from infra.settings import load_settings
from streams.cli.output import command, print_json, print_line


@click.command()
@command
def doctor(as_json: bool) -> None:
    """Show what is missing on this machine and how to get it."""
    from infra.system import checks

    found = checks(load_settings())
    if as_json:
        print_json({"ok": all(check.ok for check in found), "checks": [asdict(check) for check in found]})
    else:
        for check in found:
            mend = f": {check.remedy}" if check.remedy else ""
            click.echo(f"{'ok     ' if check.ok else 'missing'} {check.name:18} {check.detail}{mend}")
    if not all(check.ok for check in found):
        raise SystemExit(1)


@click.command()
@command
def setup(as_json: bool) -> None:
    """Fetch what the programs need once: Kafka, the pose model, and as root the system's libraries."""
    from infra.system import setup as set_up

    set_up(load_settings(), lambda what: print_line(f"getting {what}"))
    if as_json:
        print_json({"ok": True})
    print_line("everything is set up")
