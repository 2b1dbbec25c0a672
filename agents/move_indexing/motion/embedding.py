"""Compute a clip's embedding of 512 values, from its dancers' motion and its sound.

It depends on the clip's pictures and sound, and on constants of the program; never on a name.
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
from agents.move_indexing.motion.couple import couple_features
from agents.move_indexing.motion.rhythm import MIN_TRACKED_SAMPLES, autocorrelations, body_rhythm
from agents.move_indexing.motion.turns import facing, turns

MOTION_VALUES, AUDIO_VALUES = 384, 128
# The cosine of two clips is 0.8 times that of their motion plus 0.2 times that of their sound: a move can be danced to
# many songs.
_MOTION_WEIGHT, _AUDIO_WEIGHT = 0.8**0.5, 0.2**0.5
# Weight of each group of blocks; within a group, all blocks weigh the same. Autocorrelation depends least on the
# dancers and the camera position; rhythm differs most between two segments of one clip.
_GROUP_WEIGHTS = {
    "posture": 1.0, "speed": 1.0, "rhythm": 0.7, "autocorrelation": 1.5, "couple": 1.0, "turns": 1.0, "body_sway": 1.0,
}  # fmt: skip
_MAX_DEVIATIONS = 3.0
_SCALES_FILE = Path(__file__).with_name("scales.json")
_SEGMENT_SAMPLES, _HOP_SAMPLES = 60, 30  # six seconds, every three seconds
_MIN_TRACKED_SEGMENT_SAMPLES = 15

Groups = dict[str, dict[str, Floats]]


def embed(dance: Dance, tempo_bpm: float, audio: Sequence[float] | None) -> tuple[float, ...]:
    """Return a clip's embedding: 384 values of motion, 128 of `audio` (0 where there is none), of length 1."""
    sound = np.zeros(AUDIO_VALUES) if audio is None else _unit(np.asarray(audio, float))
    embedding = np.concatenate([_MOTION_WEIGHT * motion_embedding(dance, tempo_bpm), _AUDIO_WEIGHT * sound])
    return tuple(round(float(value), 7) for value in _unit(embedding))


def motion_embedding(dance: Dance, tempo_bpm: float) -> Floats:
    """Return the embedding of a couple's motion: (384,), of length 1; the last 11 values are 0."""
    median, deviation = _scales()
    values = standardized(feature_groups(dance, tempo_bpm), median, deviation)
    return np.concatenate([values, np.zeros(MOTION_VALUES - len(values))])


def feature_groups(dance: Dance, tempo_bpm: float) -> Groups:
    """Return all motion features by group and block: statistics over the samples in which the dancers are tracked."""
    front = dance.front
    couple = couple_features(dance, tempo_bpm)
    both = [track for track in (dance.lead, dance.follow) if track.tracked.sum() >= MIN_TRACKED_SAMPLES] or [front]
    return {
        "posture": {"angles": posture.angles(front), "hands": posture.hands(front), "feet": posture.feet(front)},
        "speed": {
            "bends": posture.bend_speeds(front),
            "joints": posture.joint_speeds(front),
            "travel": posture.travel(front),
        },
        "rhythm": {"body": body_rhythm(front, tempo_bpm), "couple": couple.pop("rhythm")},
        "autocorrelation": {"body": autocorrelations(front, tempo_bpm)},
        "couple": couple,
        "turns": {"front": facing(front), "both": _larger_then_smaller([turns(t, tempo_bpm) for t in both])},
        "body_sway": {"front": posture.body_sway(front)},
    }


def feature_vector(dance: Dance, tempo_bpm: float) -> Floats:
    """Return `feature_groups` as one vector, before standardizing: (373,)."""
    return np.concatenate([block for blocks in feature_groups(dance, tempo_bpm).values() for block in blocks.values()])


def standardized(groups: Groups, median: Floats, deviation: Floats) -> Floats:
    """Return the features as robust deviations from the median, within -3 to 3, weighted, as one vector of length 1.

    Each block, then each group, is scaled to length 1, and groups are weighted. Features that could not be measured
    (NaN) count as the median.
    """
    weighted, start = [], 0
    for name, blocks in groups.items():
        rows = []
        for block in blocks.values():
            columns = slice(start, start + len(block))
            z = np.nan_to_num((block - median[columns]) / deviation[columns])
            rows.append(_unit(np.clip(z, -_MAX_DEVIATIONS, _MAX_DEVIATIONS)))
            start += len(block)
        weighted.append(_GROUP_WEIGHTS[name] * _unit(np.concatenate(rows)))
    return _unit(np.concatenate(weighted))


def fit_scales(clips: Sequence[tuple[Dance, float]]) -> None:
    """Measure median and deviation of each feature on clips and their segments, and write them to `scales.json`.

    The deviation is 1.4826 times the median absolute deviation, and at least 0.3 standard deviations. The clips' names
    are not used.
    """
    rows = [feature_vector(dance, tempo_bpm) for whole, tempo_bpm in clips for dance in (whole, *_segments(whole))]
    table = np.array(rows)
    median, std = np.nanmedian(table, axis=0), np.nanstd(table, axis=0)
    mad = 1.4826 * np.nanmedian(np.abs(table - median), axis=0)
    deviation = np.maximum(np.where(mad > 1e-6, np.maximum(mad, 0.3 * std), std), 1e-6)
    scales = {"median": _rounded(median), "deviation": _rounded(deviation)}
    _SCALES_FILE.write_text(json.dumps(scales) + "\n", encoding="utf-8")


def _segments(dance: Dance) -> list[Dance]:
    count = len(dance.front.times)
    is_long = count >= _SEGMENT_SAMPLES + _HOP_SAMPLES // 2
    starts = range(0, count - _SEGMENT_SAMPLES + 1, _HOP_SAMPLES) if is_long else ()
    segments = [_segment(dance, slice(start, start + _SEGMENT_SAMPLES)) for start in starts]
    return [segment for segment in segments if segment.front.tracked.sum() >= _MIN_TRACKED_SEGMENT_SAMPLES]


def _segment(dance: Dance, samples: slice) -> Dance:
    front, lead, follow = (_track_segment(track, samples) for track in (dance.front, dance.lead, dance.follow))
    return Dance(front, lead, follow, dance.dancers)


def _track_segment(track: Track, samples: slice) -> Track:
    times = track.times[samples] - track.times[samples][0]
    xy, world, tracked = track.xy[samples], track.world[samples], track.tracked[samples]
    return Track(times, xy, world, tracked, track.detected_share, track.confidence)


def _rounded(values: Floats) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


@lru_cache(maxsize=1)
def _scales() -> tuple[Floats, Floats]:
    """Return median and deviation of each feature, (373,) each, measured once on a set of clips by `fit_scales`.

    They are constant, so that a clip's embedding depends on that clip alone.
    """
    scales = json.loads(_SCALES_FILE.read_text(encoding="utf-8"))
    return np.array(scales["median"]), np.array(scales["deviation"])


def _larger_then_smaller(rows: list[Floats]) -> Floats:
    """Return the larger of two dancers' values, then the smaller; a single dancer's values twice."""
    return np.concatenate([np.max(rows, axis=0), np.min(rows, axis=0)])


def _unit(values: Floats) -> Floats:
    length = float(np.linalg.norm(values))
    return values / length if length > 0 else values
