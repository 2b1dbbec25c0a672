"""`moves`: list, search, draw, annotate, review and remove moves of the library."""

from __future__ import annotations

from streams.cli.moves import annotation_files, boundaries, couples, draw, edit, find, remove, review
from streams.cli.moves.group import moves

__all__ = ["annotation_files", "boundaries", "couples", "draw", "edit", "find", "moves", "remove", "review"]
