"""The grade of a cut, with its reason in words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from agents.arrays import Ints
from agents.dance.parts import Parts
from agents.dance.rules import Rules
from agents.dance.seams import UNKNOWN_CHANCE
from agents.dance.states import FACINGS, HOLDS, UNKNOWN
from schemas.sequence_planned import Grade, Seam

_STATE_RULES: Final = ("hold", "foot", "facing", "couple", "room")
_JUMP_RULES: Final = ("velocity", "place", "pose")
_MOVE_FAULTS: Final = {"footwork_exit": "footwork is cut from or to a hold", "dip": "a dip without its preparation"}
_SURE, _LIKELY = 0.25, 0.6  # amounts up to which a rule surely, or likely, holds
_MAX_JUMP_POINTS = 1.5  # of a cut that is smooth
_FEET: Final = ("left", "right")
_MAX_REASONS = 4
NEW_COUPLE: Final = Seam(grade="C", reason="another couple begins the section")


def seam_of(amounts: Mapping[str, float], broken: Collection[str], before: Parts, after: Parts, rules: Rules) -> Seam:
    """Return the grade of a cut and its reason. `amounts`, `broken`: by rule, the second those that break a gate.

    A: all of the couple's state surely continues. B: it likely does. C: some of it is not known, or the couple jumps,
    or, with NEW_COUPLE, another one begins a section. D: some of it likely differs. F: a gate is broken.
    """
    states = {name: amounts[name] for name in _STATE_RULES}
    jump, of_moves = (
        sum(rules.points(name) * amounts[name] for name in names) for names in (_JUMP_RULES, _MOVE_FAULTS)
    )
    reasons = [f"it breaks the rule that {rules[name].title}" for name in sorted({*broken} - {*states})]
    reasons += [
        _reason(name, before, after)
        for name in sorted(states, key=lambda name: -states[name])
        if states[name] > _SURE or name in broken
    ]
    reasons += [words for name, words in _MOVE_FAULTS.items() if rules.points(name) * amounts[name] > _MAX_JUMP_POINTS]
    if jump > _MAX_JUMP_POINTS:
        reasons.append("the couple jumps")
    grade = _grade(max(states.values()), max(jump, of_moves), bool(broken))
    return Seam(grade=grade, reason="; ".join(reasons[:_MAX_REASONS]) or "it fits", broken=tuple(sorted(broken)))


def _grade(worst: float, jump: float, broken: bool) -> Grade:
    if broken:
        return "F"
    if worst > _LIKELY:
        return "D"
    if jump > _MAX_JUMP_POINTS or worst >= UNKNOWN_CHANCE:
        return "C"
    return "A" if worst <= _SURE else "B"


def _reason(name: str, before: Parts, after: Parts) -> str:
    if name == "hold":
        return _named("hold", HOLDS, before.ends.hold, after.starts.hold)
    if name == "facing":
        return _named("facing", FACINGS, before.ends.facing, after.starts.facing)
    if name == "foot":
        lead = _named("lead's free foot", _FEET, before.ends.foot[:, 0], after.starts.foot[:, 0])
        follow = _named("follow's free foot", _FEET, before.ends.foot[:, 1], after.starts.foot[:, 1])
        return lead if "→" in lead or "→" not in follow else follow
    known = getattr(before, name)[0] != UNKNOWN and getattr(after, name)[0] != UNKNOWN
    return f"another {name}" if known else f"the {name} is not known"


def _named(what: str, names: tuple[str, ...], before: Ints, after: Ints) -> str:
    one, two = int(before[0]), int(after[0])
    if UNKNOWN in {one, two}:
        return f"the {what} is not known"
    if one == two:
        return f"the {what} is unsure"
    return f"{what}: {names[one]} → {names[two]}".replace("_", " ")
