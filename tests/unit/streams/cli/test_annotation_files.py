"""`bachata moves import`: what rows of a file change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from streams.cli.moves.annotation_files import changed_annotations
from streams.operations.annotation_file import AnnotatedClip
from tests.unit.streams.cli.bachata import run

_ENTRIES = [{"clip": "a", "sha256": "a" * 64}, {"clip": "b", "sha256": "b" * 64}]


def _row(number: int, *, sha256: str = "", clip: str = "", **changes: object) -> AnnotatedClip:
    return AnnotatedClip(f"row {number}", sha256=sha256, clip=clip, changes=changes)


def test_a_row_changes_its_fields_of_the_annotation_that_holds() -> None:
    before = {"a" * 64: MoveAnnotation(move="basic", energy="low"), "b" * 64: MoveAnnotation(energy="high")}
    rows = [_row(2, clip="a", energy="high"), _row(3, clip="b", energy="high")]
    assert changed_annotations(rows, _ENTRIES, before) == {"a" * 64: MoveAnnotation(move="basic", energy="high")}


def test_two_rows_about_one_clip_are_refused_however_they_name_it() -> None:
    rows = [_row(2, sha256="a" * 64), _row(3, clip="b"), _row(4, clip="a"), _row(5, clip="c")]
    with pytest.raises(Poison, match="row 4 is about the same clip as row 2; row 5: no move 'c'"):
        changed_annotations(rows, _ENTRIES, {})


def test_all_errors_of_a_file_are_printed(tmp_path: Path) -> None:
    file = tmp_path / "moves.csv"
    file.write_text("clip,energy\n" + "".join(f"c{n},x\n" for n in range(12)), encoding="utf-8")
    completed = run("moves", "import", str(file), "--json")
    lines = completed.stderr.splitlines()
    assert completed.returncode == 1
    assert [line.partition(",")[0] for line in lines[:12]] == [f"row {n + 2} (c{n})" for n in range(12)]
    assert lines[12].endswith("; and 2 more")
    assert json.loads(completed.stdout)["errors"] == lines[:12]
