"""The group of commands `moves`, and how they find a move by its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import click

from agents.playable import confidence_text
from schemas.faults import Poison
from schemas.safe_text import escaped
from streams.ids import begins_hash

_MAX_SUGGESTIONS = 3
_COUNT_HINTS = {"unsure": ", annotate one with --first-one", "unknown": ", index the clip again"}


@click.group()
def moves() -> None:
    """List, search, draw, annotate and remove moves of the library."""


def resolve(move: str, entries: Sequence[Mapping[str, Any]]) -> str:
    """Return the sha256 of the clip with this name, as it is or as it is printed, or with this beginning of its sha256.

    Raises: `Poison` (`unknown_move`) if there is none, or several.
    """
    found = [entry["sha256"] for entry in entries if move and move in {entry["clip"], escaped(entry["clip"])}]
    if not found:
        found = [entry["sha256"] for entry in entries if begins_hash(move, entry["sha256"])]
    if len(found) == 1:
        return str(found[0])
    if found:
        hashes = ", ".join(sha256[:12] for sha256 in found[:5])
        raise Poison(f"'{move}' is ambiguous: {len(found)} clips; give a hash: {hashes}", reason="unknown_move")
    raise Poison(f"no move '{move}' in the library; {_suggestion(move, entries)}", reason="unknown_move")


def count_text(fields: Mapping[str, Any], hint: bool = True) -> str:
    """Return how sure a move's count 1 is, such as "count: sure 0.97". `fields`: as `count_fields` returns them.

    `hint`: also what to do where it is not sure.
    """
    count = fields["count"]
    text = f"count: {count} {confidence_text(count, fields['count_confidence'])}".rstrip()
    return text + (_COUNT_HINTS.get(count, "") if hint else "")


def _suggestion(move: str, entries: Sequence[Mapping[str, Any]]) -> str:
    similar = get_close_matches(move, [str(entry["clip"]) for entry in entries], n=_MAX_SUGGESTIONS, cutoff=0.5)
    if similar:
        return f"do you mean {' or '.join(similar)}?"
    if entries:
        return "`bachata moves list` lists all"
    return "it is empty: `bachata index FOLDER` adds clips"
