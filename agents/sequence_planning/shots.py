"""What to film next: moves from one hold to another, which would bring moves of a couple together, and more moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from math import exp

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

FEW_CLIPS = 0.5  # for each phrase of a dance: with fewer, it repeats them
_MAX_OTHERS = 3
_Key = tuple[int, int, int]  # numbers of a couple and of two holds, from one to the other


def shots_of(parts: Parts, scores: Scores, rules: Rules, tempo_bpm: float, phrases: int) -> tuple[Shot, ...]:
    """Return the moves that would free the most seams; for a dance of few clips, also those that fit into the most.

    `parts`: of which the dance could be made. `tempo_bpm`, `phrases`: of the dance.
    """
    whole = np.flatnonzero([part.beats == EIGHT and not part.mirrored for part in parts.parts])
    eights = parts.rows(whole)
    bridges = _bridges(eights, rules)
    stretch = exp(rules["tempo"].limit)
    shots = [_bridge(eights, scores, key, seams, stretch) for key, seams in _most(bridges, limits.MAX_SHOTS)]
    if len(set(parts.clip.tolist())) < FEW_CLIPS * phrases:
        fitting = {key: seams for key, seams in _fitting(eights).items() if key not in bridges}
        tempi = _tempi([tempo_bpm], stretch)
        shots += [_another(eights, scores, key, seams, tempi) for key, seams in _most(fitting, _MAX_OTHERS)]
    return tuple(shots[: limits.MAX_SHOTS])


def _bridges(eights: Parts, rules: Rules) -> Counter[_Key]:
    """Return how many seams a move would free: between eights of one couple whose holds alone do not fit."""
    rows, columns = np.nonzero(_parted_by_hold(eights, rules))
    return Counter(
        zip(
            eights.couple[rows].tolist(),
            eights.ends.hold[rows].tolist(),
            eights.starts.hold[columns].tolist(),
            strict=True,
        )
    )


def _fitting(eights: Parts) -> Counter[_Key]:
    """Return between how many eights of one couple a move would fit, by the holds; UNKNOWN where one is not known."""
    fitting = Counter[_Key]()
    for couple in set(eights.couple.tolist()):
        own = eights.couple == couple
        ends, starts = (Counter(holds[own].tolist()) for holds in (eights.ends.hold, eights.starts.hold))
        for (before, one), (after, two) in product(ends.items(), starts.items()):
            known = UNKNOWN not in {before, after}
            fitting[(couple, before, after) if known else (couple, UNKNOWN, UNKNOWN)] += one * two
    return fitting


def _most(counted: Mapping[_Key, int], number: int) -> list[tuple[_Key, int]]:
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:number]


def _parted_by_hold(eights: Parts, rules: Rules) -> Bools:
    """Return which eights of one couple could follow each other but for their holds, (before, after)."""
    amounts = seam_amounts(eights.ends, eights.starts, rules)
    same_couple = (eights.couple[:, None] == eights.couple[None]) & (eights.couple != UNKNOWN)[None]
    others_fit = (amounts["foot"] <= rules["foot"].most) & (amounts["facing"] <= rules["facing"].most)
    known = (eights.ends.hold != UNKNOWN)[:, None] & (eights.starts.hold != UNKNOWN)[None]
    differ = eights.ends.hold[:, None] != eights.starts.hold[None]
    parted: Bools = same_couple & others_fit & known & differ & (amounts["hold"] > rules["hold"].most)
    return parted


def _bridge(eights: Parts, scores: Scores, key: _Key, seams: int, stretch: float) -> Shot:
    couple, before, after = key
    clips = _clips_of(eights, couple)
    return Shot(
        from_hold=HOLDS[before],
        to_hold=HOLDS[after],
        beats=EIGHT,
        tempo_bpm=_tempi([scores.moves[clip].tempo_bpm for clip in clips], stretch),
        couple=_name(clips, scores),
        seams=seams,
    )


def _another(eights: Parts, scores: Scores, key: _Key, seams: int, tempo_bpm: tuple[float, float]) -> Shot:
    couple, before, after = key
    return Shot(
        kind="another",
        from_hold=None if before == UNKNOWN else HOLDS[before],
        to_hold=None if after == UNKNOWN else HOLDS[after],
        beats=EIGHT,
        tempo_bpm=tempo_bpm,
        couple=_name(_clips_of(eights, couple), scores),
        seams=min(seams, limits.MAX_POINTS),
    )


def _tempi(tempi_bpm: Sequence[float], stretch: float) -> tuple[float, float]:
    """Return the least and the greatest tempo, BPM, at which a clip can be danced at these tempi."""
    low, high = limits.TEMPO_BPM
    return round(max(low, min(tempi_bpm) / stretch), 1), round(min(high, max(tempi_bpm) * stretch), 1)


def _clips_of(eights: Parts, couple: int) -> list[str]:
    return sorted({part.clip for part, of in zip(eights.parts, eights.couple.tolist(), strict=True) if of == couple})


def _name(clips: Sequence[str], scores: Scores) -> str:
    return scores.fits[clips[0]].couple if clips[0] in scores.fits else UNKNOWN_GROUP
