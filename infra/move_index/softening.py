"""Search with filters that give way, one after another, rather than find nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from infra.move_index.base import MoveHit, MoveIndex
from infra.move_index.filters import MoveFilter

# What a person would miss least gives way first; a tempo is widened before it gives way: a dance depends on it most.
ORDER = ("styles", "roles", "categories", "duration_s", "energies", "difficulties", "tempo_bpm")
_WIDER = 0.15  # of a tempo
_NO_FILTER = MoveFilter()


class SoftenedHits(NamedTuple):
    """Hits, the filter that found them, and the names of its fields that are softer than what was asked for."""

    hits: list[MoveHit]
    applied: MoveFilter
    softened: tuple[str, ...] = ()


def search_softly(
    index: MoveIndex, wanted: MoveFilter, vector: Sequence[float] | None, limit: int, diversity: float = 0.0
) -> SoftenedHits:
    """Return the hits of a search; where there are none, its conditions give way in the order of `ORDER`.

    No condition gives way that the others allow. In an empty index none does. Raises: `Poison` (`invalid_query`).
    """
    hits = index.find(wanted, vector, limit, diversity)
    if hits:
        return SoftenedHits(hits, wanted)
    applied = next((softer for softer in _softer(wanted) if _finds(index, softer)), None)
    if applied is None:
        return SoftenedHits([], wanted)
    for field in reversed(ORDER):
        stricter = _with(applied, field, wanted)
        if stricter != applied and _finds(index, stricter):
            applied = stricter
    softened = tuple(field for field in ORDER if getattr(applied, field) != getattr(wanted, field))
    return SoftenedHits(index.find(applied, vector, limit, diversity), applied, softened)


def _softer(wanted: MoveFilter) -> Iterator[MoveFilter]:
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
