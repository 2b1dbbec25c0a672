"""Make a reproducible plan of kills from a seed, and print it before it is carried out."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Victim = Literal["worker", "child"]
Aim = Literal["any time", "analysis", "rendering", "done"]
_AIMS: tuple[Aim, ...] = get_args(Aim)
_VICTIMS: tuple[Victim, ...] = get_args(Victim)
_FIRST_SHARE, _LAST_SHARE = 0.03, 0.93  # shares of the requests: those after the last kill must show that work resumes
_MAX_DELAY_S = {"any time": 0.3, "analysis": 0.15, "rendering": 0.15, "done": 0.03}


@dataclass(frozen=True)
class Kill:
    """One SIGKILL: due when `share` of the requests have their outcome, `delay_s` after the event it aims at.

    It kills the worker at which that event happened, or one of its children; without an aim, the one in `slot`.
    """

    number: int
    share: float
    aim: Aim
    victim: Victim
    slot: int
    which: int
    delay_s: float

    def __str__(self) -> str:
        where = f"worker {self.slot}" if self.aim == "any time" else "the owner"
        return (
            f"kill {self.number:2d} at {self.share:4.0%}: a {self.victim}, {where}, {self.aim} + {self.delay_s:.3f} s"
        )


def seed() -> int:
    """Return CHAOS_SEED, 1 if it is not set."""
    return int(os.environ.get("CHAOS_SEED") or 1)


def scaled(count: int, minimum: int = 1) -> int:
    """Return a count of the full run times CHAOS_SCALE, at least `minimum`."""
    return max(minimum, round(count * float(os.environ.get("CHAOS_SCALE") or 1.0)))


def plan(
    count: int, slots: Sequence[int], victims: Sequence[Victim] = _VICTIMS, aims: Sequence[Aim] = _AIMS
) -> list[Kill]:
    """Return `count` kills in the order in which they are due, one at a random time in each equal part of the run."""
    rng = random.Random(seed())  # noqa: S311 - a plan, no secret
    shares = [_FIRST_SHARE + (_LAST_SHARE - _FIRST_SHARE) * (number + rng.random()) / count for number in range(count)]
    return [
        _kill(rng, number, share, slots, rng.choice(victims), rng.choice(aims))
        for number, share in enumerate(shares, 1)
    ]


def _kill(rng: random.Random, number: int, share: float, slots: Sequence[int], victim: Victim, aim: Aim) -> Kill:
    return Kill(
        number=number,
        share=share,
        aim=aim,
        victim=victim,
        slot=rng.choice(slots),
        which=rng.randrange(8),
        delay_s=rng.uniform(0.0, _MAX_DELAY_S[aim]),
    )


def print_schedule(what: str, lines: Sequence[object]) -> None:
    """Print a schedule."""
    print(f"\nschedule of {what}, seed {seed()}:")
    for line in lines:
        print(f"  {line}")
