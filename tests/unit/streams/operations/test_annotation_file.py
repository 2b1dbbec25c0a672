"""Files of annotations: JSON and CSV of several programs are read, with all errors at once; exports are read back."""

from __future__ import annotations

import csv
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from streams.operations.annotation_file import AnnotatedClip, read_annotations, write_annotations

_BEFORE = MoveAnnotation(move="basic", difficulty="beginner", tags=("for shows",))


def _read(folder: Path, content: str | bytes, name: str = "a.csv") -> list[AnnotatedClip]:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_annotations(file)


def _errors(folder: Path, content: str) -> str:
    with pytest.raises(Poison) as fault:
        _read(folder, content)
    assert fault.value.reason == "invalid_annotations"
    return str(fault.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_table_of_any_program_is_read(delimiter: str, encoding: str, line_end: str, tmp_path: Path) -> None:
    cells = [
        ["Clip", "Move", "Difficulty", "Tempo", "Roles", "Entry Hold", "Tags"],
        ["giro_1", "señorita", "Beginner", "126.5", "lead_focus", "open two hands", '"for shows; slow"'],
        [],
        ["giro_2", "", "", "", "", "", ""],
    ]
    text = line_end.join(delimiter.join(row) for row in cells) + line_end
    first, second = _read(tmp_path, text.encode(encoding))
    assert (first.clip, second.clip) == ("giro_1", "giro_2")
    assert first.annotation(None) == MoveAnnotation(
        move="señorita",
        difficulty="beginner",
        tempo_bpm=126.5,
        role="lead_focus",
        entry_hold="open_two_hands",
        tags=("for shows", "slow"),
    )


def test_a_column_replaces_a_field_and_an_empty_cell_clears_it(tmp_path: Path) -> None:
    [row] = _read(tmp_path, "clip,difficulty,style\na,,sensual\n")
    assert row.annotation(_BEFORE) == MoveAnnotation(move="basic", tags=("for shows",), style="sensual")


def test_a_count_1_is_read_under_its_name_and_with_a_comma(tmp_path: Path) -> None:
    [row] = _read(tmp_path, "clip;first_one_s\na;3,21\n")
    assert row.annotation(_BEFORE).first_one_s == 3.21


def test_a_null_of_json_clears_a_field(tmp_path: Path) -> None:
    entry = {"clip_id": "a", "video_path": "b/a.mp4", "difficulty": None, "lead_follow_roles": "both", "other": 1}
    [row] = _read(tmp_path, json.dumps({"clips": [entry]}), "a.txt")
    assert (row.clip, row.path) == ("a", "b/a.mp4")
    assert row.annotation(_BEFORE) == MoveAnnotation(move="basic", tags=("for shows",), role="both")


def test_all_errors_are_reported_with_row_and_column(tmp_path: Path) -> None:
    message = _errors(
        tmp_path, "clip,difficulty,tempo\na,hard,120\nb,beginner,fast\n,beginner,120\nc,beginner,1\nc,,\n"
    )
    for error in ("row 2 (a), difficulty: ", "row 3 (b), tempo: ", "row 4: give", "row 5 (c), tempo: "):
        assert error in message
    assert "\n" not in message


def test_a_clip_has_one_row(tmp_path: Path) -> None:
    assert "row 3 (a) is about the same clip as row 2 (a)" in _errors(tmp_path, "clip,move\na,b\na,c\n")


def test_names_of_one_clip_may_have_composed_accents_or_not(tmp_path: Path) -> None:
    names = [unicodedata.normalize(form, "niño") for form in ("NFC", "NFD")]
    assert "is about the same clip as row 2" in _errors(tmp_path, f"clip,move\n{names[0]},b\n{names[1]},c\n")


def test_many_errors_are_counted_and_none_is_lost(tmp_path: Path) -> None:
    with pytest.raises(Poison, match=r"; and 15 more$") as fault:
        _read(tmp_path, "clip,energy\n" + "".join(f"c{n},x\n" for n in range(25)))
    assert [error.partition(",")[0] for error in fault.value.errors] == [f"row {n + 2} (c{n})" for n in range(25)]


def test_errors_of_columns_and_of_rows_too_long_hide_no_others(tmp_path: Path) -> None:
    message = _errors(tmp_path, "clip,dificulty,colour of the shirt,energy\na,,,,,\nb,,,huge\n")
    for error in ("'difficulty'?", "no column 'colour_of_the_shirt'", "row 2 has 6 cells", "row 3 (b), energy"):
        assert error in message


def test_a_row_is_counted_as_a_tables_program_counts_it(tmp_path: Path) -> None:
    assert "row 4 (b), energy" in _errors(tmp_path, 'clip,notes,energy\na,"two\nlines",low\n\nb,,huge\n')


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("clip,tempo,estimated_tempo\na,120,130\n", "row 1: 'estimated_tempo' is the same field as 'tempo'"),
        ("clip,clip_id\na,b\n", "row 1: 'clip_id' is the same field as 'clip'"),
        ("clip,move,move\na,b,c\n", "row 1: 'move' is the same field as 'move'"),
        ('{"clips": [{"clip": "a", "tempo": 120, "tempo_bpm": 130}]}', "clips.0: 'tempo_bpm' is the same field"),
    ],
)
def test_a_field_is_given_once(content: str, error: str, tmp_path: Path) -> None:
    assert error in _errors(tmp_path, content)


