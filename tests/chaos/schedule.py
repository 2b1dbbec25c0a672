"""A plan of kills: a seed in, the same plan out, to be printed before it is carried out."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Victim = Literal["worker", "child"]
Aim = Literal["any moment", "analysis", "rendering", "done"]
_AIMS: tuple[Aim, ...] = get_args(Aim)
_VICTIMS: tuple[Victim, ...] = get_args(Victim)
_FIRST, _LAST = 0.03, 0.93  # shares of the requests: what comes after the last kill must show that all goes on
_LONGEST_DELAY_S = {"any moment": 0.3, "analysis": 0.15, "rendering": 0.15, "done": 0.03}


@dataclass(frozen=True)
class Kill:
    """One SIGKILL: due when `share` of the requests have their outcome, `delay_s` after the moment it is aimed at.

    It hits the worker that had that moment, or one of its children; without an aim, the one in `slot`.
    """

    number: int
    share: float
    aim: Aim
    victim: Victim
    slot: int
    which: int
    delay_s: float

    def __str__(self) -> str:
        where = f"worker {self.slot}" if self.aim == "any moment" else "where it happens"
        return (
            f"kill {self.number:2d} at {self.share:4.0%}: a {self.victim}, {where}, {self.aim} + {self.delay_s:.3f} s"
        )


def seed() -> int:
    """CHAOS_SEED, 1 where it is not set."""
    return int(os.environ.get("CHAOS_SEED") or 1)


def scaled(count: int, least: int = 1) -> int:
    """A count of the full run times CHAOS_SCALE, `least` or more."""
    return max(least, round(count * float(os.environ.get("CHAOS_SCALE") or 1.0)))


def plan(
    count: int, slots: Sequence[int], victims: Sequence[Victim] = _VICTIMS, aims: Sequence[Aim] = _AIMS
) -> list[Kill]:
    """`count` kills in the order in which they are due, spread over the whole run, each at random in its stretch."""
    dice = random.Random(seed())  # noqa: S311 - a plan, no secret
    shares = [_FIRST + (_LAST - _FIRST) * (number + dice.random()) / count for number in range(count)]
    return [
        _kill(dice, number, share, slots, dice.choice(victims), dice.choice(aims))
        for number, share in enumerate(shares, 1)
    ]


def _kill(dice: random.Random, number: int, share: float, slots: Sequence[int], victim: Victim, aim: Aim) -> Kill:
    return Kill(
        number=number,
        share=share,
        aim=aim,
        victim=victim,
        slot=dice.choice(slots),
        which=dice.randrange(8),
        delay_s=dice.uniform(0.0, _LONGEST_DELAY_S[aim]),
    )


def show(what: str, lines: Sequence[object]) -> None:
    """Print a schedule."""
    print(f"\nschedule of {what}, seed {seed()}:")
    for line in lines:
        print(f"  {line}")
