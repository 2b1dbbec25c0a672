"""The rows of a dance of which some slots show something else: all others stay as a person wrote them."""

from __future__ import annotations

from collections.abc import Sequence

from agents.dance.dance_grid import DanceGrid
from agents.dance.parts import Part
from agents.playable import nearest_beat
from agents.sequence_planning.opened_plan import OpenedPlan
from agents.sequence_planning.plan_rows import clip_name, clock, section_name
from agents.sequence_planning.slot_pieces import song_grid
from schemas.plan_file import PlanFile, PlanRow


def with_parts(opened: OpenedPlan, slots: Sequence[int], parts: Sequence[Part]) -> PlanFile:
    """Return the file of a dance with other parts of clips in some slots, which follow each other.

    A row that lasts longer than these slots ends before them, and goes on after them in a row of its own.
    """
    file, dance = opened.file, opened.dance
    grid = song_grid(opened.heard.analysis, opened.heard.options)
    first, after = slots[0], slots[-1] + 1
    edges = [nearest_beat(grid.times, row.at_s) for row in file.dance]
    start = nearest_beat(grid.times, dance.slots[first].times[0])
    stop = nearest_beat(grid.times, dance.slots[after - 1].times[-1])
    before = [row for row, edge in zip(file.dance, edges, strict=True) if first and edge < start]
    behind = [row for row, edge in zip(file.dance, edges, strict=True) if after < len(dance.slots) and edge >= stop]
    changed = [_row(opened, n, part, grid) for n, part in zip(slots, parts, strict=True)]
    if after < len(dance.slots) and stop not in edges:
        changed.append(_row(opened, after, dance.parts[after], grid))
    rows = (*before, *changed, *behind)
    return file.model_copy(update={"dance": rows, "starts": _starts(opened, first, grid)})


def _row(opened: OpenedPlan, n: int, part: Part, grid: DanceGrid) -> PlanRow:
    """Return the row of a slot that shows a part."""
    slot, move = opened.dance.slots[n], opened.file.moves[part.clip]
    starts = sorted(eight.start_beat for eight in move.eights)
    is_eight = part.first in starts
    return PlanRow(
        at=clock(slot.times[0], grid.times),
        counts=opened.dance.counts[n],
        section=section_name(opened.heard.analysis, slot),
        clip=clip_name(part.clip, opened.file.moves),
        eight=starts.index(part.first) + 1 if is_eight else None,
        beat=None if is_eight else part.first + 1,
        mirrored=part.mirrored,
    )


def _starts(opened: OpenedPlan, first: int, grid: DanceGrid) -> str | None:
    """Return when the dance starts, if before its first row: where that begins later now, by what lies before it."""
    before = opened.dance.slots[0].before
    if first or opened.file.starts or not before:
        return opened.file.starts
    return clock(before[0], grid.times)
