"""Plans in files on the command line: shown, judged, changed and drawn, without any service."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from schemas.base import Options
from schemas.plan_file import PlanFile, PlanRow
from streams.cli.plans import judge, plan, render
from streams.cli.plans.group import names_file
from streams.files.plan_files import plan_text, read_plan
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.plan_files import EIGHTS, planned, written

_ATTACK = '"><script>alert(1)</script>'
_SONG = make_analysis(EIGHTS * 8, first_s=0.48)
_MOVES = [
    make_move(number, eights=3, move=f"move_{number}", count_confidence=0.9).model_copy(
        update={"name": f"clip_{number}{_ATTACK if number == 4 else ''}"}
    )
    for number in range(5)
]


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use a data folder in which nothing is."""
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the file of a planned dance."""
    return _written(tmp_path, planned(_SONG, _MOVES, Options(duration="30s"))[1])


def _written(folder: Path, content: PlanFile) -> Path:
    file = folder / "plan.json"
    file.write_text(plan_text(content))
    return file


def _run(command: click.Command, *arguments: str | Path) -> Result:
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result


def _json(command: click.Command, *arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_run(command, *arguments, "--json").stdout)
    return found


def _edited(file: Path, row: int, **fields: Any) -> None:
    content = read_plan(file)
    rows = list(content.dance)
    rows[row - 1] = rows[row - 1].model_copy(update=fields)
    file.write_text(plan_text(content.model_copy(update={"dance": tuple(rows)})))


def test_judge_prints_broken_gates_first_then_rules_by_cost_cuts_and_marks(file: Path) -> None:
    _edited(file, 3, beat=read_plan(file).dance[2].beat or 6, eight=None)
    lines = _run(judge, file).stdout.splitlines()
    starts = [line.partition(":")[0] for line in lines if not line.startswith(" ")]
    assert starts == ["Luna", "what must not be", "points lost by rule", "cuts by grade", "counted", "marks", lines[-1]]
    assert "row   3  one: the 1 of a move is on a 1 of the music" in lines[2]
    first = lines.index("points lost by rule:") + 1
    costs = [float(line.split()[0]) for line in lines[first:] if line.startswith("   ") and ": " in line]
    assert costs == sorted(costs, reverse=True)
    assert len(costs) > 2
    assert lines[-1].startswith("1 broken gates, ")


def test_the_json_of_judge_has_each_fault_with_time_row_and_rule(file: Path) -> None:
    found = _json(judge, file)
    assert found["points"] == pytest.approx(sum(fault["points"] for fault in found["faults"]), abs=0.01)
    assert {"at", "time_s", "row", "phrase", "rule", "title", "amount", "points", "breaks_gate"} <= set(
        found["faults"][0]
    )
    assert set(found["marks"]) == {"timing", "technique", "connection", "musicality", "presentation", "difficulty"}
    assert found["counted"]["uncut"] + len(found["seams"]) == len(read_plan(file).dance) - 1


def test_judge_takes_a_dance_that_breaks_everything_and_ends_with_0(tmp_path: Path) -> None:
    rows = [
        PlanRow(at="0:00.60", clip="clip_1", beat=3),
        PlanRow(at="0:03.00", clip="clip_2", from_s=1.234, mirrored=True),
    ]
    found = _json(judge, _written(tmp_path, written(_SONG, _MOVES, rows, "0:05.11")))
    broken = {(fault["row"], fault["rule"]) for fault in found["faults"] if fault["breaks_gate"]}
    assert broken >= {(1, "beats"), (1, "one"), (2, "beats")}


@pytest.mark.parametrize(
    ("source", "is_file"),
    [
        ("song-0123456789abcdef.2", False),
        ("01a22daf-0519-7f10-adb2-0219be9faaf9", False),
        ("plan.json", True),
        ("plans/luna", True),
    ],
)
def test_the_id_of_a_request_is_told_from_a_file(source: str, is_file: bool) -> None:
    assert names_file(source) == is_file


def test_other_rules_judge_otherwise(file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    names = {fault["rule"] for fault in _json(judge, file)["faults"]}
    rules.write_text("".join(f"[rules.{name}]\nkind = 'report'\n" for name in names))
    assert _json(judge, file, "--rules", rules)["points"] == 0
    rules.write_text("[rules.tango]\npoints = 1\n")
    refused = CliRunner().invoke(judge, [str(file), "--rules", str(rules)])
    assert (refused.exit_code, "there is no rule 'tango'" in refused.stderr) == (2, True)


def test_what_cannot_be_judged_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("{}")
    for source in (file, tmp_path / "missing.json"):
        refused = CliRunner().invoke(judge, [str(source)])
        assert refused.exit_code == 1
        assert refused.stderr.splitlines()[-1].startswith(f"error: {source}: ")


def test_show_has_a_line_for_each_row_with_the_grade_of_its_cut(file: Path) -> None:
    lines = _run(plan, "show", file).stdout.splitlines()
    rows = [line for line in lines if line.startswith("  ")]
    fields = _json(plan, "show", file)["rows"]
    assert len(rows) == len(fields) == len(read_plan(file).dance)
    for line, row in zip(rows, fields, strict=True):
        assert line.split()[1] == row["at"]
        assert row["clip"].split("<")[0] in line
        grade = row["seam"]["grade"] if row["seam"] else "·" if row["goes_on"] else None
        assert grade is None or line.split()[4] == grade
    assert "terms" not in fields[0]
    assert all("terms" in row for row in _json(plan, "show", file, "--terms")["rows"])
    assert sum("loses:" in line for line in _run(plan, "show", file, "--terms").stdout.splitlines()) == len(rows)


def test_show_has_the_runners_up_of_an_edited_file(file: Path) -> None:
    assert not any("runners_up" in row for row in _json(plan, "show", file)["rows"])
    _run(plan, "change", file, "--phrase", "2", "--to", "another")
    rows = _json(plan, "show", file, "--runners-up")["rows"]
    others = [row["runners_up"] for row in rows if not row["goes_on"]]
    assert all(0 < len(of_part) <= 3 for of_part in others)
    for row in rows:
        assert not any(other.startswith(f"{row['clip']} from") for other in row["runners_up"])
    lines = [line.strip() for line in _run(plan, "show", file, "--runners-up").stdout.splitlines()]
    assert [line for line in lines if line.startswith("or: ")] == [f"or: {other}" for one in others for other in one]


def test_runners_up_are_shown_of_a_part_that_begins_on_no_beat_of_its_clip(tmp_path: Path) -> None:
    rows = [PlanRow(at="0:00.48", clip="clip_1", from_s=1.234), PlanRow(at="0:04.32", clip="clip_2", eight=1)]
    file = _written(tmp_path, written(_SONG, _MOVES, rows, "0:08.16"))
    assert all(row["runners_up"] for row in _json(plan, "show", file, "--runners-up")["rows"])


def test_show_writes_a_picture_and_a_page_without_text_of_strangers_as_html(file: Path, tmp_path: Path) -> None:
    _edited(file, 2, clip=_MOVES[4].name, eight=1, beat=None)
    content = read_plan(file)
    title = content.request.model_copy(update={"title": _ATTACK})
    file.write_text(plan_text(content.model_copy(update={"request": title})))
    page, picture = tmp_path / "plan.html", tmp_path / "plan.png"
    result = _run(plan, "show", file, "--html", page, "--png", picture)
    assert result.stdout.splitlines() == [str(picture), str(page)]
    assert picture.read_bytes().startswith(b"\x89PNG")
    html = page.read_text()
    assert "<script>" not in html
    assert html.count("<article") == len(content.dance)
    assert "warning: no picture of clip_" in result.stderr


def test_change_puts_another_move_into_a_phrase_of_the_file_itself(file: Path) -> None:
    before = read_plan(file)
    result = _run(plan, "change", file, "--phrase", "2", "--to", "another")
    after = read_plan(file)
    assert [n for n, (one, two) in enumerate(zip(before.dance, after.dance, strict=True), 1) if one != two] == [2]
    assert result.stdout == f"{file}\n"
    assert "cuts before and after" in result.stderr


def test_change_writes_to_another_file(file: Path, tmp_path: Path) -> None:
    content = file.read_text()
    target = tmp_path / "other.json"
    found = _json(plan, "change", file, "--phrase", "1", "--to", "clip_2", "--out", target)
    assert file.read_text() == content
    assert read_plan(target).dance[0].clip == "clip_2"
    assert found["after"]["rows"][0]["clip"] == "clip_2"


def test_render_needs_the_song_of_the_plan(file: Path, tmp_path: Path) -> None:
    missing = CliRunner().invoke(render, [str(file)])
    assert (
        missing.exit_code,
        "the song 'Luna' is not in the media store: name its file with --song" in missing.stderr,
    ) == (
        1,
        True,
    )
    song = tmp_path / "other.mp3"
    song.write_bytes(b"another song")
    other = CliRunner().invoke(render, [str(file), "--song", str(song)])
    assert (other.exit_code, "is not the song of the plan: its content differs" in other.stderr) == (1, True)
