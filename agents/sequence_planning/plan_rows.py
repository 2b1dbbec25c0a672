"""The rows of a plan, as a person reads and edits them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.dance.dance_grid import DanceGrid
from agents.dance.music import section_at
from agents.dance.slots import Slot
from agents.playable import nearest_beat
from agents.sequence_planning.slot_pieces import ON_BEAT_S, pieces_between
from schemas.audio_analyzed import AudioAnalysis
from schemas.move_indexed import MoveSummary
from schemas.plan_file import PlanRow, clock_text, seconds_of
from schemas.sequence_planned import Plan, Segment

_MAX_DECIMALS = 7


def rows_of(
    plan: Plan, analysis: AudioAnalysis, grid: DanceGrid, moves: Mapping[str, MoveSummary]
) -> tuple[tuple[PlanRow, ...], str | None, str]:
    """Return the rows of a plan, one for each slot, and when it starts, if before the first, and ends.

    `grid`: of the song, as `song_grid`.
    """
    edges = [nearest_beat(grid.times, segment.song_start_s) for segment in plan.segments]
    moved = {edge: segment.song_start_s for edge, segment in zip(edges, plan.segments, strict=True)}
    moved |= dict(_beside_beats(plan, grid))
    end = nearest_beat(grid.times, plan.end_s)
    pieces = pieces_between(grid, sorted({*edges, *moved, end}))
    rows = []
    for piece in pieces:
        number = max(0, sum(edge <= piece.first for edge in edges) - 1)
        segment = plan.segments[number]
        slot = piece.slot(grid, {})
        at = moved.get(piece.first, slot.times[0])
        rows.append(
            PlanRow(
                at=clock(at, grid.times),
                counts=piece.counts(grid),
                section=section_name(analysis, slot),
                clip=clip_name(segment.clip_sha256, moves),
                mirrored=segment.mirrored,
                **_place_in_clip(segment, slot, piece.first - edges[number], moves[segment.clip_sha256]),
            )
        )
    starts = clock(plan.start_s, grid.times) if pieces[0].start < pieces[0].first else None
    return tuple(rows), starts, clock(plan.end_s, grid.times)


def _beside_beats(plan: Plan, grid: DanceGrid) -> Iterator[tuple[int, float]]:
    """Yield the beats inside of segments that a person wrote beside a beat of the song: a row begins there."""
    for segment in plan.segments:
        for time_s in segment.song_beats[1:-1]:
            beat = nearest_beat(grid.times, time_s)
            if abs(grid.times[beat] - time_s) > ON_BEAT_S:
                yield beat, time_s


def section_name(analysis: AudioAnalysis, slot: Slot) -> str:
    """Return the label and the letter of the section at the middle of a slot, or nothing."""
    _, section = section_at(analysis.sections, (slot.times[0] + slot.times[-1]) / 2)
    return f"{section.label} {section.letter}" if section else ""


def clock(time_s: float, beats: Sequence[float]) -> str:
    """Return the shortest text, with two decimals at least, that is read as this time."""
    for decimals in range(2, _MAX_DECIMALS):
        text = clock_text(time_s, decimals)
        read = seconds_of(text)
        beat = beats[nearest_beat(beats, read)]
        if (beat if abs(read - beat) <= ON_BEAT_S else read) == time_s:
            return text
    return clock_text(time_s, _MAX_DECIMALS)


def clip_name(sha: str, moves: Mapping[str, MoveSummary]) -> str:
    """Return the name by which a row names a clip: its own, or its SHA-256 where another has the same."""
    name = moves[sha].name
    is_only_one = sum(move.name == name for move in moves.values()) == 1
    return name if is_only_one else sha


def _place_in_clip(segment: Segment, slot: Slot, into: int, move: MoveSummary) -> dict[str, Any]:
    """Return where a slot of a segment begins in its clip, as a row says it. `into`: beats from the segment's start."""
    first = _first_beat(segment, slot, move)
    if first is None:
        return {"from_s": segment.clip_beats[min(into, len(segment.clip_beats) - 1)]}
    starts = sorted(eight.start_beat for eight in move.eights)
    return {"eight": starts.index(first) + 1} if first in starts else {"beat": first + 1}


def _first_beat(segment: Segment, slot: Slot, move: MoveSummary) -> int | None:
    """Return the index of the clip's beat that is shown on the slot's first one, None where it is on no beat.

    The outermost beats of a segment may last longer than one, or end earlier than in the clip: the others tell.
    """
    clip_beats = dict(zip(segment.song_beats, segment.clip_beats, strict=True))
    for beats, time in enumerate(slot.times):
        beat = clip_beats.get(time)
        is_outermost = beat in {segment.clip_beats[0], segment.clip_beats[-1]} and len(segment.clip_beats) > 3
        if beat is not None and not is_outermost and beat in move.beats:
            return move.beats.index(beat) - beats
    start = segment.clip_beats[0]
    return move.beats.index(start) if start in move.beats else None
