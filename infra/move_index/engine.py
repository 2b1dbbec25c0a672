"""What the move index needs of an engine: an embedded one, or a server."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from infra.move_index.filters import MoveFilter
from infra.move_index.points import NewPoint, StoredPoint

_PAGE_SIZE = 512  # points


class Diversity(NamedTuple):
    """How varied the hits of a search are: `weight`, 0 to 1, of their difference, chosen out of `candidates` hits."""

    weight: float
    candidates: int


class Engine(ABC):
    """Stores and searches points. A lock around every call makes it thread-safe."""

    @abstractmethod
    def _open(self) -> None:
        """Make the engine ready for a call, if it is not ready yet."""

    @abstractmethod
    def _put(self, points: Sequence[NewPoint]) -> None: ...

    @abstractmethod
    def _put_payloads(self, payloads: Mapping[str, dict[str, Any]]) -> None:
        """Replace the payloads of stored points, by the points' ids."""

    @abstractmethod
    def _delete(self, point_ids: Sequence[str]) -> None: ...

    @abstractmethod
    def _nearest(self, vector: Sequence[float], move_filter: MoveFilter, limit: int) -> list[StoredPoint]: ...

    @abstractmethod
    def _varied(
        self, vector: Sequence[float], move_filter: MoveFilter, limit: int, diversity: Diversity
    ) -> list[StoredPoint]:
        """Return points by falling marginal relevance (MMR), each with its similarity to the vector."""

    @abstractmethod
    def _scroll(
        self, offset: str | None, limit: int, move_filter: MoveFilter, fields: Sequence[str] = (), vectors: bool = False
    ) -> tuple[list[StoredPoint], str | None]: ...

    @abstractmethod
    def _retrieve(self, point_ids: Sequence[str], fields: Sequence[str], vectors: bool) -> list[StoredPoint]: ...

    @abstractmethod
    def _count(self) -> int: ...

    @abstractmethod
    def _flush(self) -> None: ...

    @abstractmethod
    def _close(self) -> None: ...

    def _check_answer(self) -> None:
        """Ask whether the engine answers at all, after a write that failed; the default is for an embedded one."""
        return

    def _catch_up(self) -> None:
        """Read the digests that other processes wrote; the default is for an index with one writer."""
        return

    def _scan(self, fields: Sequence[str] = (), vectors: bool = False) -> Iterator[StoredPoint]:
        offset: str | None = None
        while True:
            points, offset = self._scroll(offset, _PAGE_SIZE, MoveFilter(), fields, vectors)
            yield from points
            if offset is None:
                return
