"""Resolve the path that an event names, which must be below an allowed root."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from schemas.faults import Poison


def resolve_under(roots: Iterable[Path], name: str) -> Path:
    """Return the real path of `name`, without links and dots; it need not exist.

    A relative name is resolved below each root in turn. Raises: `Poison` (`path_not_allowed`) for every other path,
    whether it exists or not, so that the error reveals nothing about the machine.
    """
    allowed = list(_below_roots(roots, name)) if _is_valid_name(name) else []
    if not allowed:
        raise Poison("the path is not below an allowed folder; see BACHATA_ALLOWED_ROOTS", reason="path_not_allowed")
    return next((path for path in allowed if os.path.exists(path)), allowed[0])  # noqa: PTH110 - raises for no name


def _below_roots(roots: Iterable[Path], name: str) -> Iterator[Path]:
    for root in roots:
        real_root = os.path.realpath(root)
        real = os.path.realpath(Path(real_root) / name)
        # realpath does not resolve links after a link that leads to itself; a second call reveals them.
        if os.path.realpath(real) == real != real_root and os.path.commonpath([real_root, real]) == real_root:
            yield Path(real)


def _is_valid_name(name: str) -> bool:
    """Return whether a file system accepts the name."""
    try:
        return b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False
