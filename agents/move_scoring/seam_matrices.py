"""How well eights of a library follow each other: matrices that are stored while the library is the same."""

from __future__ import annotations

from collections.abc import Set

import numpy as np

from agents.arrays import Floats, Ints
from agents.dance.changes import amounts_of_names, pair_amounts
from agents.dance.parts import Parts
from agents.dance.rules import Rules

# The matrices then take 16 MB and save 2 ms a song. Those of 2,500 eights take 280 MB, 0.5 s for a clip that changes,
# and save nothing: to pick a song's pool from them takes as long as to compute it.
_MAX_PARTS = 600


class SeamMatrices:
    """The amounts of each rule at a cut between any two eights, (eights, eights)."""

    def __init__(self, parts: Parts, rules: Rules, matrices: dict[str, Floats] | None = None) -> None:
        self._parts, self._rules, self._matrices = parts, rules, matrices

    @classmethod
    def of(
        cls,
        parts: Parts,
        rules: Rules,
        *,
        before: SeamMatrices | None = None,
        changed: Set[str] = frozenset(),
        keep: bool = True,
    ) -> SeamMatrices:
        """Return the matrices of a library's eights.

        `before`: those of an earlier version, from which those of eights are taken whose clips are not `changed`.
        `keep`: whether they are stored at all; they are not of a large library.
        """
        if not keep or len(parts.parts) > _MAX_PARTS:
            return cls(parts, rules)
        if before is None or before._matrices is None:
            return cls(parts, rules, _small(pair_amounts(parts, parts, rules)))
        row_before = {part: row for row, part in enumerate(before._parts.parts) if part.clip not in changed}
        rows = np.array([row_before.get(part, -1) for part in parts.parts], np.int64)
        return cls(parts, rules, _updated(before._matrices, rows, parts, rules))

    def between(self, rows: Ints, rules: Rules) -> dict[str, Floats]:
        """Return the matrices of some eights by these rules, (rows, rows)."""
        if self._matrices is None or rules != self._rules:
            some = self._parts.rows(rows)
            return pair_amounts(some, some, rules)
        at = np.ix_(rows, rows)
        return {name: values[at] for name, values in self._matrices.items()}

    def after(self, row: int, rules: Rules) -> dict[str, Floats]:
        """Return the amounts of cuts from one eight to each other one by these rules, (1, eights)."""
        if self._matrices is None or rules != self._rules:
            return pair_amounts(self._parts.rows(np.array([row])), self._parts, rules)
        return {name: values[row : row + 1] for name, values in self._matrices.items()}


def _small(amounts: dict[str, Floats]) -> dict[str, Floats]:
    return {name: values.astype(np.float32) for name, values in amounts.items()}


def _updated(matrices: dict[str, Floats], rows: Ints, parts: Parts, rules: Rules) -> dict[str, Floats]:
    """Return matrices in which those of earlier rows are taken over. `rows`: the earlier one of each part, or -1."""
    new, same = np.flatnonzero(rows < 0), np.flatnonzero(rows >= 0)
    added = parts.rows(new)
    from_new, to_new = _small(pair_amounts(added, parts, rules)), _small(pair_amounts(parts, added, rules))
    updated = {}
    for name, values in matrices.items():
        whole = np.empty((len(rows), len(rows)), np.float32)
        whole[np.ix_(same, same)] = values[np.ix_(rows[same], rows[same])]
        whole[new], whole[:, new] = from_new[name], to_new[name]
        updated[name] = whole
    return updated | _small(amounts_of_names(parts, parts))
