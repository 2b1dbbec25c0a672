"""`moves`: the library."""

from __future__ import annotations

from typing import Any

import click

from infra.settings import load_settings
from schemas.faults import Poison
from streams.cli.output import command, give, tell
from streams.services import stream


@click.group()
def moves() -> None:
    """List and search the library."""


@moves.command(name="list")
@click.option("--embeddings", is_flag=True, help="With --json: also each move's 512 values.")
@command
def list_moves(embeddings: bool, as_json: bool) -> None:
    """List all moves."""
    with stream(load_settings(), tell) as endpoint:
        found = endpoint.get("/moves" + ("?embeddings=1" if embeddings else ""))
    _show(found, as_json)


@moves.command()
@click.option("--like", metavar="MOVE", help="Moves that look and sound like this clip (its name or hash).")
@click.option("--tempo", metavar="LO-HI", help="Tempo range in BPM, such as 120-135.")
@click.option("--difficulty", type=click.Choice(["beginner", "intermediate", "advanced"]))
@click.option("--energy", type=click.Choice(["low", "medium", "high"]))
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True)
@command
def search(
    like: str | None, tempo: str | None, difficulty: str | None, energy: str | None, top: int, as_json: bool
) -> None:
    """Search for moves."""
    query = {
        "like": like,
        "tempo_bpm": _range(tempo) if tempo else None,
        "difficulties": [difficulty] if difficulty else [],
        "energies": [energy] if energy else [],
        "limit": top,
    }
    with stream(load_settings(), tell) as endpoint:
        try:
            found = endpoint.post("/moves/search", query)
        except ValueError as error:
            raise Poison(str(error), reason="invalid_query") from error
    _show(found, as_json)


def _range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split("-"))
    except ValueError:
        raise Poison(f"'{text}' is no tempo range; write it as 120-135", reason="invalid_query") from None
    return low, high


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        give(found)
        return
    if not found["moves"]:
        tell("no moves; `bachata index FOLDER` takes clips into the library")
    for move in found["moves"]:
        alike = f"  {move['similarity']:.3f}" if "similarity" in move else ""
        click.echo(
            f"{move['clip']:28} {move['move']:24} {move['difficulty']:12} {move['energy']:7} "
            f"{move['tempo_bpm']:6.1f} BPM  {move['eights']} x 8{alike}"
        )
