"""Count the cuts of dances at which hold, free feet, facing and couple are right: by labels, and by what was found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from agents.dance.parts import Part
from agents.dance.states import UNKNOWN
from schemas.base import Hold
from schemas.boundary import Boundary, DancerState, Facing, Side
from schemas.move_indexed import MoveSummary
from tests.quality.couples import couple_labels
from tests.quality.plan_dances import Dance
from tests.quality.seam_clips import SAME_FILM
from tests.quality.seam_labels import BoundaryLabel, boundary_labels, demo_labels

ASPECTS = ("hold", "foot", "facing", "couple")
NEAR_S = 0.15  # a label is of a beat at most so far away
_OTHER: Mapping[Side, Side] = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class Couple:
    """What is known of a couple on a beat: None where it is not. `feet`: the free ones, of lead and follow."""

    hold: Hold | None = None
    facing: Facing | None = None
    feet: tuple[Side | None, Side | None] = (None, None)
    couple: str | None = None

    def mirrored(self) -> Couple:
        """Return the couple as it looks in a mirror."""
        lead, follow = (None if foot is None else _OTHER[foot] for foot in self.feet)
        return Couple(self.hold, self.facing, (lead, follow), self.couple)


class Labels:
    """The labels of boundaries and couples by clip and time."""

    @cached_property
    def _boundaries(self) -> Mapping[str, Sequence[BoundaryLabel]]:
        by_clip = defaultdict[str, list[BoundaryLabel]](list)
        for label in (*boundary_labels(), *demo_labels()):
            by_clip[label.clip].append(label)
        return by_clip

    @cached_property
    def _couples(self) -> Mapping[str, str]:
        return {clip: couple for clip, (couple, _) in couple_labels().items()} | {
            label.clip: "the demo couple" for label in demo_labels()
        }

    def couple_at(self, move: MoveSummary, beat: int) -> Couple:
        """Return what the labels say of a clip on a beat."""
        couple = self._couples.get(move.name)
        labels = self._boundaries.get(SAME_FILM.get(move.name, move.name), ())
        near = [label for label in labels if abs(label.time_s - move.beats[beat]) <= NEAR_S]
        if not near:
            return Couple(couple=couple)
        label = min(near, key=lambda label: abs(label.time_s - move.beats[beat]))
        return Couple(label.hold, label.facing, (label.lead_free_foot, label.follow_free_foot), couple)


def seam_counts(dance: Dance, labels: Labels) -> Iterator[tuple[str, int, int]]:
    """Yield for each cut and aspect a name, whether it is right, and 1; nothing where it is not known on both sides.

    The names end in `by_labels` or `as_found`; `all_` is of cuts at which all four are known.
    """
    for slot in dance.cuts:
        before, after = dance.parts.parts[slot - 1], dance.parts.parts[slot]
        is_free = dance.music[slot].starts_section
        ends = (labels.couple_at(dance.move(slot - 1), before.end), labels.couple_at(dance.move(slot), after.first))
        yield from _named(right(*_shown(ends, before, after), may_change=is_free), "by_labels")
        found = (_found(dance, slot - 1, before.end), _found(dance, slot, after.first))
        yield from _named(right(*_shown(found, before, after), may_change=is_free), "as_found")


def _shown(couples: tuple[Couple, Couple], before: Part, after: Part) -> tuple[Couple, Couple]:
    one, two = couples
    return one.mirrored() if before.mirrored else one, two.mirrored() if after.mirrored else two


def _found(dance: Dance, slot: int, beat: int) -> Couple:
    move = dance.move(slot)
    boundary = move.boundary_at(beat) or Boundary(beat=beat)
    feet = (_free_foot(boundary.lead), _free_foot(boundary.follow))
    number = int(dance.parts.couple[slot])
    return Couple(boundary.hold, boundary.facing, feet, None if number == UNKNOWN else str(number))


def _free_foot(dancer: DancerState | None) -> Side | None:
    return dancer.free_foot if dancer else None


def right(before: Couple, after: Couple, *, may_change: bool) -> dict[str, bool]:
    """Return for each aspect that is known on both sides whether it is right. `may_change`: the couple, here."""
    feet = [one == two for one, two in zip(before.feet, after.feet, strict=True) if one and two]
    known = {
        "hold": before.hold and after.hold and [before.hold == after.hold],
        "foot": feet,
        "facing": before.facing and after.facing and [before.facing == after.facing],
        "couple": before.couple and after.couple and [may_change or before.couple == after.couple],
    }
    return {name: all(same) for name, same in known.items() if same}


def _named(found: dict[str, bool], ending: str) -> Iterator[tuple[str, int, int]]:
    for name, is_right in found.items():
        yield f"{name}_right_{ending}", int(is_right), 1
    if len(found) == len(ASPECTS):
        yield f"all_right_{ending}", int(all(found.values())), 1
