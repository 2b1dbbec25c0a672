"""The conditions of a search, and the fields of a point that they compare."""

from __future__ import annotations

import math
import unicodedata
from typing import Any, NamedTuple

from schemas.limits import MAX_EMBEDDING_VERSION
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveSummary

KEYWORD_FIELDS = ("clip_sha256", "name", "difficulty", "energy", "category", "role", "style")
RANGE_FIELDS = ("tempo_bpm", "duration_s", "embedding_version")
_TEXTS = ("difficulties", "energies", "categories", "roles", "styles", "without_clips")
_MAX_VALUES = 100  # of a condition


class MoveFilter(NamedTuple):
    """The conditions that a move must meet; an empty filter matches every move.

    A condition on texts is met by any of its values; categories and styles are compared without regard to case. Only a
    person's annotation gives a move a role and a style. Ranges, of beats per minute and seconds, include both of their
    ends, which are finite. `names`: of clips. `without_clips`: SHA-256 of clips whose moves are left out.
    `embedding_version`: of the moves, since embeddings of different versions cannot be compared.
    """

    tempo_bpm: tuple[float, float] | None = None
    difficulties: tuple[str, ...] = ()
    energies: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    duration_s: tuple[float, float] | None = None
    names: tuple[str, ...] = ()
    without_clips: tuple[str, ...] = ()
    embedding_version: int | None = None

    def keywords(self) -> dict[str, list[str]]:
        """Return the restricted keyword fields of a point, each with its allowed values."""
        allowed = {
            "difficulty": list(self.difficulties),
            "energy": list(self.energies),
            "category": [folded(value) for value in self.categories],
            "role": list(self.roles),
            "style": [folded(value) for value in self.styles],
            "name": list(self.names),
        }
        return {field: values for field, values in allowed.items() if values}

    def ranges(self) -> dict[str, tuple[float, float]]:
        """Return the restricted number fields of a point, each with its lowest and highest value."""
        version = None if self.embedding_version is None else (self.embedding_version, self.embedding_version)
        allowed = {"tempo_bpm": self.tempo_bpm, "duration_s": self.duration_s, "embedding_version": version}
        return {field: ends for field, ends in allowed.items() if ends is not None}

    def excluded(self) -> dict[str, list[str]]:
        """Return the keyword fields of a point that must not have some values, each with these values."""
        return {"clip_sha256": list(self.without_clips)} if self.without_clips else {}

    def problem(self) -> str | None:
        """Return what is not valid, else None: the engine may panic on such a filter."""
        for name in ("tempo", "duration"):
            ends = self.tempo_bpm if name == "tempo" else self.duration_s
            if ends is not None and not _is_range(ends):
                return f"the {name} range is not two finite numbers, the lower one first"
        for name in _TEXTS:
            values = getattr(self, name)
            if len(values) > _MAX_VALUES or not all(isinstance(value, str) and value.isprintable() for value in values):
                return f"{name}: more than {_MAX_VALUES} values, or one that is no printable text"
        if len(self.names) > _MAX_VALUES or not all(map(_is_unicode, self.names)):  # a file's name may be unprintable
            return f"names: more than {_MAX_VALUES} values, or one that is no text"
        if not _is_version(self.embedding_version):
            return f"embedding_version is no whole number from 1 to {MAX_EMBEDDING_VERSION}"
        return None


def filter_fields(move: MoveSummary) -> dict[str, Any]:
    """Return the fields of a move's point that filters compare."""
    annotation = move.annotation or MoveAnnotation()
    fields = {
        "tempo_bpm": move.tempo_bpm,
        "duration_s": move.clip.duration_s,
        "difficulty": move.difficulty,
        "energy": move.energy,
        "category": folded(move.category),
        "role": annotation.role,
        "style": None if annotation.style is None else folded(annotation.style),
        "name": move.name,
        "embedding_version": move.embedding_version,
    }
    return {field: value for field, value in fields.items() if value is not None}


def folded(text: str) -> str:
    """Return a text in the form in which texts are compared: without differences of case, width and spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _is_version(version: int | None) -> bool:
    return version is None or (isinstance(version, int) and 1 <= version <= MAX_EMBEDDING_VERSION)


def _is_unicode(text: str) -> bool:
    """Return whether a value is a text without halves of a UTF-16 pair, which no engine accepts."""
    return isinstance(text, str) and not any("\ud800" <= character <= "\udfff" for character in text)


def _is_range(values: tuple[float, float]) -> bool:
    return len(values) == 2 and -math.inf < values[0] <= values[1] < math.inf  # false for NaN
