"""Measure dances: each measure is a ratio of two sums, so that those of several songs can be added."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import Final

import numpy as np
from scipy.stats import spearmanr

from agents.dance.changes import MIN_PART_BEATS
from agents.sequence_planning.clip_runs import clip_runs
from tests.quality.plan_dances import Dance
from tests.quality.plan_seams import ASPECTS, Labels, seam_counts

TRANSITION_RULES: Final = ("hold", "foot", "facing", "velocity", "place", "pose")
MIN_SECTIONS = 4  # with fewer, a rank correlation says nothing
HALF_PICTURE_S = 0.02
TEMPO_LIMIT: Final = log(1.03)
MEASURES: Final = {
    **{
        f"{name}_right_{by}": f"cuts: {name} right, {words}"
        for by, words in (("by_labels", "by labels"), ("as_found", "as indexing found"))
        for name in (*ASPECTS, "all")
    },
    "score": "judge: score, 0-100",
    "points": "judge: points a slot",
    "broken_gates": "judge: broken gates a dance",
    "cuts": "cuts a slot",
    "transition_points": "points of hold, foot, facing, velocity, place, pose a cut",
    "jumps_to_another_couple": "cuts to another couple",
    "energy_spearman": "energy: rank correlation of sections and of what is danced",
    "repeated_music_shared": "repeated music with the same movement",
    "changes_on_sections": "changes of movement that are where a section begins",
    "sections_with_change": "sections that begin with a change of movement",
    "too_many_turns": "slots with more turns than the limit",
    "footwork": "slots of footwork",
    "distinct_moves": "distinct moves a slot",
    "distinct_clips": "distinct clips a slot",
    "back_and_forth": "parts of the clip that was shown two parts before",
    "tempo_within_3_percent": "slots within 3 % of the clip's tempo",
    "cuts_on_one": "cuts on a 1 of the song",
    "ones_on_ones": "slots whose clip has the song's count",
    "accents_hit": "accents with a moment of effect within half a picture",
    "short_parts": "parts of less than four beats a dance",
}


@dataclass(frozen=True)
class Ratio:
    """A value as a sum over a sum."""

    part: float
    whole: float

    @property
    def value(self) -> float | None:
        """Return the quotient; None where nothing was counted."""
        return self.part / self.whole if self.whole else None

    def __add__(self, other: Ratio) -> Ratio:
        return Ratio(self.part + other.part, self.whole + other.whole)


Measured = Mapping[str, Ratio]


def measured(dances: Iterable[Dance], labels: Labels) -> Measured:
    """Return the measures of some dances together, by name."""
    sums = defaultdict[str, Ratio](lambda: Ratio(0.0, 0.0))
    for dance in dances:
        for name, part, whole in (*seam_counts(dance, labels), *_judged(dance), *_music(dance), *_movement(dance)):
            sums[name] += Ratio(float(part), float(whole))
    return sums


def _judged(dance: Dance) -> Iterator[tuple[str, float, float]]:
    sheet, slots, cuts = dance.sheet, len(dance.slots), dance.cuts
    transition = sum(fault.points for fault in sheet.faults if fault.rule in TRANSITION_RULES)
    couples = sum(fault.amount >= 1.0 for fault in sheet.faults if fault.rule == "couple")
    yield "score", sheet.score, 1
    yield "points", sheet.points, slots
    yield "broken_gates", sheet.broken_gates, 1
    yield "cuts", len(cuts), slots
    yield "transition_points", transition, len(cuts)
    yield "jumps_to_another_couple", couples, len(cuts)
    yield "too_many_turns", sum(fault.rule == "turns" for fault in sheet.faults), slots


def _music(dance: Dance) -> Iterator[tuple[str, float, float]]:
    parts, music, slots = dance.parts, dance.music, range(1, len(dance.slots))
    yield from _energy(dance)
    for slot in slots:
        first = music[slot].repeats
        if first is not None:
            same = parts.clip[first] == parts.clip[slot] and parts.first[first] == parts.first[slot]
            yield "repeated_music_shared", same, 1
        changes = parts.move[slot - 1] != parts.move[slot]
        if changes:
            yield "changes_on_sections", music[slot].starts_section, 1
        if music[slot].starts_section:
            yield "sections_with_change", changes, 1
    for slot in dance.cuts:
        yield "cuts_on_one", music[slot].starts_phrase and music[slot].eight_offset == 0, 1
    for accent in dance.song.accents:
        if dance.slots[0].times[0] < accent.time_s <= dance.slots[-1].times[-1]:
            yield "accents_hit", any(abs(accent.time_s - time) <= HALF_PICTURE_S for time in dance.effects), 1


def _energy(dance: Dance) -> Iterator[tuple[str, float, float]]:
    """Yield the rank correlation of the sections' energy with the measured energy of what is danced in them."""
    by_section = defaultdict[int, list[float]](list)
    for slot, at in enumerate(dance.music):
        by_section[at.section] += [float(dance.parts.energy[slot])] * at.beats
    danced = [float(np.mean(by_section[section])) for section in sorted(by_section)]
    song = [dance.song.sections[section].energy for section in sorted(by_section)] if dance.song.sections else []
    if len(danced) >= MIN_SECTIONS and len(song) == len(danced):
        is_constant = len(set(danced)) == 1 or len(set(song)) == 1
        yield "energy_spearman", 0.0 if is_constant else float(spearmanr(song, danced).statistic), 1


def _movement(dance: Dance) -> Iterator[tuple[str, float, float]]:
    parts, slots = dance.parts, len(dance.slots)
    yield "footwork", int(parts.footwork.sum()), slots
    yield "distinct_moves", len({dance.move(slot).move for slot in range(slots)}), slots
    yield "distinct_clips", len({part.clip for part in parts.parts}), slots
    for slot, at in enumerate(dance.music):
        clip_s = float(parts.seconds[slot] - (1.0 - at.last_share) * parts.last_s[slot])
        yield "tempo_within_3_percent", abs(log(at.seconds / clip_s)) <= TEMPO_LIMIT, 1
        yield "ones_on_ones", parts.first_count[slot] == at.eight_offset + 1, 1
    runs = clip_runs(parts.parts)
    yield "short_parts", sum(beats < MIN_PART_BEATS for beats in dance.shown), 1
    for before, after in pairwise(pairwise(runs)):
        yield "back_and_forth", before[0].part.clip == after[1].part.clip, 1
