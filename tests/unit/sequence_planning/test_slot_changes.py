"""The changes between choices that are computed for many slots at once, beside those of each two slots."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from agents.dance.changes import MusicChange, change_between, pair_amounts
from agents.sequence_planning.slot_changes import slot_changes
from tests.unit.sequence_planning.problems import Case, Clips, Song, make_problem


@pytest.mark.parametrize("rows_at_once", [2, 128])
def test_the_changes_of_all_slots_are_those_of_each_two_slots(
    rows_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.sequence_planning.slot_changes._ROWS_AT_ONCE", rows_at_once)
    problem = make_problem(Case(Clips((1, 2, 3)), Song((8, 12, 8, 4, 8, 8))))
    choices, request = problem.choices, problem.request
    found = slot_changes(choices, request)
    assert len(found) == len(choices.music) - 1
    for slot, (before, after) in enumerate(pairwise(choices.music)):
        out_of, into = choices.parts.rows(choices.rows[slot]), choices.parts.rows(choices.rows[slot + 1])
        pairs = pair_amounts(out_of, into, request.rules)
        change = change_between(MusicChange.between(before, after), out_of, into, pairs, request)
        assert np.array_equal(found[slot].continues, change.continues)
        assert found[slot].costs == pytest.approx(change.cost(request.rules))
