"""The planner compared with an exhaustive search whose costs are computed independently."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sequence_planning.choices import Choice, Choices, stretch_term
from agents.dance.dance_grid import dance_grid_of
from agents.sequence_planning.path import (
    CLIP_REPEAT_COST,
    CLIP_REPEAT_FADE,
    EXTRA_ROW_COST,
    MAX_IN_A_ROW,
    MOVE_REPEAT_COST,
    MOVE_REPEAT_FADE,
    REPEAT_COUNT_CAP,
    PathStep,
    _best_histories,
    best_path,
)
from agents.dance.slots import Slot, cut_slots
from agents.sequence_planning.transitions import MAX_POSE_COST, UNKNOWN_POSE_COST
from schemas.move_indexed import Move
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import make_scores

EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]


def problem(moves: list[Move], phrases: int, seed: int) -> tuple[tuple[Slot, ...], list[tuple[Choice, ...]]]:
    song = make_analysis(EIGHTS * phrases, first_s=0.0, tail_s=0.48)
    scores = make_scores(song, moves, seed)
    slots = cut_slots(dance_grid_of(song, "full"), scores.phrases)
    choices = Choices(scores, seed)
    return slots, [choices.for_slot(slot) for slot in slots]


def value_of(choices: tuple[Choice, ...]) -> float:
    """Return the sum of the choices' values, less the costs of their cuts and repetitions."""
    total, in_a_row = 0.0, 0
    for slot, choice in enumerate(choices):
        total += choice.value
        previous = choices[slot - 1] if slot else None
        in_a_row = in_a_row + 1 if previous and previous.move == choice.move else 1
        if in_a_row > MAX_IN_A_ROW:
            total -= EXTRA_ROW_COST
        if previous is None or (previous.clip == choice.clip and previous.end == choice.first):
            continue
        earlier = choices[:slot]
        total -= pose_cost(previous.end_pose, choice.start_pose)
        total -= CLIP_REPEAT_COST * repeat_count([other.clip == choice.clip for other in earlier], CLIP_REPEAT_FADE)
        total -= MOVE_REPEAT_COST * repeat_count([other.move == choice.move for other in earlier], MOVE_REPEAT_FADE)
    return total


def repeat_count(is_same: list[bool], fade: float) -> float:
    """Return the number of repetitions, each multiplied by `fade` per slot since, at most `REPEAT_COUNT_CAP`."""
    count = 0.0
    for same in is_same:
        count = min(REPEAT_COUNT_CAP, count * fade + same)
    return count


def pose_cost(end: tuple[float, ...], start: tuple[float, ...]) -> float:
    if not end or not start:
        return UNKNOWN_POSE_COST
    distances = [math.hypot(end[i] - start[i], end[i + 1] - start[i + 1]) for i in range(0, len(end), 2)]
    return min(MAX_POSE_COST, sum(distances) / len(distances))


def path_value(path: list[PathStep]) -> float:
    return sum(step.choice.value + step.transition + step.variety for step in path)


def choices_of(path: list[PathStep]) -> tuple[Choice, ...]:
    return tuple(step.choice for step in path)


@settings(max_examples=60, deadline=None)
@given(
    eights=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    labels=st.integers(1, 3),
    phrases=st.integers(1, 5),
    seed=st.integers(0, 10_000),
    posed=st.booleans(),
)
def test_the_path_of_a_short_song_is_optimal(
    eights: list[int], labels: int, phrases: int, seed: int, posed: bool
) -> None:
    moves = [make_move(n, eights=size, move=f"m{n % labels}", posed=posed) for n, size in enumerate(eights)]
    slots, choices = problem(moves, phrases, seed)
    path = best_path(slots, choices)
    assert path_value(path) == pytest.approx(value_of(choices_of(path)), abs=1e-5)
    if math.prod(map(len, choices)) <= 1100:
        assert path_value(path) == pytest.approx(max(map(value_of, product(*choices))), abs=1e-5)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("eights", "labels", "phrases"), [((2, 2), 2, 5), ((1, 1, 1), 1, 6), ((1, 1, 2), 2, 5)])
def test_repetitions_of_all_earlier_slots_are_counted(
    eights: tuple[int, ...], labels: int, phrases: int, seed: int
) -> None:
    moves = [make_move(n, eights=size, move=f"m{n % labels}") for n, size in enumerate(eights)]
    slots, choices = problem(moves, phrases, seed)
    best = max(map(value_of, product(*choices)))
    assert path_value(best_path(slots, choices)) == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_a_path_with_dropped_histories_is_within_five_percent_of_the_optimum(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    moves = [make_move(n, eights=1 + n % 2, move=f"m{n % 3}") for n in range(4)]
    slots, choices = problem(moves, 5, seed)
    values = [value_of(combination) for combination in product(*choices)]
    monkeypatch.setattr("agents.sequence_planning.path._MAX_HISTORIES", 12)
    actual = value_of(choices_of(best_path(slots, choices)))
    mean = sum(values) / len(values)
    assert (max(values) - actual) / (max(values) - mean) <= 0.05


def test_of_equal_histories_the_first_are_selected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.sequence_planning.path._MAX_HISTORIES", 8)
    total = np.random.default_rng(0).integers(0, 3, (400, 2)).astype(float)
    rows, columns = _best_histories(total)
    for choice in (0, 1):
        best = sorted(range(400), key=lambda row: (-total[row, choice], row))[:4]
        assert rows[columns == choice].tolist() == sorted(best)


@pytest.mark.parametrize(("stretch", "cost"), [(1.0, 0.0), (1.05, 0.0976), (0.95, 0.1026), (1.3, 3.430), (0.7, 6.538)])
def test_the_cost_of_a_stretch(stretch: float, cost: float) -> None:
    assert stretch_term(stretch) == pytest.approx(-cost, abs=2e-3)
