"""The planner compared with all dances of small problems; `make quality-search` does the same for thousands."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import assume, given, settings

from agents.dance.rules import BROKEN_GATE, LEAST_AMOUNT
from agents.dance.sequence import SEQUENCE_RULES
from agents.sequence_planning.path import best_path
from schemas.base import Options, Pin, RuleChange
from schemas.faults import Poison
from tests.unit.sequence_planning.exhaustive import Best, TooManyError, best_of_all
from tests.unit.sequence_planning.problems import Case, Clips, Problem, Song, cases, make_problem

MOST_JUDGED = 60  # dances of one problem that are judged one by one: each takes some 10 ms
MOST_DANCES = 20_000
FEW_DANCES = 8


def problem_of(case: Case) -> Problem:
    try:
        return make_problem(case)
    except Poison:
        assume(condition=False)
        raise


@settings(max_examples=50, deadline=None)
@given(cases(MOST_JUDGED))
def test_what_the_search_minimises_is_what_the_judge_counts(case: Case) -> None:
    problem = problem_of(replace(case, options=case.options.model_copy(update={"seed": 0})))
    dances = list(product(*(rows.tolist() for rows in problem.choices.rows)))
    path = best_path(problem.choices, problem.request)
    best = best_of_all(problem)
    assert path.total == pytest.approx(BROKEN_GATE * best.broken_gates + best.points, abs=1e-4)
    assert path.total == pytest.approx(problem.cost(path.rows.tolist()), abs=left_out(problem))
    assert path.total == pytest.approx(min(map(problem.cost, dances)), abs=left_out(problem))


def left_out(problem: Problem) -> float:
    """Return the most points of the small faults that the judge leaves out."""
    return LEAST_AMOUNT * len(problem.slots) * sum(rule.points for rule in problem.request.rules.rules.values())


def test_all_dances_that_can_be_better_than_a_known_one_are_compared() -> None:
    problem = make_problem(Case(Clips((1, 2, 1)), Song((8,) * 5)))
    first = problem.sheet([rows[0] for rows in problem.choices.rows])
    best = best_of_all(problem)
    assert best < Best(first.broken_gates, first.points)
    assert best_of_all(problem, Best(first.broken_gates, first.points)) == best
    assert best_of_all(problem, best) == best
    with pytest.raises(TooManyError):
        best_of_all(problem, most=100)


@settings(max_examples=50, deadline=None)
@given(cases(MOST_DANCES, most_clips=4, least_phrases=3))
def test_a_search_breaks_no_gate_that_it_need_not_and_is_near_the_optimum(case: Case) -> None:
    problem = problem_of(case)
    best = best_of_all(problem)
    for max_dances in (None, FEW_DANCES):
        path = best_path(problem.choices, problem.request, max_dances=max_dances)
        broken_gates = problem.sheet(path.rows.tolist()).broken_gates
        if max_dances is None or not has_gates_of_sequences(problem):
            assert broken_gates == best.broken_gates
        if max_dances is None:
            assert path.total - BROKEN_GATE * broken_gates <= 1.05 * best.points + 1e-4


# A beam of 128 dances breaks a gate of the first that it need not, and has 8 % more points than the best of the second.
LONG_CASES = (
    Case(
        Clips((2, 1, 2), labels=3, known=None, seed=3600),
        Song((8, 12, 8, 12, 8, 12, 12, 8, 4, 8, 8, 8), sections=(("mambo", 1),), accents=(0.506716914, 0.722911266)),
        Options(
            duration="full",
            difficulty="advanced",
            continuity="montage",
            role="lead_focus",
            rules={
                "repeated_move": RuleChange(kind="gate", points=100.0, most=0.5),
                "cut_on_one": RuleChange(kind="gate", points=100.0, most=0.5),
            },
        ),
    ),
    Case(
        Clips((1, 2, 2), labels=2, known=None, seed=3169),
        Song((12, 4, 8, 8, 8, 8, 8, 12, 4, 8, 4, 8, 8), sections=(("intro", 0), ("verse", 0))),
        Options(
            duration="full",
            difficulty="beginner",
            energy="high",
            continuity="montage",
            style="sensual",
            pins=(Pin(phrase=1, move="clip_2"),),
            bans=("clip_0",),
        ),
    ),
)


@pytest.mark.parametrize("case", LONG_CASES)
def test_long_dances_of_few_clips_are_the_best_ones(case: Case) -> None:
    problem = make_problem(case)
    path = best_path(problem.choices, problem.request)
    broken_gates = problem.sheet(path.rows.tolist()).broken_gates
    found = Best(broken_gates, path.total - BROKEN_GATE * broken_gates)
    assert found == pytest.approx(best_of_all(problem, found, 300_000), abs=1e-4)


def has_gates_of_sequences(problem: Problem) -> bool:
    return any(problem.request.rules.is_gate(name) for name in SEQUENCE_RULES)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("eights", [(1, 1), (1, 2, 1), (2, 2)])
def test_a_search_that_drops_dances_is_near_the_optimum(seed: int, eights: tuple[int, ...]) -> None:
    problem = make_problem(Case(Clips(eights, seed=seed), Song((8,) * 4)))
    best = best_of_all(problem)
    total = best_path(problem.choices, problem.request, max_dances=FEW_DANCES).total
    assert total - BROKEN_GATE * best.broken_gates <= 1.05 * best.points
