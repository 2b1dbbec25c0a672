"""The planner against an oracle that tries every way and counts its costs in another manner."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sequence_planning.choices import Choice, Choices, stretch_term
from agents.sequence_planning.dance_grid import dance_grid_of
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
from agents.sequence_planning.slots import Slot, cut_slots
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


def worth(way: tuple[Choice, ...]) -> float:
    """The sum of a way's values, less what its cuts and its repetitions cost."""
    total, row = 0.0, 0
    for place, choice in enumerate(way):
        total += choice.value
        before = way[place - 1] if place else None
        row = row + 1 if before and before.move == choice.move else 1
        if row > MAX_IN_A_ROW:
            total -= EXTRA_ROW_COST
        if before is None or (before.clip == choice.clip and before.end == choice.first):
            continue
        total -= apart(before.end_pose, choice.start_pose)
        total -= CLIP_REPEAT_COST * lately([shown.clip == choice.clip for shown in way[:place]], CLIP_REPEAT_FADE)
        total -= MOVE_REPEAT_COST * lately([shown.move == choice.move for shown in way[:place]], MOVE_REPEAT_FADE)
    return total


def lately(shown: list[bool], fades: float) -> float:
    """1 for each time it was shown, less by `fades` a phrase since, and never more than `REPEAT_COUNT_CAP`."""
    often = 0.0
    for same in shown:
        often = min(REPEAT_COUNT_CAP, often * fades + same)
    return often


def apart(end: tuple[float, ...], start: tuple[float, ...]) -> float:
    if not end or not start:
        return UNKNOWN_POSE_COST
    ways = [math.hypot(end[i] - start[i], end[i + 1] - start[i + 1]) for i in range(0, len(end), 2)]
    return min(MAX_POSE_COST, sum(ways) / len(ways))


def told(path: list[PathStep]) -> float:
    return sum(taken.choice.value + taken.transition + taken.variety for taken in path)


@settings(max_examples=60, deadline=None)
@given(
    eights=st.lists(st.integers(1, 2), min_size=1, max_size=3),
    labels=st.integers(1, 3),
    phrases=st.integers(1, 5),
    seed=st.integers(0, 10_000),
    posed=st.booleans(),
)
def test_small_songs_get_the_very_best_way(
    eights: list[int], labels: int, phrases: int, seed: int, posed: bool
) -> None:
    moves = [make_move(n, eights=size, move=f"m{n % labels}", posed=posed) for n, size in enumerate(eights)]
    slots, choices = problem(moves, phrases, seed)
    path = best_path(slots, choices)
    assert told(path) == pytest.approx(worth(tuple(taken.choice for taken in path)), abs=1e-5)
    if math.prod(map(len, choices)) <= 1100:
        assert told(path) == pytest.approx(max(worth(way) for way in product(*choices)), abs=1e-5)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("eights", "labels", "phrases"), [((2, 2), 2, 5), ((1, 1, 1), 1, 6), ((1, 1, 2), 2, 5)])
def test_what_was_shown_long_before_is_weighed(eights: tuple[int, ...], labels: int, phrases: int, seed: int) -> None:
    moves = [make_move(n, eights=size, move=f"m{n % labels}") for n, size in enumerate(eights)]
    slots, choices = problem(moves, phrases, seed)
    assert told(best_path(slots, choices)) == pytest.approx(max(worth(way) for way in product(*choices)), abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_larger_songs_come_within_five_percent(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    moves = [make_move(n, eights=1 + n % 2, move=f"m{n % 3}") for n in range(4)]
    slots, choices = problem(moves, 5, seed)
    ways = [worth(way) for way in product(*choices)]
    monkeypatch.setattr("agents.sequence_planning.path._MAX_HISTORIES", 12)
    found = worth(tuple(taken.choice for taken in best_path(slots, choices)))
    mean = sum(ways) / len(ways)
    assert (max(ways) - found) / (max(ways) - mean) <= 0.05


def test_of_equal_histories_the_first_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agents.sequence_planning.path._MAX_HISTORIES", 8)
    total = np.random.default_rng(0).integers(0, 3, (400, 2)).astype(float)
    rows, columns = _best_histories(total)
    for choice in (0, 1):
        best = sorted(range(400), key=lambda row: (-total[row, choice], row))[:4]
        assert rows[columns == choice].tolist() == sorted(best)


@pytest.mark.parametrize(("stretch", "costs"), [(1.0, 0.0), (1.05, 0.0976), (0.95, 0.1026), (1.3, 3.430), (0.7, 6.538)])
def test_what_a_stretch_costs(stretch: float, costs: float) -> None:
    assert stretch_term(stretch) == pytest.approx(-costs, abs=2e-3)
