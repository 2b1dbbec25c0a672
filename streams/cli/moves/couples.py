"""`moves couples`: list the couples of the library, and the room of each of their clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from agents.texts import first_few
from infra.settings import load_settings
from streams.cli.moves.group import moves
from streams.cli.output import command, print_json, print_line, print_output
from streams.files.user_files import check_targets, write_out
from streams.local.services import stream

_FILE = click.Path(path_type=Path, dir_okay=False)


@moves.command()
@click.option("--html", "page", type=_FILE, help="Write a page with pictures of each couple, to open in a browser.")
@command
def couples(page: Path | None, as_json: bool) -> None:
    """List the couples: the same two dancers in the same clothes in the same room, found by what they look like.

    `moves edit MOVE --couple NAME` names a couple. The same name joins couples, different ones split one.
    """
    if page is not None:
        check_targets([page])
    with stream(load_settings(), print_line) as endpoint:
        found = endpoint.get("/couples")
    if page is not None:
        found["html"] = str(_write_page(found["couples"], page))
    if as_json:
        return print_json(found)
    _print_couples(found["couples"])
    if page is not None:
        print_output(found["html"])
    return None


def _print_couples(found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        print_line("no moves; `bachata index FOLDER` adds clips to the library")
    for couple in found:
        clips = first_few([move["clip"] for move in couple["moves"]])
        print_output(f"{couple['name']:20} {len(couple['moves']):4}  {', '.join(couple['rooms']):16}  {clips}")


def _write_page(found: Sequence[Mapping[str, Any]], page: Path) -> Path:
    from streams.cli.moves.couples_page import couples_page, pictured
    from streams.cli.moves.library_page import stills

    content = couples_page(found, stills([move for couple in found for move in pictured(couple)]))
    return write_out(content.encode(), page)
