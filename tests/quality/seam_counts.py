"""Compare the counts of clips with labels of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from schemas.boundary import Side
from tests.paths import DEMO
from tests.quality.seam_clips import SeamClip
from tests.quality.seam_labels import BoundaryLabel, CountLabel
from tests.quality.seam_scores import Answer

LEFT_OF_LEAD = (1, 3, 6, 8)  # counts on which the lead's left foot and the follow's right foot step or tap
MAX_BEAT_S = 0.2  # between a labelled beat and the clip's
NO_BEAT = "-"


class CountedClip(NamedTuple):
    """By how many counts the sound alone and the move are off at the labelled beats, and the move's confidence.

    Off by 4: the 1 and the 5 are swapped. `NO_BEAT`: there is no beat; several values: the labelled beats differ.
    """

    clip: str
    sound_off: str
    move_off: str
    confidence: float

    @property
    def answer(self) -> Answer:
        """Return whether the move's counts are right."""
        return Answer(self.move_off == "0", self.confidence)


def counted_clip(clip: SeamClip, labels: Sequence[CountLabel]) -> CountedClip | None:
    """Return the comparison of a clip with its labels; None without any, or where the clip is refused."""
    right = [(each.beats_s[0], each.count_of_beat_0) for each in labels if each.clip == clip.name]
    known = [(beat_s, count) for beat_s, count in right if count is not None]
    return _compared(clip, known) if known else None


def demo_counted_clip(clip: SeamClip) -> CountedClip | None:
    """Return the comparison of a demo clip with its exact beats."""
    facts = json.loads((DEMO / "clips" / f"{clip.name}.json").read_text(encoding="utf-8"))
    return _compared(clip, [(facts["beats"][0], facts["counts"][0]), (facts["beats"][12], facts["counts"][12])])


def feet_by_counts(clip: SeamClip, labels: Sequence[BoundaryLabel], counted: CountLabel | None = None) -> list[Answer]:
    """Return whether the labelled free feet are those of the count in the basic: the sound's, or a labelled one."""
    sound = clip.sound
    later = 0
    if counted and counted.count_of_beat_0:
        later = counted.count_of_beat_0 - sound.counts[_nearest(sound.beats, counted.beats_s[0])]
    answers = []
    for label in labels:
        count = (sound.counts[_nearest(sound.beats, label.time_s)] + later - 1) % 8 + 1
        feet: tuple[Side, Side] = ("left", "right") if count in LEFT_OF_LEAD else ("right", "left")
        both = zip(feet, (label.lead_free_foot, label.follow_free_foot), strict=True)
        answers += [Answer(foot == labelled, 1.0) for foot, labelled in both if labelled]
    return answers


def _compared(clip: SeamClip, right: Sequence[tuple[float, int]]) -> CountedClip | None:
    move = clip.move
    if move is None:
        return None
    sound = clip.sound
    of_sound, of_move = _off(sound.beats, sound.counts, right), _off(move.beats, move.counts, right)
    return CountedClip(clip.name, of_sound, of_move, move.count_confidence)


def _off(beats: Sequence[float], counts: Sequence[int], right: Sequence[tuple[float, int]]) -> str:
    """Return by how many counts the labelled beats are off, each different value once."""
    off = []
    for beat_s, count in right:
        nearest = _nearest(beats, beat_s)
        is_near = abs(beats[nearest] - beat_s) <= MAX_BEAT_S
        off.append(str((counts[nearest] - count) % 8) if is_near else NO_BEAT)
    return "/".join(dict.fromkeys(off))


def _nearest(beats: Sequence[float], time_s: float) -> int:
    return int(np.argmin(np.abs(np.array(beats) - time_s)))
