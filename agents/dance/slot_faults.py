"""How well parts of clips fit a slot of the song: the amounts of each rule's fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from agents.arrays import Floats
from agents.dance.music import Request, SlotMusic
from agents.dance.parts import Parts
from agents.dance.states import UNKNOWN
from agents.playable import EIGHT
from schemas.dance_names import SECTION_LABELS, SECTION_RHYTHMS

_MAX_RATED = 50_000  # costs at once: what a processor keeps near
_LAST_BEATS = 2.0  # of the dance, in which a pose ends it
SLOT_RULES: Final = (
    "one",
    "tempo",
    "tempo_limit",
    "energy",
    "level",
    "below_level",
    "unsure_one",
    "in_picture",
    "section",
    "fit",
    "lead_left",
    "half",
    "accent",
    "dip",
    "opening",
    "ending",
    "style",
    "role",
)


def amounts_in_slots(music: Sequence[SlotMusic], parts: Parts, request: Request) -> dict[str, Floats]:
    """Return for each of SLOT_RULES the amounts of its fault in each of some slots, (slots, parts).

    An amount that is of eight beats is less for a shorter part.
    """
    rules, at = request.rules, _Columns.of(music)
    share = at.beats / EIGHT
    octaves = np.abs(np.log(at.seconds / (parts.seconds - (1.0 - at.last_share) * parts.last_s)))
    level = parts.level - request.level
    return {
        "one": (parts.first_count != at.first_count).astype(float),
        "tempo": share * np.maximum(octaves - rules["tempo"].limit, 0.0),
        "tempo_limit": share * np.maximum(octaves - rules["tempo_limit"].limit, 0.0),
        "energy": share * np.abs(at.energy - parts.energy),
        "level": share * np.maximum(level, 0).astype(float),
        "below_level": share * np.maximum(-level, 0).astype(float),
        "unsure_one": share * parts.unsure_one,
        "in_picture": share * parts.missing,
        "section": share * _unfit(music, parts),
        "fit": share * (1.0 - parts.fit),
        "lead_left": at.starts_eight * parts.right_first,
        "half": at.is_half * parts.foot_changes,
        "accent": _missed_accents(music, parts, rules["accent"].limit),
        "dip": np.maximum(at.is_first, float(request.level == 0)) * parts.dip,
        "opening": at.is_first * ~parts.opens,
        "ending": at.is_last * ~(parts.rests & (parts.effect_beat >= at.beats - _LAST_BEATS)),
        "style": share * _other_style(parts, request),
        "role": share * ((parts.role != request.role) & (parts.role != UNKNOWN) & (request.role != UNKNOWN)),
    }


def slot_cost(music: SlotMusic, parts: Parts, request: Request) -> Floats:
    """Return the points of each part in a slot, with BROKEN_GATE for each gate that it breaks."""
    cost: Floats = cost_in_slots((music,), parts, request)[0]
    return cost


def cost_in_slots(music: Sequence[SlotMusic], parts: Parts, request: Request) -> Floats:
    """Return the cost of each part in each of some slots as `slot_cost`, (slots, parts)."""
    return np.concatenate(list(cost_blocks(music, parts, request)))


def cost_blocks(music: Sequence[SlotMusic], parts: Parts, request: Request) -> Iterator[Floats]:
    """Yield the same for some slots after others: of a large library, all at once take much memory."""
    step = max(1, _MAX_RATED // max(1, len(parts.parts)))
    for start in range(0, len(music), step):
        yield request.rules.cost(amounts_in_slots(music[start : start + step], parts, request))


@dataclass(frozen=True)
class _Columns:
    """Facts of slots, (slots, 1)."""

    seconds: Floats
    beats: Floats
    last_share: Floats
    energy: Floats
    first_count: Floats
    starts_eight: Floats
    is_half: Floats
    is_first: Floats
    is_last: Floats

    @classmethod
    def of(cls, music: Sequence[SlotMusic]) -> _Columns:
        def column(values: Iterable[float]) -> Floats:
            return np.array(list(values), float)[:, None]

        return cls(
            seconds=column(slot.seconds for slot in music),
            beats=column(slot.beats for slot in music),
            last_share=column(slot.last_share for slot in music),
            energy=column(slot.energy for slot in music),
            first_count=column(slot.eight_offset + 1 for slot in music),
            starts_eight=column(slot.eight_offset == 0 for slot in music),
            is_half=column(slot.is_half for slot in music),
            is_first=column(slot.is_first for slot in music),
            is_last=column(slot.is_last for slot in music),
        )


def _unfit(music: Sequence[SlotMusic], parts: Parts) -> Floats:
    rhythm = parts.fits_rhythm.T[[SECTION_RHYTHMS.index(slot.rhythm) for slot in music]]
    label = parts.fits_label.T[[SECTION_LABELS.index(slot.label) for slot in music]]
    unfit: Floats = 1.0 - (rhythm.astype(float) + label) / 2
    return unfit


def _missed_accents(music: Sequence[SlotMusic], parts: Parts, limit: float) -> Floats:
    """Return how many accents of each slot are further than the limit, in beats, from the moment of effect."""
    missed = np.zeros((len(music), len(parts.parts)))
    for row, slot in enumerate(music):
        for accent in slot.accents:
            missed[row] += ~(np.abs(parts.effect_beat - accent) <= limit)  # NaN: there is no effect
    return missed


def _other_style(parts: Parts, request: Request) -> Floats:
    if not request.style:
        return np.zeros(len(parts.parts))
    requested = parts.style_number(request.style)
    other: Floats = ((parts.style != requested) & (parts.style != UNKNOWN)).astype(float)
    return other
