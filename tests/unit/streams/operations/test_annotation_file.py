"""Files of annotations: JSON and CSV of several programs are read, with all errors at once; exports are read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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


def test_many_errors_are_counted(tmp_path: Path) -> None:
    assert _errors(tmp_path, "clip,energy\n" + "".join(f"c{n},x\n" for n in range(25))).endswith("; and 15 more")


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
        {"move": "a; b", "tags": ["x", "y z"], "notes": 'two\nlines, "quoted"', "tempo_bpm": 126.0},
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
