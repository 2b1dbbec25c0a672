"""The planner compared with an exhaustive search, in which each dance is judged on its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dance.dance_grid import dance_grid_of
from agents.dance.judge import judge
from agents.dance.music import Request, SlotMusic, music_of
from agents.dance.rules import BROKEN_GATE, default_rules
from agents.dance.slots import Slot, cut_slots
from agents.sequence_planning.choices import Choices, choices_of
from agents.sequence_planning.path import best_path
from schemas.audio_analyzed import Accent, AudioAnalysis, Section
from schemas.base import Continuity, Options, RuleChange, RuleName
from schemas.move_indexed import Move
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import make_scores, with_states

EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]
MOST_JUDGED = 60  # dances of one problem that are judged one by one: each takes some 10 ms
ALL = 10**7
SEQUENCE_GATES = {
    "turns": RuleChange(kind="gate", most=1.0),
    "in_a_row": RuleChange(kind="gate"),
    "repeated_clip": RuleChange(kind="gate", most=0.5, points=100.0),
}


class Problem(NamedTuple):
    """A song cut into slots, and the choices for each."""

    slots: tuple[Slot, ...]
    music: tuple[SlotMusic, ...]
    choices: Choices
    request: Request

    def cost(self, rows: tuple[int, ...]) -> float:
        """Return the points of a dance with these parts, and of the gates that it breaks, as it is judged."""
        sheet = judge(self.slots, self.music, self.choices.parts.rows(np.array(rows)), self.request)
        return sheet.points + BROKEN_GATE * sheet.broken_gates

    def dances(self) -> list[tuple[int, ...]]:
        """Return all dances."""
        return list(product(*(rows.tolist() for rows in self.choices.rows)))


def make_problem(
    moves: list[Move],
    counts: list[int],
    continuity: Continuity = "dance",
    rules: Mapping[RuleName, RuleChange] = MappingProxyType({}),
) -> Problem:
    song = _with_sections(make_analysis(counts, first_s=0.0, tail_s=0.48))
    scores = make_scores(song, moves)
    options = Options(duration="full", difficulty="intermediate", continuity=continuity, rules=dict(rules))
    request = Request.of(options, default_rules())
    slots = cut_slots(dance_grid_of(song, Options(duration="full")), scores.phrases)
    music = music_of(slots, song, request)
    return Problem(slots, music, choices_of(slots, music, scores, request), request)


def _with_sections(song: AudioAnalysis) -> AudioAnalysis:
    """Return the song with three sections, the last of which has the music of the first, and an accent."""
    third = song.duration_s / 3
    kinds = (("verse", "derecho", 0), ("mambo", "mambo", 1), ("verse", "derecho", 0))
    sections = tuple(
        Section.model_validate(
            {"start_s": n * third, "end_s": (n + 1) * third, "label": label, "rhythm": rhythm, "repeat_group": group}
        )
        for n, (label, rhythm, group) in enumerate(kinds)
    )
    accents = (Accent(time_s=song.beats[1], strength=0.9),)
    return song.model_copy(update={"sections": sections, "accents": accents})


def make_moves(eights: list[int], labels: int, seed: int) -> list[Move]:
    moves = [make_move(n, eights=size, move=f"m{n % labels}") for n, size in enumerate(eights)]
    return [with_states(move, seed + n) for n, move in enumerate(moves)]


@settings(max_examples=50, deadline=None)
@given(
    eights=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    labels=st.integers(1, 3),
    counts=st.lists(st.sampled_from([8, 8, 4, 12]), min_size=1, max_size=5).map(
        lambda sizes: [count for size in sizes for count in range(1, size + 1)]
    ),
    seed=st.integers(0, 10_000),
    continuity=st.sampled_from(["dance", "montage"]),
    rules=st.sampled_from([{}, SEQUENCE_GATES]),
)
def test_what_the_search_minimises_is_what_the_judge_counts(
    eights: list[int],
    labels: int,
    counts: list[int],
    seed: int,
    continuity: Continuity,
    rules: Mapping[RuleName, RuleChange],
) -> None:
    counts = [(count - 1) % 8 + 1 if count <= 8 else count - 4 for count in counts]
    problem = make_problem(make_moves(eights, labels, seed), counts, continuity, rules)
    path = best_path(problem.choices, problem.request)
    found = tuple(path.rows.tolist())
    assert path.total == pytest.approx(problem.cost(found), abs=1e-4)
    if math.prod(map(len, problem.choices.rows)) <= MOST_JUDGED:
        assert path.total == pytest.approx(min(map(problem.cost, problem.dances())), abs=1e-4)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("eights", [[1, 1], [1, 2, 1], [2, 2]])
def test_a_search_that_drops_dances_breaks_no_other_gate_and_is_near_the_optimum(
    seed: int, eights: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = make_problem(make_moves(eights, 2, seed), EIGHTS * 4)
    costs = {}
    for dances in (8, ALL):
        monkeypatch.setattr("agents.sequence_planning.path._MAX_DANCES", dances)
        costs[dances] = best_path(problem.choices, problem.request).total
    assert costs[8] // BROKEN_GATE == costs[ALL] // BROKEN_GATE
    assert costs[8] % BROKEN_GATE <= 1.05 * (costs[ALL] % BROKEN_GATE)
