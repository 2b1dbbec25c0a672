"""Runs: consecutive slots in which one clip continues without a cut; each becomes a part of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.dance.parts import Part
from agents.dance.slots import Slot
from agents.playable import Run, offered_runs, with_partial_last_beat
from schemas.move_indexed import MoveSummary
from schemas.sequence_planned import ClipPart

_MIN_INTERVAL_S = 0.1  # between the effect and the beats beside it


@dataclass(frozen=True)
class ClipRun:
    """Consecutive slots, from `start` to `end`, exclusive, and the beats of one clip that are shown in them."""

    start: int
    end: int
    part: Part


def clip_runs(parts: Sequence[Part], start: int = 0) -> list[ClipRun]:
    """Group the slots from `start` on, each with its part, in which one clip continues."""
    runs: list[ClipRun] = []
    for slot, part in enumerate(parts, start):
        if runs and _continues(runs[-1].part, part):
            before = runs.pop()
            part = Part(part.clip, before.part.first, part.end, part.mirrored)  # noqa: PLW2901
            runs.append(ClipRun(before.start, slot + 1, part))
        else:
            runs.append(ClipRun(slot, slot + 1, part))
    return runs


def _continues(before: Part, after: Part) -> bool:
    return (before.clip, before.end, before.mirrored) == (after.clip, after.first, after.mirrored)


def clip_part(
    run: ClipRun,
    slots: Sequence[Slot],
    moves: Mapping[str, MoveSummary],
    terms: Mapping[str, float],
    hits: Mapping[float, float],
) -> ClipPart:
    """Return the part of the clip that a run shows.

    `hits`: by the song beat of an accent the time in the clip of the effect that is shown on it.
    """
    move, shown = moves[run.part.clip], slots[run.start : run.end]
    own = (*(time for slot in shown for time in slot.times[:-1]), shown[-1].times[-1])
    song, clip = _paired((*shown[0].before, *own, *shown[-1].after), move, run.part, shown)
    clip = _with_hits(song, clip, hits)
    return ClipPart(
        move=move.move,
        clip=move.name,
        clip_sha256=run.part.clip,
        song_beats=song,
        clip_beats=clip,
        stretch=round((song[-1] - song[0]) / (clip[-1] - clip[0]), 6),
        mirrored=run.part.mirrored,
        terms=dict(terms),
    )


def _with_hits(song: Sequence[float], clip: tuple[float, ...], hits: Mapping[float, float]) -> tuple[float, ...]:
    """Return the clip times with those of effects in place of the beats that the accents are on, but for the first."""
    times = list(clip)
    for n in range(1, len(times)):
        effect_s = hits.get(song[n])
        is_between = effect_s is not None and times[n - 1] + _MIN_INTERVAL_S < effect_s
        if effect_s is not None and is_between and (n + 1 == len(times) or effect_s < times[n + 1] - _MIN_INTERVAL_S):
            times[n] = effect_s
    return tuple(times)


def _paired(
    song: tuple[float, ...], move: MoveSummary, part: Part, slots: Sequence[Slot]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return song beats and the clip beats that are shown on them.

    Where a clip has too few beats before or after a part at an end of the dance, its outermost beat lasts longer.
    """
    run = next((run for run in offered_runs(move) if run.part(part.first, part.beats)), Run(0, move.beats))
    before, after = len(slots[0].before), len(slots[-1].after)
    missing_before = max(0, run.first - (part.first - before))
    missing_after = max(0, part.end + after - (run.first + len(run.beats) - 1))
    first, beats = part.first - before + missing_before, len(song) - 1 - missing_before - missing_after
    paired = (song[0], *song[1 + missing_before : len(song) - 1 - missing_after], song[-1])
    share = slots[-1].after_share if after else slots[-1].last_share
    return paired, with_partial_last_beat(run.part(first, beats), 1.0 if missing_after else share)
