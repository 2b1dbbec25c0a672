"""Measure the CPU time of what indexing a clip does for its boundaries, beyond detection, sound and embedding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from agents.media import mezzanine
from agents.media.beat_pictures import beat_pictures
from agents.move_indexing.boundaries.of_clip import with_contents
from agents.move_indexing.boundaries.states import boundary_states
from agents.move_indexing.boundaries.tracked_couple import TrackedCouple
from agents.move_indexing.clip_beats import clip_beats_of
from agents.move_indexing.clip_counts import counted
from agents.move_indexing.indexed_move import IndexedMove
from agents.move_indexing.look import beats_to_look_at, look_of
from agents.move_indexing.steps.free_feet import free_feet
from tests.quality.costs import cpu_s
from tests.quality.seam_clips import SeamClip
from tests.quality.seam_states import unknown_feet


def costs(clips: Sequence[SeamClip]) -> Iterator[tuple[str, float]]:
    """Yield each part of the work and the CPU seconds that it needs for a second of a clip."""
    moves = {clip: clip.move for clip in clips if clip.move}
    seconds = sum(move.clip.duration_s for move in moves.values())
    works = [_works(clip, move) for clip, move in moves.items()]
    for name in works[0]:
        yield name, sum(cpu_s(work[name])[0] for work in works) / seconds


def _works(clip: SeamClip, move: IndexedMove) -> dict[str, Callable[[], object]]:
    dance, detections = clip.dance, clip.detections
    beats = clip_beats_of(clip.path, move.clip, None, detections.windows)
    return {
        "counts": partial(counted, beats, dance, detections.windows, None),
        "free feet": partial(free_feet, dance.lead, dance.follow, move.beats, move.counts, move.count_confidence),
        "look": partial(_look, clip, move),
        "states and contents": partial(_states, clip, move),
    }


def _states(clip: SeamClip, move: IndexedMove) -> object:
    couple = TrackedCouple.of(clip.dance.lead, clip.dance.follow, clip.detections.size)
    indices, feet = [boundary.beat for boundary in move.boundaries], unknown_feet(len(move.beats))
    states = boundary_states(couple, move.beats, indices, feet)
    return states, with_contents(couple, move.beats, move.eights)


def _look(clip: SeamClip, move: IndexedMove) -> object:
    made = mezzanine.ensure(clip.path, clip.sha256, move.beats, "balanced", clip.cache)
    pictures = beat_pictures(made, beats_to_look_at(made.beats), clip.detections.size)
    return look_of(clip.dance, clip.detections, pictures)
