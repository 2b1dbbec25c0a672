"""`moves`: list, search, draw, annotate and remove moves of the library."""

from __future__ import annotations

from streams.cli.moves import annotation_files, draw, edit, find, remove
from streams.cli.moves.group import moves

__all__ = ["annotation_files", "draw", "edit", "find", "moves", "remove"]
