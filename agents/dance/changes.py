"""How well parts of clips follow each other from one slot to the next: the amounts of each rule's fault."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.music import EIGHTS_PER_BLOCK, Request, SlotMusic
from agents.dance.parts import Parts
from agents.dance.rules import Rules
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
    "energy_change",
    "block",
    "footwork_exit",
    "dip",
)
SEAM_GATES: Final = ("hold", "foot", "facing", "couple")  # in a montage they may change where a section begins
_NO_HOLD: Final = HOLDS.index("none")
MIN_PART_BEATS: Final = 4
_CONTINUITY: Final = ("hold", "foot", "facing", "velocity", "place", "pose")  # what another couple need not continue
_MIN_ENERGY_CHANGE = 0.05  # of the music: less is not heard
_PAIR = EIGHTS_PER_BLOCK // 2


class MusicChange(NamedTuple):
    """What decides about a change in the music of two slots: where it is the same, so are the changes.

    `inside_of_pair`: whether a phrase begins between the two eights of a pair. `after_half`: whether a break of four
    counts is before it. `fragment`: whether a cut leaves one at an end of the dance. `energy`: by how much it changes
    where a section begins, 0 where it hardly does.
    """

    starts_phrase: bool
    starts_section: bool
    inside_of_pair: bool
    may_change_couple: bool
    after_half: bool
    fragment: bool
    energy: float

    @classmethod
    def between(cls, before: SlotMusic, after: SlotMusic) -> MusicChange:
        """Return what decides from one slot to the next."""
        energy = after.energy - before.energy
        changes = after.starts_section and abs(energy) >= _MIN_ENERGY_CHANGE
        return cls(
            starts_phrase=after.starts_phrase,
            starts_section=after.starts_section,
            inside_of_pair=after.starts_phrase and after.position % _PAIR != 0,
            may_change_couple=after.starts_section and after.section_slots > 1,
            after_half=before.is_half,
            fragment=_has_fragment(before, after),
            energy=energy if changes else 0.0,
        )


@dataclass(frozen=True)
class Change:
    """From parts of one slot to those of the next. `continues`: the clip continues without a cut, (before, after).

    `new_couple`: another couple begins a section, as it may. `amounts`: of each of CHANGE_RULES. `broken`: of each that
    is a gate, whether it is broken.
    """

    continues: Bools
    new_couple: Bools
    amounts: dict[str, Floats]
    broken: dict[str, Bools]

    def cost(self, rules: Rules) -> Floats:
        """Return the points of each change, with BROKEN_GATE for each gate that it breaks."""
        return rules.cost(self.amounts, self.broken)


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


def change_between(
    music: MusicChange, before: Parts, after: Parts, pairs: Mapping[str, Floats], request: Request
) -> Change:
    """Return the change from each part of a slot to each part of the next one. `pairs`: their `pair_amounts`."""
    continues = _continues(before, after)
    cut = (~continues).astype(float)
    amounts = {name: cut * amount for name, amount in pairs.items()}
    amounts["cut_on_one"] = cut * float(not music.starts_phrase)
    amounts["fragment"] = cut * float(music.fragment)
    amounts["block"] = cut * float(music.inside_of_pair)
    same_movement = continues | (before.move[:, None] == after.move[None])
    amounts["new_section"] = same_movement * float(music.starts_section)
    amounts["energy_change"] = _energy_change(music.energy, before, after)
    broken = broken_gates(amounts, music, request)
    new_couple = np.zeros(continues.shape, bool)
    if music.may_change_couple:  # where it stands and how it stands need not continue
        new_couple = (amounts["couple"] == 1.0) & ~np.any(list(broken.values()), axis=0)
        amounts |= {name: np.where(new_couple, 0.0, amounts[name]) for name in _CONTINUITY}
    return Change(continues, new_couple, amounts, broken)


def _energy_change(heard: float, before: Parts, after: Parts) -> Floats:
    """Return by how much less than the music's energy, where a section begins, that of the movement changes, 0-1."""
    if not heard:
        return np.zeros((len(before.parts), len(after.parts)))
    danced = after.energy[None] - before.energy[:, None]
    missing: Floats = np.clip(abs(heard) - np.sign(heard) * danced, 0.0, 1.0)
    return missing


def broken_gates(amounts: Mapping[str, Floats], music: MusicChange, request: Request) -> dict[str, Bools]:
    """Return for each rule that is a gate whether a change breaks it."""
    free = set(SEAM_GATES) if request.options.continuity == "montage" and music.starts_section else set()
    if music.may_change_couple:
        free.add("couple")
    if music.after_half:
        free.add("foot")  # four counts of a step and a tap leave the other foot free: it is they that are at fault
    return request.rules.broken({name: amount for name, amount in amounts.items() if name not in free})


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
