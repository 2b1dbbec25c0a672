"""A name from an event comes in; a real path below an allowed root comes out, or `Poison`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from schemas.faults import Poison


def resolve_under(roots: Iterable[Path], name: str) -> Path:
    """Where `name` really is, free of links and dots. It need not exist.

    A relative name is looked for below each root in turn. Raises `Poison` (`path_not_allowed`) for all that lies
    elsewhere, there or not, so that the answer tells nothing of the machine.
    """
    inside = list(_inside(roots, name)) if _is_nameable(name) else []
    if not inside:
        raise Poison("the path is not below an allowed folder; see BACHATA_ALLOWED_ROOTS", reason="path_not_allowed")
    return next((path for path in inside if os.path.exists(path)), inside[0])  # noqa: PTH110 - raises for no name


def _inside(roots: Iterable[Path], name: str) -> Iterator[Path]:
    for root in roots:
        home = os.path.realpath(root)
        real = os.path.realpath(Path(home) / name)
        # realpath leaves links in what follows a link that leads round to itself; asking again shows them.
        if os.path.realpath(real) == real != home and os.path.commonpath([home, real]) == home:
            yield Path(real)


def _is_nameable(name: str) -> bool:
    """Whether a file system can be asked for it."""
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False
