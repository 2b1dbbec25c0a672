"""Define the twelve moves of the demo set: two eights of a couple for a step width."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.generators.couple.choreography import (
    Move,
    Path,
    bump,
    floor_position,
    forward_basic,
    moved,
    plateau,
    shifted,
    side_basic,
    stepping,
    there_and_back,
    turned,
)
from data.generators.couple.stance import Accent

PI = float(np.pi)
PARTNER_DISTANCE_M = 0.86  # in the open hold
OPEN_RAD = 0.32  # by which both turn towards the camera
LEAD = floor_position(-PARTNER_DISTANCE_M / 2, -0.22, -OPEN_RAD)
FOLLOW = floor_position(PARTNER_DISTANCE_M / 2, -0.22, PI + OPEN_RAD)
APPROACH_M = 0.14  # he steps towards her to turn her
FIRST_TURN, SECOND_TURN = (5, 6, 7), (13, 14, 15)


def basic_side(step: float) -> Move:
    """Return the basic, side to side in the open hold."""
    return Move(side_basic(LEAD, step), side_basic(FOLLOW, step), {"left": [(0, "hold")], "right": [(0, "hold")]})


def forward_backward(step: float) -> Move:
    """Return the basic, forward and back."""
    back = (-step, 0.22, 0)
    return Move(
        forward_basic(LEAD + back, step),
        forward_basic(FOLLOW + back, step),
        {"left": [(0, "hold")], "right": [(0, "hold")]},
    )


def right_turn(step: float) -> Move:
    """Return a move in which she turns right under his left hand, once in each eight."""
    follow = turned(turned(nearer(side_basic(FOLLOW, step)), 5, -2 * PI), 13, -2 * PI)
    holds = {
        "left": [(0.0, "hold"), (4.5, "over_follow"), (8.2, "hold"), (12.5, "over_follow"), (16.2, "hold")],
        "right": [(0.0, "hold"), (4.8, "her_hip"), (8.4, "hold"), (12.8, "her_hip"), (16.4, "hold")],
    }
    return Move(closer(side_basic(LEAD, step), APPROACH_M), follow, holds)


def left_turn(step: float) -> Move:
    """Return a move in which she turns left under his right hand, once in each eight; her free arm stretches out."""
    follow = turned(turned(nearer(side_basic(FOLLOW, step)), 5, 2 * PI), 13, 2 * PI)
    holds = {
        "left": [(0.0, "hold"), (4.8, "her_side"), (8.4, "hold"), (12.8, "her_hip"), (16.4, "hold")],
        "right": [(0.0, "hold"), (4.5, "over_follow"), (8.2, "hold"), (12.5, "over_follow"), (16.2, "hold")],
    }
    return Move(closer(side_basic(LEAD, step), APPROACH_M), follow, holds)


def combination(step: float) -> Move:
    """Return her right turn in the first eight, his left turn in the second."""
    lead = turned(closer(side_basic(LEAD, step), APPROACH_M), 13, 2 * PI)
    follow = turned(nearer(side_basic(FOLLOW, step)), 5, -2 * PI)
    holds = {
        "left": [(0.0, "hold"), (4.5, "over_follow"), (8.2, "hold"), (12.5, "over_lead"), (16.2, "hold")],
        "right": [(0.0, "hold"), (4.8, "her_side"), (8.4, "hold"), (12.8, "her_hip"), (16.4, "hold")],
    }
    return Move(lead, follow, holds)


def closer(path: Path, a: float) -> Path:
    """Return the path moved by `a` on the counts of both turns, so that a raised hand is within reach."""
    return moved(path, (*FIRST_TURN, *SECOND_TURN), a)


def nearer(path: Path) -> Path:
    """Return her path moved towards him on the counts of both turns, so that his hand passes over her head."""
    return closer(path, -0.06)


def cross_body(_: float) -> Move:
    """Return a move in which she passes in front of him to his side on 5-7; in the second eight they pass back."""
    o = PARTNER_DISTANCE_M / 2
    lead = {
        0: (-o, 0, -OPEN_RAD), 1: (-o, 0.12, -0.25), 2: (-o, 0.28, -0.3), 3: (-o, 0.42, -0.55), 4: (-o, 0.42, -0.55),
        5: (-0.30, 0.44, -1.4), 6: (0.32, 0.34, -2.4), 7: (o, 0.06, -PI + OPEN_RAD), 8: (o, 0, -PI + OPEN_RAD),
    }  # fmt: skip
    follow = {
        0: (o, 0, PI + OPEN_RAD), 1: (o, -0.06, PI + 0.3), 2: (o, -0.16, PI + 0.2), 3: (o - 0.08, -0.26, PI),
        4: (o - 0.08, -0.26, PI), 5: (0.24, -0.32, PI), 6: (-0.34, -0.26, PI + 1.0), 7: (-o, -0.04, 2 * PI - OPEN_RAD),
        8: (-o, 0, 2 * PI - OPEN_RAD),
    }  # fmt: skip
    holds = {
        "left": [(0.0, "hold"), (5.4, "low"), (8.0, "hold"), (13.2, "free"), (15.8, "hold")],
        "right": [(0.0, "hold"), (5.2, "free"), (7.8, "hold"), (13.4, "low"), (16.0, "hold")],
    }
    return Move(there_and_back(lead, -PI), there_and_back(follow, 3 * PI), holds, origin=(0.0, 0.1), axis_turn=0.0)


def body_roll(step: float) -> Move:
    """Return two side steps, then a wave through both bodies from the chest down, twice in each eight."""
    eight = [(0.0, step * k, 0.0) for k in (0.5, 0.5, 1, 1, 1, 1, 1, 1)]
    home = [(0.0, step * k, 0.0) for k in (0.5, 0.5, 0, 0, 0, 0, 0, 0)]
    paths = [
        stepping(start, eight)[:9] + stepping(start, home)[9:17] + stepping(start, eight)[17:]
        for start in (LEAD, FOLLOW)
    ]
    holds = {"left": [(0.0, "hold")], "right": [(0.0, "hold")]}
    return Move(paths[0], paths[1], holds, wave, lambda count: wave(count - 0.15))


def wave(count: float) -> Accent:
    """Return a roll from the chest to the knees over two counts, begun on 5, 7, 13 and 15."""
    total = np.zeros(6)
    for start in (5.0, 7.0, 13.0, 15.0):
        u = count - start
        total += (
            0.15 * bump(u - 0.2) - 0.30 * bump(u - 1.15),
            0.22 * bump(u) - 0.36 * bump(u - 0.65) + 0.22 * bump(u - 1.5),
            -0.42 * bump(u - 0.15) + 0.30 * bump(u - 1.1),
            0.16 * bump(u - 0.7) - 0.24 * bump(u - 1.5),
            0.045 * bump(u - 1.2),
            -0.25 * bump(u + 0.1) + 0.2 * bump(u - 0.9),
        )
    low, middle, high, tilt, drop, neck = (float(value) for value in total)
    return Accent(bend=(low, middle, high), tilt=tilt, drop=drop, neck=neck)


def dip(step: float) -> Move:
    """Return a basic, a step in on 5-6, the dip on 7 held to 9 with bent knees, up by 11, and a basic to close."""
    stay = [(0.0, step * k, 0.0) for k in (1, 1, 2, 2, 1, 0, 0, 0)]
    near = {5: 1.0, 6: 0.75, 10: 1.0, 11: 0.4}
    deep = {7: 1.0, 8: 1.0, 9: 1.0}
    lead = shifted(shifted(stepping(LEAD, stay), (0.36, 0.03, 0.0), near), (0.28, 0.03, 0.12), deep)
    follow = shifted(shifted(stepping(FOLLOW, stay), (-0.16, 0.10, 0.0), near), (0.0, 0.08, 0.0), deep)
    holds = {
        "left": [(0.0, "hold"), (6.9, "trailing"), (10.4, "hold")],
        "right": [(0.0, "hold"), (6.2, "embrace"), (7.2, "carried"), (9.5, "embrace"), (10.8, "hold")],
    }
    return Move(lead, follow, holds, leaning_over, leaning_back, still=(8, 9))


def dip_depth(count: float) -> float:
    """Return how deep the dip is, 0-1."""
    return plateau(count, (5.9, 7.4), (9.0, 10.6))


def leaning_over(count: float) -> Accent:
    """Return his accent in the dip: he bends his knees and his back over her."""
    u = dip_depth(count)
    return Accent(
        bend=(0.10 * u, 0.10 * u, 0.09 * u),
        tilt=0.38 * u,
        lean=-0.08 * u,
        drop=0.10 * u,
        neck=-0.30 * u,
        nod=-0.10 * u,
        shift=(0.0, 0.08 * u),
    )


def leaning_back(count: float) -> Accent:
    """Return her accent in the dip: she leans back over her left leg, her head last."""
    u, late = dip_depth(count), dip_depth(count - 0.25)
    return Accent(
        bend=(-0.10 * u, -0.10 * u, -0.10 * u),
        tilt=-0.42 * u,
        drop=0.13 * u,
        neck=-0.14 * late,
        nod=-0.13 * late,
        shift=(0.05 * u, 0.03 * u),
    )


def hammerlock(step: float) -> Move:
    """Return the hammerlock: under the raised hand she half-turns to his side, her left arm behind her back.

    The second eight reverses it.
    """
    shares = {count: min(1.0, (count - 4) / 3) if count < 13 else max(0.0, (15 - count) / 3) for count in range(5, 16)}
    lead = shifted(side_basic(LEAD + floor_position(0.06, 0.06, 0), step), (0.0, 0, -0.55), shares)
    follow = shifted(
        side_basic(FOLLOW + floor_position(-0.02, 0.06, 0), step), (-0.03, 0.10, -(PI + OPEN_RAD + 1.0)), shares
    )
    holds = {
        "left": [(0.0, "hold"), (4.5, "over_follow"), (7.8, "low"), (12.5, "over_follow"), (16.0, "hold")],
        "right": [(0.0, "hold"), (5.4, "behind_her"), (14.6, "hold")],
    }
    return Move(lead, follow, holds)


def shadow(step: float) -> Move:
    """Return the shadow position: both face the same direction, he behind her to the side, an arm around her.

    In the second eight the arms open.
    """
    lead = side_basic(floor_position(-0.30, 0.06, -1.15), step)
    follow = side_basic(floor_position(0.24, -0.34, -1.15), step)
    holds = {
        "left": [(0.0, "around_her"), (8.8, "around_her_open"), (16.6, "around_her")],
        "right": [(0.0, "beside_her"), (8.8, "before_her"), (16.6, "beside_her")],
    }
    return Move(lead, follow, holds, follow_first="l", sides={"left": ("l", "l"), "right": ("r", "r")})


def arm_styling(step: float) -> Move:
    """Return the side basic in one hand; her free arm opens, rises above her head and comes down along her hair."""
    styled = [
        (2.0, "her_side"), (4.5, "her_crown"), (6.5, "her_hair"), (8.0, "her_side"), (9.4, "her_hip"),
        (11.0, "her_side"), (12.5, "her_crown"), (14.5, "her_hair"), (15.9, "her_side"),
    ]  # fmt: skip
    holds = {"left": [(0.0, "hold")], "right": [(0.0, "hold"), *styled, (17.0, "hold")]}
    return Move(side_basic(LEAD, step), side_basic(FOLLOW, step), holds)


def hip_roll(step: float) -> Move:
    """Return a side step on 1-4; on 5-8 the feet stand and the hips move in circles."""
    eight = [(0.0, step * k, 0.0) for k in (1, 1, 2, 2, 2, 2, 2, 2)]
    home = [(0.0, step * k, 0.0) for k in (1, 1, 0, 0, 0, 0, 0, 0)]
    paths = [
        stepping(start, eight)[:9] + stepping(start, home)[9:17] + stepping(start, eight)[17:]
        for start in (LEAD, FOLLOW)
    ]
    holds = {
        "left": [(0.0, "hold")],
        "right": [(0.0, "hold"), (4.8, "her_hip"), (9.0, "hold"), (12.8, "her_hip"), (16.8, "hold")],
    }
    return Move(
        paths[0],
        paths[1],
        holds,
        lambda count: circling(count, 0.7),
        lambda count: circling(count, 1.0),
        still=(5, 6, 7, 8, 13, 14, 15, 16),
    )


def circling(count: float, size: float) -> Accent:
    """Return hips on a circle, one turn in two counts, on 5-8 and 13-16."""
    u = size * (plateau(count, (4.2, 5.2), (8.0, 8.9)) + plateau(count, (12.2, 13.2), (16.0, 16.9)))
    sine, cosine = float(np.sin(PI * count)), float(np.cos(PI * count))
    return Accent(
        bend=(0.10 * u * cosine, 0.08 * u * cosine, 0.02 * u),
        tilt=-0.16 * u * cosine,
        roll=0.15 * u * sine,
        drop=0.05 * u,
        shift=(-0.075 * u * sine, 0.06 * u * cosine),
    )


MOVES: dict[str, Callable[[float], Move]] = {
    function.__name__: function
    for function in (
        basic_side,
        forward_backward,
        right_turn,
        left_turn,
        combination,
        cross_body,
        body_roll,
        dip,
        hammerlock,
        shadow,
        arm_styling,
        hip_roll,
    )
}
