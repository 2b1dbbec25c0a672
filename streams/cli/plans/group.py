"""The group of commands `plan`, and how they find a plan by its request or its file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.settings import load_settings
from schemas.faults import Poison
from streams.cli.read_topics import read_topics

if TYPE_CHECKING:
    from schemas.plan_file import PlanFile
    from schemas.sequence_planned import SequencePlanned

FILE = click.Path(path_type=Path, dir_okay=False)
source_argument = click.argument("source", metavar="ID|FILE")
rules_option = click.option(
    "--rules", "rules_file", type=FILE, help="Judge by these rules (TOML) in place of those of the request."
)


@click.group()
def plan() -> None:
    """List, show, export and change the plans of choreographies."""


@dataclass(frozen=True)
class Source:
    """A plan that the user names. `path`: its file, if it is in one; `planned`: its event, if it is on the topics."""

    file: PlanFile
    path: Path | None = None
    planned: SequencePlanned | None = None


def load(source: str) -> Source:
    """Return the plan of a request, or that in a file.

    Raises: `Poison`: `invalid_plan` for a wrong file, `unknown_request` for what is neither; `Retryable` (`kafka`).
    """
    from streams.files.plan_files import read_plan

    path = Path(source)
    if names_file(source):
        if not path.exists():
            raise Poison(f"{source}: there is no such file", reason="not_found")
        return Source(read_plan(path), path)
    return _of_request(source)


def names_file(source: str) -> bool:
    """Return whether a text names a file, and not a request."""
    path = Path(source)
    return path.suffix.lower() == ".json" or len(path.parts) > 1 or path.is_file()


def _of_request(request_id: str) -> Source:
    from streams.client.arguments import request_id_of
    from streams.operations.plans import plan_of_request

    checked = request_id_of(request_id)
    file, planned = read_topics(load_settings(), lambda history: plan_of_request(history, checked))
    return Source(file, planned=planned)
