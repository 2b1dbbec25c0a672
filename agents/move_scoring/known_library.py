"""A library as this process knows it: arrays of its moves, and matrices of how they follow each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock

from agents.dance.rules import Rules
from agents.move_scoring.move_arrays import KnownMoves, MoveArrays, is_same
from agents.move_scoring.seam_matrices import SeamMatrices
from schemas.move_indexed import Move


class KnownLibrary:
    """The arrays of a library as it was when this was made."""

    def __init__(self, arrays: MoveArrays, seams: SeamMatrices, rules: Rules, moves: int) -> None:
        self._arrays, self.seams, self.rules, self._moves = arrays, seams, rules, moves

    def arrays(self) -> MoveArrays:
        """Return the arrays of its usable moves."""
        return self._arrays

    def has_moves(self) -> bool:
        """Return whether there are any moves, usable or not."""
        return self._moves > 0


class LibraryMemory:
    """What is remembered of a library from one song to the next."""

    def __init__(self, *, keep_matrices: bool = True) -> None:
        self._moves = KnownMoves()
        self._keep_matrices = keep_matrices
        self._lock = Lock()
        self._last: KnownLibrary | None = None

    def known(
        self, versions: Mapping[str, object], read: Callable[[Sequence[str]], Iterable[Move]], rules: Rules
    ) -> KnownLibrary:
        """Return the library with the moves of some versions, by clip; see `KnownMoves.current`."""
        with self._lock:
            arrays, last = self._moves.current(versions, read), self._last
            if last is None or last.arrays() is not arrays or last.rules != rules:
                seams = self._seams(arrays, rules, last)
                self._last = last = KnownLibrary(arrays, seams, rules, len(versions))
            return last

    def _seams(self, arrays: MoveArrays, rules: Rules, last: KnownLibrary | None) -> SeamMatrices:
        if last is None or last.rules != rules:
            return SeamMatrices.of(arrays.parts, rules, keep=self._keep_matrices)
        earlier = last.arrays().versions
        changed = {clip for clip, version in arrays.versions.items() if not is_same(earlier.get(clip), version)}
        return SeamMatrices.of(arrays.parts, rules, before=last.seams, changed=changed, keep=self._keep_matrices)
