"""How well parts of clips follow each other from one slot to the next: the amounts of each rule's fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.music import EIGHTS_PER_BLOCK, Request, SlotMusic
from agents.dance.parts import Parts
from agents.dance.rules import BROKEN_GATE, Rules
from agents.dance.seams import UNKNOWN_CHANCE, seam_amounts
from agents.dance.states import HOLDS, UNKNOWN

CHANGE_RULES: Final = (
    "hold",
    "foot",
    "facing",
    "velocity",
    "place",
    "pose",
    "couple",
    "room",
    "style",
    "cut_on_one",
    "fragment",
    "new_section",
    "block",
    "footwork_exit",
    "dip",
)
SEAM_GATES: Final = ("hold", "foot", "facing", "couple")  # in a montage they may change where a section begins
_NO_HOLD: Final = HOLDS.index("none")
MIN_PART_BEATS: Final = 4
_PAIR = EIGHTS_PER_BLOCK // 2


@dataclass(frozen=True)
class Change:
    """From parts of one slot to those of the next. `continues`: the clip continues without a cut, (before, after).

    `amounts`: of each of CHANGE_RULES, (before, after). `gates`: how many gates a cut breaks.
    """

    continues: Bools
    amounts: dict[str, Floats]
    gates: Ints

    def points(self, rules: Rules) -> Floats:
        """Return the points of each change, those of broken gates not included."""
        total: Floats = np.zeros(self.continues.shape)
        for name, amount in self.amounts.items():
            total += rules.points(name) * amount
        return total

    def cost(self, rules: Rules) -> Floats:
        """Return the points of each change, with BROKEN_GATE for each gate that it breaks."""
        cost: Floats = self.points(rules) + BROKEN_GATE * self.gates
        return cost


def pair_amounts(before: Parts, after: Parts, rules: Rules) -> dict[str, Floats]:
    """Return the amounts of a cut that do not depend on the music, by rule, (before, after)."""
    return (
        seam_amounts(before.ends, after.starts, rules)
        | amounts_of_names(before, after)
        | {
            "footwork_exit": _footwork_exit(before, after),
            "dip": np.repeat(after.dip[None].astype(float), len(before.parts), axis=0),
        }
    )


def amounts_of_names(before: Parts, after: Parts) -> dict[str, Floats]:
    """Return of `pair_amounts` those of couple, room and style."""
    return {
        "couple": _differs(before.couple, after.couple, UNKNOWN_CHANCE),
        "room": _differs(before.room, after.room, UNKNOWN_CHANCE),
        "style": _differs(before.style, after.style, 0.0),
    }


def change_between(  # noqa: PLR0913, PLR0917
    music_before: SlotMusic,
    music: SlotMusic,
    before: Parts,
    after: Parts,
    pairs: Mapping[str, Floats],
    request: Request,
) -> Change:
    """Return the change from each part of a slot to each part of the next one. `pairs`: their `pair_amounts`."""
    continues = _continues(before, after)
    cut = (~continues).astype(float)
    amounts = {name: cut * amount for name, amount in pairs.items()}
    amounts["cut_on_one"] = cut * float(not music.starts_phrase)
    amounts["fragment"] = cut * float(_has_fragment(music_before, music))
    amounts["block"] = cut * float(music.starts_phrase and music.position % _PAIR != 0)
    same_movement = continues | (before.move[:, None] == after.move[None])
    amounts["new_section"] = same_movement * float(music.starts_section)
    return Change(continues, amounts, _broken(amounts, music, request))


def broken_gates(amounts: dict[str, Floats], music: SlotMusic, request: Request) -> dict[str, Bools]:
    """Return for each rule that is a gate whether a change breaks it."""
    rules = request.rules
    is_free = request.options.continuity == "montage" and music.starts_section
    gates = [name for name in amounts if rules.is_gate(name) and not (is_free and name in SEAM_GATES)]
    return {name: amounts[name] > _limit(name, music, rules) for name in gates}


def _limit(name: str, music: SlotMusic, rules: Rules) -> float:
    if name == "couple" and music.starts_section:
        return 1.0  # another couple may begin with a section
    return rules[name].limit or UNKNOWN_CHANCE


def _broken(amounts: dict[str, Floats], music: SlotMusic, request: Request) -> Ints:
    broken = broken_gates(amounts, music, request).values()
    count: Ints = sum((one.astype(np.int64) for one in broken), np.zeros(amounts["hold"].shape, np.int64))
    return count


def _continues(before: Parts, after: Parts) -> Bools:
    starts: dict[tuple[str, int, bool], list[int]] = {}
    for column, part in enumerate(after.parts):
        starts.setdefault((part.clip, part.first, part.mirrored), []).append(column)
    flags = np.zeros((len(before.parts), len(after.parts)), bool)
    for row, part in enumerate(before.parts):
        flags[row, starts.get((part.clip, part.end, part.mirrored), [])] = True
    return flags


def _differs(before: Ints, after: Ints, unknown: float) -> Floats:
    """Return 1 where two are known and differ, 0 where they are the same, `unknown` where one is not known."""
    known = (before != UNKNOWN)[:, None] & (after != UNKNOWN)[None]
    amount: Floats = np.where(known, (before[:, None] != after[None]).astype(float), unknown)
    return amount


def _has_fragment(before: SlotMusic, after: SlotMusic) -> bool:
    """Return whether a cut between two slots leaves a fragment at an end of the dance."""
    return (before.is_first and before.beats < MIN_PART_BEATS) or (after.is_last and after.beats < MIN_PART_BEATS)


def _footwork_exit(before: Parts, after: Parts) -> Floats:
    """Return the chance of a hold where footwork without one is cut to or from."""
    no_hold_before = _chance_of_no_hold(before.ends.hold, before.ends.hold_confidence)[:, None]
    no_hold_after = _chance_of_no_hold(after.starts.hold, after.starts.hold_confidence)[None]
    into = after.footwork[None] * (1.0 - no_hold_before)
    out = before.footwork[:, None] * (1.0 - no_hold_after)
    greater: Floats = np.maximum(into, out)
    return greater


def _chance_of_no_hold(hold: Ints, confidence: Floats) -> Floats:
    other = (1.0 - confidence) / (len(HOLDS) - 1)
    chance: Floats = np.where(hold == UNKNOWN, UNKNOWN_CHANCE, np.where(hold == _NO_HOLD, confidence, other))
    return chance
