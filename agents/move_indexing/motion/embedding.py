"""How a couple moves and how its music sounds go in; the clip's 512 numbers come out.

They depend on what is seen and heard of that clip, and on constants of the program; never on a name.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from agents.arrays import Floats
from agents.move_indexing.dancers.dance import Dance
from agents.move_indexing.dancers.tracks import Track
from agents.move_indexing.motion import posture
from agents.move_indexing.motion.couple import couple_blocks
from agents.move_indexing.motion.rhythm import FEWEST, body_rhythm, repeats
from agents.move_indexing.motion.turns import facing, turns

VERSION = 2
MOTION_VALUES, AUDIO_VALUES = 384, 128
# Two clips' cosine is 0.8 of their motion's and 0.2 of their music's: moves are danced to many a song.
_MOTION_WEIGHT, _AUDIO_WEIGHT = 0.8**0.5, 0.2**0.5
# Of each group of blocks; within one, blocks weigh the same. What repeats is told least by who dances and from where
# one looks; rhythm alone differs most between two pieces of one clip.
_WEIGHTS = {"posture": 1.0, "speed": 1.0, "rhythm": 0.7, "repeats": 1.5, "couple": 1.0, "turns": 1.0, "wave": 1.0}
_CLIP_AT = 3.0
_SCALES = Path(__file__).with_name("scales.json")
_PIECE, _HOP, _LEAST_OF_A_PIECE = 60, 30, 15  # moments: six seconds, three apart

Groups = dict[str, dict[str, Floats]]


def embed(dance: Dance, tempo_bpm: float, audio: Sequence[float] | None) -> tuple[float, ...]:
    """The embedding of a clip: 384 values of motion, 128 of `audio` (0 where there is none), of length 1."""
    heard = np.zeros(AUDIO_VALUES) if audio is None else _unit(np.asarray(audio, float))
    whole = np.concatenate([_MOTION_WEIGHT * motion_part(dance, tempo_bpm), _AUDIO_WEIGHT * heard])
    return tuple(round(float(value), 7) for value in _unit(whole))


def motion_part(dance: Dance, tempo_bpm: float) -> Floats:
    """How a couple moves, (384,), of length 1; the last 11 are 0.

    In robust deviations from the usual, at most 3; each block, then each group, at length 1; groups weighted. What
    could not be measured counts as usual.
    """
    usual, scale = _scales()
    told = scaled(measured(dance, tempo_bpm), usual, scale)
    return np.concatenate([told, np.zeros(MOTION_VALUES - len(told))])


def measured(dance: Dance, tempo_bpm: float) -> Groups:
    """All that is measured, by group and block: statistics over the moments in which the dancers are seen."""
    front = dance.front
    couple = couple_blocks(dance, tempo_bpm)
    both = [track for track in (dance.lead, dance.follow) if track.seen.sum() >= FEWEST] or [front]
    return {
        "posture": {"angles": posture.angles(front), "hands": posture.hands(front), "feet": posture.feet(front)},
        "speed": {
            "bends": posture.bend_speeds(front),
            "joints": posture.joint_speeds(front),
            "travel": posture.travel(front),
        },
        "rhythm": {"body": body_rhythm(front, tempo_bpm), "couple": couple.pop("rhythm")},
        "repeats": {"body": repeats(front, tempo_bpm)},
        "couple": couple,
        "turns": {"front": facing(front), "both": _more_then_less([turns(t, tempo_bpm) for t in both])},
        "wave": {"front": posture.body_sway(front)},
    }


def features(dance: Dance, tempo_bpm: float) -> Floats:
    """`measured` in one row, before scaling: (373,)."""
    return np.concatenate([block for blocks in measured(dance, tempo_bpm).values() for block in blocks.values()])


def scaled(groups: Groups, usual: Floats, scale: Floats) -> Floats:
    """In robust deviations from the usual, at most 3; each block, then each group, at length 1; groups weighted.

    What could not be measured counts as usual.
    """
    parts, at = [], 0
    for name, blocks in groups.items():
        rows = []
        for block in blocks.values():
            here = slice(at, at + len(block))
            z = np.nan_to_num((block - usual[here]) / scale[here])
            rows.append(_unit(np.clip(z, -_CLIP_AT, _CLIP_AT)))
            at += len(block)
        parts.append(_WEIGHTS[name] * _unit(np.concatenate(rows)))
    return _unit(np.concatenate(parts))


def fit(clips: Sequence[tuple[Dance, float]]) -> None:
    """Measure anew what is usual, on some clips and pieces of them, without their names, and keep it beside this file.

    The median and the scaled median deviation of each feature, the latter 0.3 standard deviations at least.
    """
    table = np.array([features(piece, tempo) for dance, tempo in clips for piece in (dance, *_pieces(dance))])
    usual = np.nanmedian(table, axis=0)
    around, wide = 1.4826 * np.nanmedian(np.abs(table - usual), axis=0), np.nanstd(table, axis=0)
    scale = np.maximum(np.where(around > 1e-6, np.maximum(around, 0.3 * wide), wide), 1e-6)
    told = {"median": _rounded(usual), "deviation": _rounded(scale)}
    _SCALES.write_text(json.dumps(told) + "\n", encoding="utf-8")


def _pieces(dance: Dance) -> list[Dance]:
    count = len(dance.front.times)
    starts = range(0, count - _PIECE + 1, _HOP) if count >= _PIECE + _HOP // 2 else ()
    cuts = [_cut(dance, slice(start, start + _PIECE)) for start in starts]
    return [cut for cut in cuts if cut.front.seen.sum() >= _LEAST_OF_A_PIECE]


def _cut(dance: Dance, part: slice) -> Dance:
    front, lead, follow = (_cut_track(track, part) for track in (dance.front, dance.lead, dance.follow))
    return Dance(front, lead, follow, dance.dancers)


def _cut_track(track: Track, part: slice) -> Track:
    times = track.times[part] - track.times[part][0]
    return Track(times, track.xy[part], track.world[part], track.seen[part], track.found, track.confidence)


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


@lru_cache(maxsize=1)
def _scales() -> tuple[Floats, Floats]:
    """Median and scaled deviation of each feature over a set of clips, measured once and then kept.

    Fixed, so that a clip's embedding depends on that clip alone.
    """
    told = json.loads(_SCALES.read_text(encoding="utf-8"))
    return np.array(told["median"]), np.array(told["deviation"])


def _more_then_less(rows: list[Floats]) -> Floats:
    """Of two dancers the larger of each value, then the smaller; one dancer's twice."""
    return np.concatenate([np.max(rows, axis=0), np.min(rows, axis=0)])


def _unit(values: Floats) -> Floats:
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else values
