"""Compare the states of couples with labels of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from typing import NamedTuple, Protocol, get_args

import numpy as np
from scipy.stats import rankdata

from agents.arrays import Bools, Floats
from schemas.base import Hold
from schemas.boundary import DancerState, Facing, JoinedHands, Side
from tests.quality.seam_labels import BoundaryLabel

SURE = 0.9  # a confidence from here on counts as sure
BINS = (0.0, 0.5, 0.7, 0.8, SURE, 1.0)
PAIRS: tuple[tuple[Side, Side], ...] = tuple(product(get_args(Side), repeat=2))
NOT_JOINED = 0.1  # probability of a pair of hands that a state does not name


class State(Protocol):
    """The part of `schemas.boundary.Boundary` that is measured."""

    @property
    def hold(self) -> Hold | None: ...
    @property
    def hold_confidence(self) -> float: ...
    @property
    def hands(self) -> tuple[JoinedHands, ...]: ...
    @property
    def facing(self) -> Facing | None: ...
    @property
    def facing_confidence(self) -> float: ...
    @property
    def lead(self) -> DancerState | None: ...
    @property
    def follow(self) -> DancerState | None: ...


class Measured(NamedTuple):
    """A label, and the state that is found at its time."""

    label: BoundaryLabel
    state: State


class Answer(NamedTuple):
    """Whether a value is right, and its confidence, 0-1."""

    is_right: bool
    confidence: float


Answers = Callable[[Measured], Iterator[Answer]]


def hold_answers(measured: Measured) -> Iterator[Answer]:
    """Yield whether the hold is right, where it is labelled."""
    if measured.label.hold:
        yield Answer(measured.state.hold == measured.label.hold, measured.state.hold_confidence)


def facing_answers(measured: Measured) -> Iterator[Answer]:
    """Yield whether the facing is right, where it is labelled."""
    if measured.label.facing:
        yield Answer(measured.state.facing == measured.label.facing, measured.state.facing_confidence)


def lead_foot_answers(measured: Measured) -> Iterator[Answer]:
    """Yield whether the lead's free foot is right, where it is labelled."""
    return _foot_answers(measured.label.lead_free_foot, measured.state.lead)


def follow_foot_answers(measured: Measured) -> Iterator[Answer]:
    """Yield whether the follow's free foot is right, where it is labelled."""
    return _foot_answers(measured.label.follow_free_foot, measured.state.follow)


def foot_answers(measured: Measured) -> Iterator[Answer]:
    """Yield the answers of both dancers' free feet."""
    yield from lead_foot_answers(measured)
    yield from follow_foot_answers(measured)


def _foot_answers(foot: Side | None, dancer: DancerState | None) -> Iterator[Answer]:
    if foot:
        yield Answer(dancer is not None and dancer.free_foot == foot, dancer.free_foot_confidence if dancer else 0.0)


def share_right(answers: Sequence[Answer]) -> float:
    """Return the share of right answers, NaN without any."""
    return float(np.mean([answer.is_right for answer in answers])) if answers else float("nan")


def majority_share(measured: Sequence[Measured]) -> float:
    """Return the share of the most frequent hold, which is what naming it everywhere would get right."""
    holds = Counter(each.label.hold for each in measured if each.label.hold)
    return max(holds.values(), default=0) / max(1, holds.total())


def hands_f(measured: Sequence[Measured]) -> float:
    """Return the F of the joined pairs of hands, where they are labelled."""
    both = [(each.label.hands, hands_of(each.state)) for each in measured if each.label.hands is not None]
    right, total = sum(len(a & b) for a, b in both), sum(len(a) + len(b) for a, b in both)
    return 2 * right / total if total else float("nan")


def hands_of(state: State) -> frozenset[tuple[Side, Side]]:
    """Return the joined pairs of a state."""
    return frozenset((pair.lead, pair.follow) for pair in state.hands)


def calibration(answers: Sequence[Answer]) -> str:
    """Return for each range of confidence the number of answers and the share of right ones, as a line of a table."""
    cells = []
    for low, high in pairwise(BINS):
        inside = [answer for answer in answers if low <= answer.confidence < high or answer.confidence == high == 1.0]
        cells.append(f"{len(inside):6} {share_right(inside):5.2f}" if inside else f"{0:6}     -")
    return "".join(f"{cell:14}" for cell in cells)


def sure(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers that are called sure."""
    return [answer for answer in answers if answer.confidence >= SURE]


def auc(scores: Floats, is_true: Bools) -> float:
    """Return the probability that a true case has a higher score than a false one; equal scores count half."""
    true = int(is_true.sum())
    if not 0 < true < len(is_true):
        return float("nan")
    ranks = rankdata(scores)[is_true].sum() - true * (true + 1) / 2
    return float(ranks / (true * (len(is_true) - true)))


def agreement(states: Sequence[State]) -> Floats:
    """Return the probability that two states agree in hold, hands, facing and free feet, for each two: (n, n)."""
    parts = [
        _distributions([(state.hold, state.hold_confidence) for state in states], get_args(Hold)),
        _distributions([(state.facing, state.facing_confidence) for state in states], get_args(Facing)),
        *(_distributions([_foot(getattr(state, dancer)) for state in states], get_args(Side)) for dancer in ROLES),
        *(_distributions([_joined(state, pair) for state in states], (True, False)) for pair in PAIRS),
    ]
    return np.asarray(np.prod([part @ part.T for part in parts], axis=0))


ROLES = ("lead", "follow")


def _distributions(values: Sequence[tuple[object, float]], kinds: Sequence[object]) -> Floats:
    """Return the probability of each kind: the confidence for the value, the rest shared evenly by the others."""
    rows = []
    for value, confidence in values:
        top = confidence if value in kinds else 1 / len(kinds)
        rows.append([top if kind == value else (1 - top) / (len(kinds) - 1) for kind in kinds])
    return np.array(rows)


def _foot(dancer: DancerState | None) -> tuple[object, float]:
    return (dancer.free_foot, dancer.free_foot_confidence) if dancer else (None, 0.0)


def _joined(state: State, pair: tuple[Side, Side]) -> tuple[object, float]:
    found = [hands.confidence for hands in state.hands if (hands.lead, hands.follow) == pair]
    return True, found[0] if found else NOT_JOINED
