"""Plan files are written so that a person can edit their rows, and read with a line for each error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.base import Options, RuleChange
from schemas.faults import Poison
from schemas.plan_file import PlanFile, PlanRow, clock_text, seconds_of
from streams.files.plan_files import plan_text, read_plan
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.plan_files import EIGHTS, written

_MOVES = [make_move(number, eights=3) for number in range(3)]


def _plan() -> PlanFile:
    song = make_analysis(EIGHTS * 4, first_s=0.48)
    rows = [
        PlanRow(at="0:00.48", counts="1-8", section="verse A", clip="clip_1", eight=2),
        PlanRow(at="0:04.32", counts="1-8", section="chorus B", clip="clip_2", beat=9, mirrored=True),
    ]
    return written(song, _MOVES, rows, "0:08.16")


def _file(tmp_path: Path, *edits: tuple[str, str]) -> Path:
    text = plan_text(_plan())
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    file = tmp_path / "plan.json"
    file.write_text(text)
    return file


def test_a_plan_is_the_same_after_it_was_written_and_read(tmp_path: Path) -> None:
    options = Options(duration="30s", seed=3, rules={"hold": RuleChange(points=5)})
    plan = _plan().model_copy(update={"starts": "0:00.00"})
    plan = plan.model_copy(update={"request": plan.request.model_copy(update={"options": options})})
    file = tmp_path / "plan.json"
    file.write_text(plan_text(plan))
    assert read_plan(file) == plan


def test_each_row_has_a_line_with_its_fields_below_those_of_the_others(tmp_path: Path) -> None:
    lines = [line for line in _file(tmp_path).read_text().splitlines() if '"at"' in line]
    assert lines == [
        '  {"at": "0:00.48", "counts": "1-8", "section": "verse A",  "clip": "clip_1", "eight": 2},',
        '  {"at": "0:04.32", "counts": "1-8", "section": "chorus B", "clip": "clip_2", "beat": 9, "mirrored": true}',
    ]


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        (('"at": "0:04.32"', '"at": "4.32"'), "row 2: at: write minutes and seconds, such as 0:07.70"),
        (('"mirrored"', '"mirored"'), "row 2: there is no field 'mirored': the fields are at, beat, clip, counts, "),
        (('"eight": 2', '"eight": 0'), "row 1: eight: Input should be greater than or equal to 1"),
        (('"eight": 2', '"eight": 2, "beat": 3'), "row 1: say by one of eight, beat or from_s where the clip begins"),
        (('"eight": 2', '"mirrored": false'), "row 1: say by one of eight, beat or from_s where the clip begins"),
        (('"at": "0:04.32"', '"at": "0:00.32"'), "row 2: it begins at or before the start of row 1: put the rows in o"),
        (('"ends": "0:08.16"', '"ends": "0:04.00"'), "the dance ends at or before the start of row 2: put the rows in"),
        (
            ('"ends": "0:08.16"', '"starts": "0:01.00", "ends": "0:08.16"'),
            "starts: the dance starts after row 1 begins",
        ),
        (('"ends": "0:08.16"', '"starts": "1.0", "ends": "0:08.16"'), "starts: write minutes and seconds, such as 0:0"),
        (('"kind": "audio"', '"kind": "video"'), "request: the song must be audio"),
        (('"duration_s": 1000.0', '"duration_s": 3.0'), "the beats and sections end at 16.1 s, the file at 3.0 "),
        (
            ('"ends": "0:08.16"', '"music": [{"start_s": 0.48, "end_s": 1200}], "ends": "0:08.16"'),
            "the parts of the song end at 1200.0 s, the file at 1000.0 s",
        ),
        (
            (f'"{_MOVES[0].clip.sha256}": {{"clip"', f'"{"f" * 64}": {{"clip"'),
            "moves: clip_0 must be named by the sha256 of its clip, not by ffffffffffff…",
        ),
        (('"format": "bachata-plan-1"', '"format": "plan-2"'), "format: Input should be 'bachata-plan-1'"),
        (('"clip_1", "eight": 2}', '"clip_1", "eight": 2'), "line 10, column 3, at or after row 1: it is not JSON"),
        (('"duration": "full"', '"duration": "full", "sede": 1'), "request: options: there is no field 'sede'"),
    ],
)
def test_a_wrong_file_is_refused_with_the_number_of_the_row(edit: tuple[str, str], error: str, tmp_path: Path) -> None:
    file = _file(tmp_path, edit)
    with pytest.raises(Poison) as refused:
        read_plan(file)
    assert error in str(refused.value)
    assert str(refused.value).startswith(f"{file}: ")
    assert refused.value.reason == "invalid_plan"


def test_all_errors_are_named(tmp_path: Path) -> None:
    file = _file(tmp_path, ('"mirrored"', '"mirored"'), ('"eight": 2', '"eight": 0'))
    with pytest.raises(Poison) as refused:
        read_plan(file)
    assert [error.removeprefix(f"{file}: ").partition(":")[0] for error in refused.value.errors] == ["row 2", "row 1"]


def test_what_is_no_plan_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    contents: list[Any] = [None, [], {}, "plan", {"dance": [1]}, {"dance": {"at": 1}}]
    for content in contents:
        file.write_text(json.dumps(content))
        with pytest.raises(Poison) as refused:
            read_plan(file)
        assert refused.value.reason == "invalid_plan"


@pytest.mark.parametrize(
    ("time_s", "decimals", "text"),
    [(7.7, 2, "0:07.70"), (59.999, 2, "1:00.00"), (125.0, 0, "2:05"), (0.48005, 4, "0:00.4800"), (3600, 1, "60:00.0")],
)
def test_times_are_written_as_on_a_clock(time_s: float, decimals: int, text: str) -> None:
    assert clock_text(time_s, decimals) == text
    assert seconds_of(text) == pytest.approx(time_s, abs=0.01)
