"""What is shown of a plan: as data, and as a picture in which nothing lies over another thing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from agents.drawing.canvas import CANVAS_PX, LEFT_PX, WIDTH_PX
from agents.sequence_planning.make_display import display_of
from agents.sequence_planning.opened_plan import opened
from agents.sequence_planning.picture.draw import GRADE_COLOURS, draw, figure, lines_of, tempo_text
from agents.sequence_planning.plan_display import PlanDisplay
from schemas.audio_analyzed import Section
from schemas.base import Options
from schemas.plan_file import PlanRow
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.plan_files import EIGHTS, planned, written

_MOVES = [
    make_move(number, eights=3, move=f"move_{number}", count_confidence=0.9, tempo_bpm=110 + 10 * number)
    for number in range(5)
]


def _section(start: float, end: float, label: str, rhythm: str, group: int) -> Section:
    values = {"start_s": start, "end_s": end, "label": label, "rhythm": rhythm, "repeat_group": group}
    return Section.model_validate(values)


def _sections(seconds: float) -> tuple[Section, ...]:
    return (
        _section(0, seconds / 3, "verse", "derecho", 0),
        _section(seconds / 3, 2 * seconds / 3, "chorus", "majao", 1),
        _section(2 * seconds / 3, seconds, "outro", "none", 2),
    )


def _plan(eights: int = 24) -> PlanDisplay:
    song = make_analysis(EIGHTS * eights, sections=_sections(eights * 3.8))
    return display_of(opened(planned(song, _MOVES, Options(duration="full"))[1]))


def test_rows_cover_the_dance_and_say_what_is_danced() -> None:
    plan = _plan()
    assert [row.phrase for row in plan.rows] == list(range(1, len(plan.rows) + 1))
    assert all(before.end_s == after.start_s for before, after in zip(plan.rows, plan.rows[1:], strict=False))
    assert {row.section for row in plan.rows} == {"verse A", "chorus B", "outro C"}
    assert all(row.goes_on == (row.seam is None) for row in plan.rows[1:])
    assert not plan.rows[0].goes_on
    assert sum(plan.grades.values()) == sum(row.seam is not None for row in plan.rows)
    lost = -sum(points for row in plan.rows for points in row.terms.values())
    assert lost == pytest.approx(plan.points, abs=0.01 * len(plan.rows) * 10)


def test_a_row_says_where_it_begins_in_its_clip() -> None:
    song = make_analysis(EIGHTS * 4, first_s=0.48)
    rows = [
        PlanRow(at="0:00.48", clip="clip_1", eight=2, mirrored=True),
        PlanRow(at="0:04.32", clip="clip_2", beat=5),
    ]
    first, second = display_of(opened(written(song, _MOVES, rows, "0:08.16"))).rows
    assert (first.clip, first.place, first.mirrored) == ("clip_1", "eight 2", True)
    assert (second.place, second.clip_s, second.at) == ("beat 5", _MOVES[2].beats[4], "0:04.32")
    assert second.stretch == pytest.approx(130 / 125, abs=0.01)


def test_the_tempo_of_a_last_beat_that_is_cut_short_is_that_of_the_others() -> None:
    song = make_analysis([*EIGHTS * 3, 1, 2, 3, 4], tail_s=0.2)
    last = display_of(opened(planned(song, _MOVES, Options(duration="full"))[1])).rows[-1]
    tempo = next(move.tempo_bpm for move in _MOVES if move.name == last.clip)
    assert last.stretch == pytest.approx(tempo / 125, abs=0.02)


@pytest.mark.parametrize(("stretch", "text"), [(1.0, ""), (1.029, ""), (0.9, "tempo +11 %"), (1.25, "tempo -20 %")])
def test_a_tempo_that_can_be_seen_is_said(stretch: float, text: str) -> None:
    assert tempo_text(stretch) == text


@pytest.mark.parametrize("eights", [2, 9, 30, 120])
def test_each_row_is_in_one_line_of_the_picture(eights: int) -> None:
    plan = _plan(eights)
    lines = lines_of(plan)
    assert [row for line in lines for row in line] == list(plan.rows)
    assert len(lines) <= 20
    lengths = [line[-1].end_s - line[0].start_s for line in lines]
    assert max(lengths) <= max(40.0, plan.rows[-1].end_s / 12)


def test_the_picture_names_each_clip_and_grades_each_cut() -> None:
    plan = _plan()
    texts = [text.get_text() for text in _texts(plan)]
    for row in plan.rows:
        assert any(text.startswith(row.clip[:6]) for text in texts)
    assert texts.count("A") + texts.count("B") + texts.count("C") + texts.count("D") + texts.count("F") == (
        sum(plan.grades.values()) + len(GRADE_COLOURS)
    )


@pytest.mark.parametrize("eights", [3, 24, 60])
def test_no_text_is_outside_of_the_picture_or_over_another(eights: int) -> None:
    plan = _plan(eights)
    picture = figure(plan)
    renderer = FigureCanvasAgg(picture).get_renderer()
    boxes = [(text, text.get_window_extent(renderer)) for text in picture.axes[0].texts if text.get_text()]
    for text, box in boxes:
        assert box.x0 >= 0, text
        assert box.x1 <= CANVAS_PX, text
    for n, (text, box) in enumerate(boxes):
        over = [other.get_text() for other, its in boxes[n + 1 :] if box.overlaps(its)]
        assert not over, (text.get_text(), over)


def test_a_title_may_be_any_text(tmp_path: Path) -> None:
    for title in ("$x_", "W" * 500, "\u202eolleh", ""):
        draw(_plan(4).model_copy(update={"title": title}), tmp_path / "plan.png")
        picture = cv2.imread(str(tmp_path / "plan.png"))
        assert picture is not None
        assert picture.shape[1] == CANVAS_PX


def test_the_moves_fill_the_lines(tmp_path: Path) -> None:
    plan = _plan()
    draw(plan, tmp_path / "plan.png")
    picture = cv2.imread(str(tmp_path / "plan.png"))
    assert picture is not None
    line = picture[112 + 22 + 70 + 14 + 30, LEFT_PX + 3 : LEFT_PX + WIDTH_PX - 3]
    white = np.all(line == 255, axis=1)
    assert white.mean() < 0.2, "the first line has no boxes of moves"


def _texts(plan: PlanDisplay) -> list[Text]:
    return list(figure(plan).axes[0].texts)
