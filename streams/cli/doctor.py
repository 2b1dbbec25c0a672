"""`doctor` and `setup`: check what the programs need on this machine, and install it."""

from __future__ import annotations

from dataclasses import asdict

import click

from infra.settings import load_settings
from streams.cli.output import command, print_json, print_line, print_output


@click.command()
@command
def doctor(as_json: bool) -> None:
    """Show what is missing on this machine and how to install it."""
    from infra.system import checks

    found = checks(load_settings())
    if as_json:
        print_json({"ok": all(check.ok for check in found), "checks": [asdict(check) for check in found]})
    else:
        for check in found:
            remedy = f": {check.remedy}" if check.remedy else ""
            print_output(f"{'ok     ' if check.ok else 'missing'} {check.name:18} {check.detail}{remedy}")
    if not all(check.ok for check in found):
        raise SystemExit(1)


@click.command()
@command
def setup(as_json: bool) -> None:
    """Install what is missing: Kafka, the pose model, and as root the system libraries."""
    from infra.base.umask import user_umask
    from infra.system import setup as set_up

    with user_umask():  # what is downloaded may be for several users
        set_up(load_settings(), lambda name: print_line(f"installing {name}"))
    if as_json:
        print_json({"ok": True})
    print_line("setup is complete")
