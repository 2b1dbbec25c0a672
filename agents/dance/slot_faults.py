"""How well parts of clips fit a slot of the song: the amounts of each rule's fault."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from agents.arrays import Bools, Floats
from agents.dance.music import Request, SlotMusic
from agents.dance.parts import Parts
from agents.dance.rules import BROKEN_GATE, Rules
from agents.dance.section_fit import LABELS, RHYTHMS
from agents.dance.states import UNKNOWN
from agents.playable import EIGHT

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
    "ending",
    "style",
    "role",
)


def slot_amounts(music: SlotMusic, parts: Parts, request: Request) -> dict[str, Floats]:
    """Return for each of SLOT_RULES the amounts of its fault, (parts,).

    An amount that is of eight beats is less for a shorter part.
    """
    rules, share = request.rules, music.beats / EIGHT
    octaves = np.abs(np.log(stretch_of(music, parts)))
    level = parts.level - request.level
    return {
        "one": (parts.first_count != music.eight_offset + 1).astype(float),
        "tempo": share * np.maximum(octaves - rules["tempo"].limit, 0.0),
        "tempo_limit": share * np.maximum(octaves - rules["tempo_limit"].limit, 0.0),
        "energy": share * np.abs(music.energy - parts.energy),
        "level": share * np.maximum(level, 0).astype(float),
        "below_level": share * np.maximum(-level, 0).astype(float),
        "unsure_one": share * parts.unsure_one,
        "in_picture": share * parts.missing,
        "section": share * _unfit(music, parts),
        "fit": share * (1.0 - parts.fit),
        "lead_left": parts.right_first * (music.eight_offset == 0),
        "half": parts.foot_changes * music.is_half,
        "accent": _missed_accents(music, parts, rules["accent"].limit),
        "dip": parts.dip * float(request.level == 0),
        "ending": np.isnan(parts.effect_beat) * float(music.is_last),
        "style": share * _other_style(parts, request),
        "role": share * ((parts.role != request.role) & (parts.role != UNKNOWN) & (request.role != UNKNOWN)),
    }


def broken_in_slot(amounts: Mapping[str, Floats], rules: Rules) -> dict[str, Bools]:
    """Return for each rule that is a gate whether a part breaks it."""
    return {name: amount > rules[name].limit for name, amount in amounts.items() if rules.is_gate(name)}


def slot_cost(music: SlotMusic, parts: Parts, request: Request) -> Floats:
    """Return the points of each part in a slot, with BROKEN_GATE for each gate that it breaks."""
    rules, amounts = request.rules, slot_amounts(music, parts, request)
    cost: Floats = np.zeros(len(parts.parts))
    for name, amount in amounts.items():
        cost += rules.points(name) * amount
    for broken in broken_in_slot(amounts, rules).values():
        cost += BROKEN_GATE * broken
    return cost


def stretch_of(music: SlotMusic, parts: Parts) -> Floats:
    """Return song time over clip time, above 1 where a clip is played slower."""
    stretch: Floats = music.seconds / (parts.seconds - (1.0 - music.last_share) * parts.last_s)
    return stretch


def _unfit(music: SlotMusic, parts: Parts) -> Floats:
    rhythm = parts.fits_rhythm[:, RHYTHMS.index(music.rhythm)]
    label = parts.fits_label[:, LABELS.index(music.label)]
    unfit: Floats = 1.0 - (rhythm.astype(float) + label) / 2
    return unfit


def _missed_accents(music: SlotMusic, parts: Parts, limit_s: float) -> Floats:
    """Return how many accents of the slot are further than the limit from the moment of effect."""
    beat_s = music.seconds / (music.beats - 1 + music.last_share)
    missed = np.zeros(len(parts.parts))
    for accent in music.accents:
        missed += ~(np.abs(parts.effect_beat - accent) * beat_s <= limit_s)  # NaN: there is no effect
    return missed


def _other_style(parts: Parts, request: Request) -> Floats:
    if not request.style:
        return np.zeros(len(parts.parts))
    asked = parts.style_number(request.style)
    other: Floats = ((parts.style != asked) & (parts.style != UNKNOWN)).astype(float)
    return other
