"""What to film next: moves from one hold to another, which would bring moves of a couple together."""

from __future__ import annotations

from collections import Counter

import numpy as np

from agents.arrays import Bools
from agents.dance.parts import Parts
from agents.dance.rules import Rules
from agents.dance.seams import seam_amounts
from agents.dance.states import HOLDS, UNKNOWN
from agents.playable import EIGHT
from schemas import limits
from schemas.base import UNKNOWN_GROUP
from schemas.moves_scored import Scores
from schemas.sequence_planned import Shot


def shots_of(parts: Parts, scores: Scores, rules: Rules) -> tuple[Shot, ...]:
    """Return the moves that would free the most seams: between eights of one couple whose holds alone do not fit."""
    whole = np.flatnonzero([part.beats == EIGHT and not part.mirrored for part in parts.parts])
    eights = parts.rows(whole)
    rows, columns = np.nonzero(_parted_by_hold(eights, rules))
    counted = Counter(
        zip(
            eights.couple[rows].tolist(),
            eights.ends.hold[rows].tolist(),
            eights.starts.hold[columns].tolist(),
            strict=True,
        )
    )
    best = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[: limits.MAX_SHOTS]
    return tuple(_shot(eights, scores, key, seams) for key, seams in best)


def _parted_by_hold(eights: Parts, rules: Rules) -> Bools:
    """Return which eights of one couple could follow each other but for their holds, (before, after)."""
    amounts = seam_amounts(eights.ends, eights.starts, rules)
    same_couple = (eights.couple[:, None] == eights.couple[None]) & (eights.couple != UNKNOWN)[None]
    others_fit = (amounts["foot"] <= rules["foot"].most) & (amounts["facing"] <= rules["facing"].most)
    known = (eights.ends.hold != UNKNOWN)[:, None] & (eights.starts.hold != UNKNOWN)[None]
    differ = eights.ends.hold[:, None] != eights.starts.hold[None]
    parted: Bools = same_couple & others_fit & known & differ & (amounts["hold"] > rules["hold"].most)
    return parted


def _shot(eights: Parts, scores: Scores, key: tuple[int, int, int], seams: int) -> Shot:
    couple, before, after = key
    clips = sorted({part.clip for part, of in zip(eights.parts, eights.couple.tolist(), strict=True) if of == couple})
    tempi = [scores.moves[clip].tempo_bpm for clip in clips]
    return Shot(
        from_hold=HOLDS[before],
        to_hold=HOLDS[after],
        beats=EIGHT,
        tempo_bpm=(min(tempi), max(tempi)),
        couple=scores.fits[clips[0]].couple if clips[0] in scores.fits else UNKNOWN_GROUP,
        seams=seams,
    )
