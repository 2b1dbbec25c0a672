"""Measure whether plans obey random wishes: moves that a phrase must have, and moves that must not be danced."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from agents.dance.rules import Rules
from schemas.base import OnlyIn, Options, Pin
from schemas.faults import Poison
from tests.quality.plan_dances import Dance, Task, planned
from tests.quality.plan_library import Collection
from tests.quality.report import Goal, figure

PINS, BANS = 4, 4
RHYTHM = "mambo"


def wishes_figures(collection: Collection, options: Options, rules: Rules) -> Iterator[bool]:
    """Print how many random pins are honoured, and how many bans and limits to sections are violated."""
    pins, honoured, banned, elsewhere = 0, 0, 0, 0
    for number, analysis in enumerate(collection.songs.values()):
        scores, drawn = collection.scores(analysis), random.Random(number)  # noqa: S311 - wishes are not secret
        last = Task.of(analysis, scores, options, rules).slots()
        names = sorted(move.name for move in scores.moves.values() if len(move.beats) > 2 * 8)
        picked = drawn.sample(names, min(PINS + BANS + 1, len(names)))
        phrases = drawn.sample(range(2, sum(slot.phrase_offset == 0 for slot in last)), min(PINS, len(last) - 2))
        asked = options.model_copy(
            update={
                "pins": tuple(Pin(phrase=n, move=name) for n, name in zip(phrases, picked, strict=False)),
                "bans": tuple(picked[PINS : PINS + BANS]),
                "only_in": tuple(OnlyIn(move=name, sections=(RHYTHM,)) for name in picked[PINS + BANS :]),
            }
        )
        pins += len(asked.pins)
        try:
            dance = planned(Task.of(analysis, scores, asked, rules))
        except Poison as fault:
            print(f"no plan with the wishes {asked.pins}: {fault}")
            continue
        honoured += sum(_has(dance, pin) for pin in asked.pins)
        banned += sum(dance.move(slot).name in asked.bans for slot in range(len(dance.slots)))
        elsewhere += _outside(dance, [wish.move for wish in asked.only_in])
    yield figure(f"{collection.name}_pins_honoured", honoured / max(1, pins), Goal(1.0, at_least=True), digits=3)
    yield figure(f"{collection.name}_bans_violated", float(banned), Goal(0.0), digits=0)
    yield figure(f"{collection.name}_moves_outside_of_their_sections", float(elsewhere), Goal(0.0), digits=0)


def _has(dance: Dance, pin: Pin) -> bool:
    slots = [slot for slot, at in enumerate(dance.music) if at.phrase == pin.phrase]
    return bool(slots) and all(dance.move(slot).name == pin.move for slot in slots)


def _outside(dance: Dance, names: Sequence[str]) -> int:
    return sum(dance.move(slot).name in names and at.rhythm != RHYTHM for slot, at in enumerate(dance.music))
