"""Search with filters that are softened, one condition after another, rather than find nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from infra.move_index.base import MoveHit, MoveIndex
from infra.move_index.filters import MoveFilter

# What a person would miss least is softened first; the tempo at last, and by a wider range before it is dropped: a
# dance depends on it most. Conditions that are not named here are never softened.
ORDER = ("styles", "roles", "categories", "duration_s", "energies", "difficulties", "tempo_bpm")
_WIDER = 0.15  # of a tempo
_NO_FILTER = MoveFilter()


class SoftenedHits(NamedTuple):
    """Hits, the filter that found them, and the names of its fields that are softer than what was asked for."""

    hits: list[MoveHit]
    applied: MoveFilter
    softened: tuple[str, ...] = ()


def strict_search(
    index: MoveIndex, wanted: MoveFilter, vector: Sequence[float] | None, limit: int, diversity: float = 0.0
) -> SoftenedHits:
    """Return the hits of a search, even where there are none. Raises: `Poison` (`invalid_query`)."""
    return SoftenedHits(index.find(wanted, vector, limit, diversity), wanted)


def softened_search(
    index: MoveIndex, wanted: MoveFilter, vector: Sequence[float] | None, limit: int, diversity: float = 0.0
) -> SoftenedHits:
    """Return the hits of a search; where there are none, its conditions are softened in the order of `ORDER`.

    No condition is softened that the others allow, and none where no move is left even then. Raises: `Poison`
    (`invalid_query`).
    """
    hits = index.find(wanted, vector, limit, diversity)
    if hits:
        return SoftenedHits(hits, wanted)
    applied = next((softer for softer in _softened(wanted) if _finds(index, softer)), None)
    if applied is None:
        return SoftenedHits([], wanted)
    for field in reversed(ORDER):
        stricter = _with(applied, field, wanted)
        if stricter != applied and _finds(index, stricter):
            applied = stricter
    softened = tuple(field for field in ORDER if getattr(applied, field) != getattr(wanted, field))
    return SoftenedHits(index.find(applied, vector, limit, diversity), applied, softened)


def _softened(wanted: MoveFilter) -> Iterator[MoveFilter]:
    """Yield the filter without its first condition in the order, then without the second too, and so on."""
    for field in ORDER:
        if field == "tempo_bpm" and wanted.tempo_bpm is not None:
            low, high = wanted.tempo_bpm
            yield wanted._replace(tempo_bpm=(low * (1 - _WIDER), high * (1 + _WIDER)))
        softer = _with(wanted, field, _NO_FILTER)
        if softer != wanted:
            yield softer
        wanted = softer


def _with(changed: MoveFilter, field: str, other: MoveFilter) -> MoveFilter:
    """Return a filter with one field of another one."""
    return changed._replace(**{field: getattr(other, field)})


def _finds(index: MoveIndex, wanted: MoveFilter) -> bool:
    return bool(index.find(wanted, None, 1))
