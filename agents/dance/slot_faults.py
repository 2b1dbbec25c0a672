"""How well parts of clips fit a slot of the song: the amounts of each rule's fault."""

from __future__ import annotations

from typing import Final

import numpy as np

from agents.arrays import Floats
from agents.dance.music import Request, SlotMusic
from agents.dance.parts import Parts
from agents.dance.section_fit import LABELS, RHYTHMS
from agents.dance.states import UNKNOWN
from agents.playable import EIGHT

SLOT_RULES: Final = (
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
