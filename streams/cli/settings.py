"""`settings`: the values in force and where they come from."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import Any

import click

from infra.settings import Description, Settings, descriptions, load_settings
from streams.cli.output import command, print_json, print_output


@click.command()
@command
def settings(as_json: bool) -> None:
    """Print all settings: the value in force, where it comes from and what it means. Secrets are masked."""
    values = load_settings()
    described = descriptions()
    if as_json:
        print_json({"settings": [_as_json(values, setting) for setting in described]})
        return
    for heading, group in groupby(described, attrgetter("heading")):
        print_output(heading)
        for setting in group:
            print_output(f"  {setting.variable} = {_as_text(values, setting)}  ({_source(values, setting)})")
            print_output(f"      {setting.description}")


def _as_json(values: Settings, setting: Description) -> dict[str, Any]:
    return {
        "variable": setting.variable,
        "value": values.model_dump(mode="json", include={setting.name})[setting.name],
        "unit": setting.unit or None,
        "source": _source(values, setting),
        "secret": setting.is_secret,
        "description": setting.description,
        "heading": setting.heading,
    }


def _as_text(values: Settings, setting: Description) -> str:
    value = getattr(values, setting.name)
    if value is None:
        return "(not set)"
    if isinstance(value, tuple):
        return ":".join(map(str, value))
    if isinstance(value, int | float):
        return f"{int(value) if value == int(value) else value} {setting.unit}".rstrip()
    return str(value)


def _source(values: Settings, setting: Description) -> str:
    return "environment" if setting.name in values.model_fields_set else "default"