@given(tags=st.lists(st.text(max_size=6) | st.sampled_from([",", ";", '"', '""', " a ", "", "'", "=1"]), max_size=4))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_tags_are_written_and_read_back(tags: list[str], tmp_path: Path) -> None:
    move = {"clip": "a", "sha256": "0" * 64, "annotation": {"tags": tags}, "judged": None}
    write_annotations(tmp_path / "a.csv", [move])
    assert read_annotations(tmp_path / "a.csv")[0].annotation(None).tags == tuple(tags)


def test_no_cell_of_an_export_is_a_formula(tmp_path: Path) -> None:
    texts = ["=1+1", "+1", "-1", "@x", "'=1", "'", "plain", "'quoted'", "' =1"]
    moves = [
        {"clip": text, "sha256": f"{n:064x}", "annotation": {"notes": text, "tags": [text, "b"]}, "judged": None}
        for n, text in enumerate(texts)
    ]
    write_annotations(tmp_path / "a.csv", moves)
    with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
        assert not [cell for row in csv.reader(file) for cell in row if cell.startswith(("=", "+", "-", "@"))]
    rows = read_annotations(tmp_path / "a.csv")
    assert [(row.clip, row.annotation(None).notes) for row in rows] == [(text, text) for text in texts]
    assert [row.annotation(None).tags for row in rows] == [(text, "b") for text in texts]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("clip,dificulty\na,beginner\n", "do you mean 'difficulty'?"),
        ("clip,colour of the shirt\na,red\n", "the columns are "),
        ("move,difficulty\na,beginner\n", "names no column for the clip"),
        ("clip,move\na,b,c\n", "row 2 has 3 cells, row 1 has 2"),
        ('clip,move\na,"b\n', "is not a valid file"),
        ("", "names no column"),
        ('{"clips": [}', "line 1, column 12 is not JSON"),
        ('{"clips": ' + "[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_table_of_annotations_is_refused(content: str, words: str, tmp_path: Path) -> None:
    assert words in _errors(tmp_path, content)


@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_what_is_written_is_read_back(name: str, tmp_path: Path) -> None:
    annotations: list[dict[str, Any]] = [
        {
            "move": "a; b",
            "tags": ["x", "y z", "a, b; c", 'd "e"', ", f"],
            "notes": 'two\nlines, "quoted"',
            "tempo_bpm": 126.0,
            "first_one_s": 3.21,
        },
        {"difficulty": "advanced", "exit_hold": "none", "style": "señorita"},
        {},
    ]
    judged = {"move": "a", "category": "a", "difficulty": "beginner", "energy": "low"}
    moves = [
        {"clip": f"clip {n}", "sha256": f"{n:064x}", "annotation": given or None, "judged": judged}
        for n, given in enumerate(annotations)
    ]
    write_annotations(tmp_path / name, moves)
    rows = read_annotations(tmp_path / name)
    assert [row.sha256 for row in rows] == [move["sha256"] for move in moves]
    assert [row.annotation(None) for row in rows] == [MoveAnnotation.model_validate(given) for given in annotations]
    assert "judged" in (tmp_path / name).read_text(encoding="utf-8-sig")
