"""Draw a plan in lines as in sheet music: the song's sections and energy above, the moves and their cuts below."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from agents.drawing.canvas import INK, LEFT_PX, MUTED, WIDTH_PX, Canvas, Scale, new_canvas, save_png, tint
from agents.drawing.section_colours import ENERGY_COLOUR, LIGHT_COLOURS, band_colour
from agents.drawing.text import TextStyle, printable, width_of
from agents.sequence_planning.plan_display import DisplayRow, PlanDisplay
from schemas.audio_analyzed import Section, clock
from schemas.sequence_planned import Grade

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRADE_COLOURS: Final[dict[Grade, str]] = {
    "A": "#0f9485",
    "B": "#5b9a3c",
    "C": "#c98a00",
    "D": "#d2571b",
    "F": "#a3122f",
}
_LINE_S, _MAX_LINES = 30.0, 16
_HEADER_PX, _MARGIN_PX, _LEGEND_PX = 112, 26, 64
_NAMES_PX, _ENERGY_PX, _GAP_PX, _MOVES_PX, _REASONS_PX, _LINE_GAP_PX = 22, 70, 14, 74, 44, 16
LINE_PX = _NAMES_PX + _ENERGY_PX + _GAP_PX + _MOVES_PX + _REASONS_PX + _LINE_GAP_PX
_SEAM_PX, _STRIPE_PX = 26, 8
_TITLE_STYLE, _FACTS_STYLE = TextStyle(30, INK, bold=True), TextStyle(19, INK)
_TIME_STYLE, _SIDE_STYLE = TextStyle(15, INK, align="right"), TextStyle(13, MUTED, align="right")
_ENERGY_STYLE = TextStyle(13, ENERGY_COLOUR, align="right")
_SECTION_STYLE, _GOES_ON_STYLE = TextStyle(15, INK, bold=True), TextStyle(15, INK)
_MOVE_STYLE, _PLACE_STYLE = TextStyle(15, INK, bold=True), TextStyle(13, INK)
_COUNTS_STYLE = TextStyle(13, MUTED)
_GRADE_STYLE = TextStyle(16, "white", bold=True, align="center")
_REASON_SIZE = 13
LEGEND = (
    ("A", "hold, feet and facing surely go on"),
    ("B", "they likely do"),
    ("C", "not all is known, the couple jumps, or a new one begins"),
    ("D", "some of it likely changes"),
    ("F", "a rule that must hold is broken"),
)


def draw(plan: PlanDisplay, target: Path) -> None:
    """Write a PNG of the plan, 1800 px wide."""
    save_png(figure(plan), target)


def figure(plan: PlanDisplay) -> Figure:
    """Return the picture: one axes whose coordinates are pixels from the upper left corner."""
    lines = lines_of(plan)
    legend_top = _HEADER_PX + LINE_PX * len(lines)
    picture, canvas = new_canvas(legend_top + _LEGEND_PX + _MARGIN_PX)
    canvas.text(LEFT_PX, 38, printable(plan.title) or "(no title)", _TITLE_STYLE, WIDTH_PX)
    canvas.text(LEFT_PX, 76, "   ·   ".join(plan.facts()), _FACTS_STYLE, WIDTH_PX)
    longest = max(line[-1].end_s - line[0].start_s for line in lines)
    colours = _colours(plan)
    for n, rows in enumerate(lines):
        scale = Scale(rows[0].start_s, rows[-1].end_s, longest)
        _draw_line(canvas, _HEADER_PX + n * LINE_PX, scale, plan, rows, colours)
    _legend(canvas, legend_top + _LEGEND_PX / 2)
    return picture


def lines_of(plan: PlanDisplay) -> list[list[DisplayRow]]:
    """Return the rows of each line: about 30 s, in a long song more, from a 1 to a 1 where there is one."""
    length = max(_LINE_S, (plan.end_s - plan.start_s) / _MAX_LINES)
    lines: list[list[DisplayRow]] = [[]]
    for row in plan.rows:
        is_full = lines[-1] and row.end_s - lines[-1][0].start_s > 1.02 * length
        if is_full and (row.counts.startswith("1") or row.end_s - lines[-1][0].start_s > 1.3 * length):
            lines.append([])
        lines[-1].append(row)
    return lines


def _colours(plan: PlanDisplay) -> dict[str, str]:
    """Return a colour for each clip, in the order of their first appearance."""
    clips = dict.fromkeys(row.clip_sha256 for row in plan.rows)
    return {clip: LIGHT_COLOURS[n % len(LIGHT_COLOURS)] for n, clip in enumerate(clips)}


def _draw_line(  # noqa: PLR0913, PLR0917
    canvas: Canvas, top: float, scale: Scale, plan: PlanDisplay, rows: Sequence[DisplayRow], colours: dict[str, str]
) -> None:
    energy_top = top + _NAMES_PX
    moves_top = energy_top + _ENERGY_PX + _GAP_PX
    for section in plan.sections:
        if section.start_s < scale.end_s and section.end_s > scale.start_s:
            _section(canvas, top, scale, section)
    _energy(canvas, energy_top, scale, plan)
    canvas.text(LEFT_PX - 8, moves_top + 19, clock(scale.start_s), _TIME_STYLE)
    canvas.text(LEFT_PX - 8, moves_top + 56, "phrase", _SIDE_STYLE)
    for _, run in groupby(_runs(rows), key=lambda each: each[0]):
        _move(canvas, moves_top, scale, [row for _, row in run], colours)
    for row in rows:
        if row.seam is not None:
            _seam(canvas, moves_top, scale, row, rows)


def _runs(rows: Sequence[DisplayRow]) -> list[tuple[int, DisplayRow]]:
    """Return each row with the number of the run of rows in which its clip goes on."""
    numbered: list[tuple[int, DisplayRow]] = []
    for row in rows:
        number = numbered[-1][0] if numbered and row.goes_on else len(numbered)
        numbered.append((number, row))
    return numbered


def _section(canvas: Canvas, top: float, scale: Scale, section: Section) -> None:
    left, right = scale.x(section.start_s), scale.x(section.end_s)
    canvas.box(left, top + _NAMES_PX, right - left, _ENERGY_PX, band_colour(section.repeat_group))
    y, name = top + _NAMES_PX / 2, f"{section.label} {section.letter}"
    names = (f"{name} · {section.rhythm}", name, section.letter) if section.rhythm != "none" else (name, section.letter)
    if section.start_s < scale.start_s:
        return canvas.text_that_fits(left + 2, y, names, _GOES_ON_STYLE, right - left - 4)
    canvas.vertical_lines(np.array([left]), top, _NAMES_PX + _ENERGY_PX, INK, 2)
    texts = (f"{clock(section.start_s)}  {names[0]}", *names)
    return canvas.text_that_fits(left + 6, y, texts, _SECTION_STYLE, right - left - 8)


def _energy(canvas: Canvas, top: float, scale: Scale, plan: PlanDisplay) -> None:
    beats, energy = np.array(plan.beats, float), np.array(plan.energy, float)
    inside = (beats >= scale.start_s) & (beats <= scale.end_s)
    xs, ys = scale.xs(beats[inside]), top + _ENERGY_PX * (1 - energy[inside])
    canvas.area(xs, ys, np.full(len(xs), top + _ENERGY_PX), ENERGY_COLOUR, 0.16)
    canvas.curve(xs, ys, ENERGY_COLOUR, 2)
    canvas.text(LEFT_PX - 8, top + _ENERGY_PX / 2, "energy", _ENERGY_STYLE)


def _move(canvas: Canvas, top: float, scale: Scale, run: Sequence[DisplayRow], colours: dict[str, str]) -> None:
    """Draw a box for a run of a clip, with its name once, and a line for each eight in it."""
    left, right = scale.x(run[0].start_s), scale.x(run[-1].end_s)
    colour = colours[run[0].clip_sha256]
    canvas.box(left + 1, top, right - left - 2, _MOVES_PX, tint(colour, 0.2))
    canvas.box(left + 1, top + _MOVES_PX - _STRIPE_PX, right - left - 2, _STRIPE_PX, colour)
    inner = np.array([scale.x(row.start_s) for row in run[1:]])
    canvas.vertical_lines(inner, top + 30, _MOVES_PX - 42, MUTED, 1)
    room = right - left - 24
    canvas.text(left + 18, top + 19, printable(run[0].clip), _MOVE_STYLE, room)
    for row in run:
        x, width = scale.x(row.start_s), scale.x(row.end_s) - scale.x(row.start_s)
        words = [row.place, *(["mirrored"] if row.mirrored else [])]
        canvas.text(x + 18, top + 39, " · ".join(words), _PLACE_STYLE, width - 24)
        facts = [f"{row.phrase}", *([row.counts] if row.counts != "1-8" else [])]
        tempo = tempo_text(row.stretch)
        canvas.text(x + 18, top + 56, "   ".join(filter(None, [*facts, tempo])), _COUNTS_STYLE, width - 24)


def tempo_text(stretch: float) -> str:
    """Return how much faster or slower a clip is played than it was danced; nothing up to 3 %, which no one sees."""
    return f"tempo {100 / stretch - 100:+.0f} %" if abs(stretch - 1) > 0.03 else ""


def _seam(canvas: Canvas, top: float, scale: Scale, row: DisplayRow, rows: Sequence[DisplayRow]) -> None:
    """Draw the grade of a cut on the line between two moves, and below the reason of one that is not good."""
    if row.seam is None:
        return
    x, colour = scale.x(row.start_s), GRADE_COLOURS[row.seam.grade]
    canvas.box(x - 2, top - _GAP_PX / 2, 4, _MOVES_PX + _GAP_PX, colour)
    canvas.box(x - _SEAM_PX / 2, top - _SEAM_PX / 2, _SEAM_PX, _SEAM_PX, colour)
    canvas.text(x, top + 1, row.seam.grade, _GRADE_STYLE)
    if row.seam.grade in {"A", "B"}:
        return
    later = [each.start_s for each in rows if each.start_s > row.start_s and each.seam and each.seam.grade not in "AB"]
    room = scale.x(later[0] if later else rows[-1].end_s) - x - 12
    style = TextStyle(_REASON_SIZE, colour)
    for n, line in enumerate(_two_lines(row.seam.reason)):
        canvas.text(x, top + _MOVES_PX + 16 + 17 * n, line, style, room)


def _two_lines(reason: str) -> list[str]:
    parts = reason.split("; ")
    half = (len(parts) + 1) // 2
    return ["; ".join(part) for part in (parts[:half], parts[half:]) if part]


def _legend(canvas: Canvas, y: float) -> None:
    x: float = LEFT_PX
    for grade, text in LEGEND:
        style = TextStyle(15, INK)
        canvas.box(x, y - _SEAM_PX / 2, _SEAM_PX, _SEAM_PX, GRADE_COLOURS[grade])  # type: ignore[index]
        canvas.text(x + _SEAM_PX / 2, y + 1, grade, _GRADE_STYLE)
        canvas.text(x + _SEAM_PX + 8, y, text, style)
        x += _SEAM_PX + 8 + width_of(text, style) + 32
