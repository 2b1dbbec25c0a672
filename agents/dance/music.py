"""The music of each slot of a dance, and what is asked of its movement."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import fmean

from agents.dance.parts import DIFFICULTIES, LEVEL_ENERGY, role_number
from agents.dance.rules import Rules
from agents.dance.slots import Slot
from schemas.audio_analyzed import AudioAnalysis, Section
from schemas.base import DanceOptions

EIGHTS_PER_BLOCK = 4
_HALF = 4  # beats of a break that is half of an eight
_REQUESTED_ENERGY_WEIGHT = 0.75  # the song's own energy has the rest
_ARC = 0.15  # of the target energy, for rising from the start of the dance to its end


@dataclass(frozen=True)
class Request:
    """What is asked of a dance: the rules, `level`, an index of DIFFICULTIES, and the rest of a song's options."""

    rules: Rules
    options: DanceOptions
    level: int
    energy: float | None
    style: str
    role: int

    @classmethod
    def of(cls, options: DanceOptions, rules: Rules) -> Request:
        """Return what a song's options ask; their changes of the rules hold. Raises: as `Rules.changed`."""
        return cls(
            rules=rules.changed(options.rules),
            options=options,
            level=DIFFICULTIES.index(options.difficulty),
            energy=None if options.energy is None else LEVEL_ENERGY[options.energy],
            style=(options.style or "").casefold(),
            role=role_number(options.role),
        )


@dataclass(frozen=True)
class SlotMusic:
    """The music of a slot.

    `seconds`: its length without the surplus beats, on which a beat is held. `phrase`: number of the phrase it is in,
    from 1. `section`: index of the section at its middle; `starts_section`: whether it is the first slot in it.
    `position`: its number among the `section_slots` of its section, from 0. `repeats`: index of the slot that had the
    same music first, None for new music. `energy`: to dance with, 0-1. `accents`: beats from its start, above 0: one on
    the first beat belongs to the slot before it, whose effect leads to it, and one on a surplus beat to none.
    `is_half`: whether it is a break of four counts, after which a 1 comes again.
    """

    seconds: float
    beats: int
    eight_offset: int
    last_share: float
    starts_phrase: bool
    phrase: int
    section: int
    starts_section: bool
    position: int
    section_slots: int
    rhythm: str
    label: str
    repeats: int | None
    energy: float
    accents: tuple[float, ...]
    is_half: bool
    is_first: bool
    is_last: bool

    @property
    def starts_block(self) -> bool:
        """Return whether a block of four eights begins here."""
        return self.position % EIGHTS_PER_BLOCK == 0


def music_of(slots: Sequence[Slot], analysis: AudioAnalysis, request: Request) -> tuple[SlotMusic, ...]:
    """Return the music of each slot."""
    sections = [section_at(analysis.sections, (slot.times[0] + slot.times[-1]) / 2) for slot in slots]
    positions = _positions([number for number, _ in sections])
    lengths = Counter(number for number, _ in sections)
    phrases = list(accumulate(int(slot.phrase_offset == 0) for slot in slots))
    first_with: dict[tuple[int, int, int, int], int] = {}
    found = []
    for n, (slot, (number, section), position) in enumerate(zip(slots, sections, positions, strict=True)):
        same_music = (section.repeat_group if section else -1, position, slot.beats, slot.eight_offset)
        first = first_with.setdefault(same_music, n)
        found.append(
            SlotMusic(
                seconds=slot.times[-1] - slot.times[0] - sum(end - start for start, end in slot.held),
                beats=slot.beats,
                eight_offset=slot.eight_offset,
                last_share=slot.last_share,
                starts_phrase=slot.phrase_offset == 0,
                phrase=phrases[n],
                section=number,
                starts_section=n > 0 and position == 0,
                position=position,
                section_slots=lengths[number],
                rhythm=section.rhythm if section else "derecho",
                label=section.label if section else "verse",
                repeats=first if section and sections[first][0] != number else None,
                energy=_energy(slot, analysis, request, n / max(1, len(slots) - 1)),
                accents=_accents(slot, analysis),
                is_half=_is_half(slot, slots[n + 1 : n + 2]),
                is_first=n == 0,
                is_last=n == len(slots) - 1,
            )
        )
    return tuple(found)


def section_at(sections: Sequence[Section], time_s: float) -> tuple[int, Section | None]:
    """Return the section at a time and its index: before the first one, the first; 0 and None for a song without."""
    if not sections:
        return 0, None
    number = max(0, bisect_right([section.start_s for section in sections], time_s) - 1)
    return number, sections[number]


def _is_half(slot: Slot, following: Sequence[Slot]) -> bool:
    """Return whether a slot is a break of four counts: counts 1 to 4, and then a 1 again."""
    counts_on = any(after.eight_offset == 0 for after in following)
    return slot.beats == _HALF and slot.eight_offset == 0 and counts_on


def _positions(sections: Sequence[int]) -> list[int]:
    positions: list[int] = []
    for n, section in enumerate(sections):
        positions.append(positions[-1] + 1 if n and sections[n - 1] == section else 0)
    return positions


def _energy(slot: Slot, analysis: AudioAnalysis, request: Request, progress: float) -> float:
    """Return the energy to dance with: the song's own, or more of what is asked for, and rising to the end."""
    first, last = (bisect_left(analysis.beats, time - 1e-6) for time in (slot.times[0], slot.times[-1]))
    own = fmean(analysis.energy[first:last] or analysis.energy)
    if request.energy is not None:
        return _REQUESTED_ENERGY_WEIGHT * request.energy + (1 - _REQUESTED_ENERGY_WEIGHT) * own
    return (1 - _ARC) * own + _ARC * progress


def _accents(slot: Slot, analysis: AudioAnalysis) -> tuple[float, ...]:
    inside = [accent.time_s for accent in analysis.accents if slot.times[0] < accent.time_s <= slot.times[-1]]
    return tuple(_beat_at(slot.times, time_s) for time_s in inside if not _is_held(slot, time_s))


def _is_held(slot: Slot, time_s: float) -> bool:
    return any(start <= time_s < end for start, end in slot.held)


def _beat_at(times: Sequence[float], time_s: float) -> float:
    n = min(bisect_right(times, time_s) - 1, len(times) - 2)
    return n + (time_s - times[n]) / (times[n + 1] - times[n])
