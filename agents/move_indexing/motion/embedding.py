"""How a couple moves and how its music sounds go in; the clip's 512 numbers come out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.sightings import Floats
from agents.move_indexing.motion.body import BODY_VALUES, body_motion
from agents.move_indexing.motion.couple import COUPLE_VALUES, couple_motion

MOTION_VALUES, AUDIO_VALUES = 384, 128
# Two clips' cosine is 0.8 of their motion's and 0.2 of their music's: moves are danced to many a song.
_MOTION_WEIGHT, _AUDIO_WEIGHT = 0.8**0.5, 0.2**0.5
_COUPLE_WEIGHT = 0.5
_CLIP_AT = 3.0
_SCALES = Path(__file__).with_name("scales.json")


def embed(dance: Dance, tempo_bpm: float, audio: Sequence[float] | None) -> tuple[float, ...]:
    """The embedding of a clip: 384 values of motion, 128 of `audio` (0 where there is none), of length 1."""
    heard = np.zeros(AUDIO_VALUES) if audio is None else _unit(np.asarray(audio, float))
    whole = np.concatenate([_MOTION_WEIGHT * motion_part(features(dance, tempo_bpm)), _AUDIO_WEIGHT * heard])
    return tuple(round(float(value), 7) for value in _unit(whole))


def features(dance: Dance, tempo_bpm: float) -> Floats:
    """What is measured of a dance, (368,): the dancer in front, then the couple; NaN where there is no couple."""
    couple = np.full(COUPLE_VALUES, np.nan)
    if dance.is_couple:
        couple = couple_motion(dance.lead, dance.follow, tempo_bpm)
    return np.concatenate([body_motion(dance.front, tempo_bpm), couple])


def motion_part(measured: Floats) -> Floats:
    """`features` as 384 values of length 1: in robust deviations from the usual, at most 3, the couple's at half
    weight; the last 16 are 0. What could not be measured counts as usual.
    """
    usual, scale = _scales()
    z = np.clip(np.nan_to_num((measured - usual) / scale), -_CLIP_AT, _CLIP_AT)
    body, couple = _unit(z[:BODY_VALUES]), _COUPLE_WEIGHT * _unit(z[BODY_VALUES:])
    padding = np.zeros(MOTION_VALUES - BODY_VALUES - COUPLE_VALUES)
    return _unit(np.concatenate([body, couple, padding]))


@lru_cache(maxsize=1)
def _scales() -> tuple[Floats, Floats]:
    """Median and scaled median deviation of each feature over a set of clips, measured once and then kept.

    Fixed, so that a clip's embedding depends on that clip alone.
    """
    told = json.loads(_SCALES.read_text(encoding="utf-8"))
    return np.array(told["median"]), np.array(told["deviation"])


def _unit(values: Floats) -> Floats:
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else values
