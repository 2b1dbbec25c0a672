"""JSON files of users are read in the encodings that editors write; a fault is one line with its place."""

from __future__ import annotations

import codecs
import json
import os
import subprocess
from pathlib import Path

import pytest

from schemas.faults import Poison
from streams.cli.json_files import read_json
from tests.paths import SHARED
from tests.unit.streams.cli.bachata import run

_CONTENT = {"clips": [{"video_path": "niño.mp4", "move_label": "básico"}]}
_TEXT = json.dumps(_CONTENT, ensure_ascii=False, indent=1)
_ENCODINGS = {
    "UTF-8": _TEXT.encode(),
    "UTF-8 with mark": codecs.BOM_UTF8 + _TEXT.encode(),
    "UTF-8 with two marks": 2 * codecs.BOM_UTF8 + _TEXT.encode(),
    "UTF-16 of Windows": codecs.BOM_UTF16_LE + _TEXT.encode("utf-16-le"),
    "UTF-16, high bytes first": codecs.BOM_UTF16_BE + _TEXT.encode("utf-16-be"),
    "UTF-16 without mark": _TEXT.encode("utf-16-le"),
    "UTF-32": codecs.BOM_UTF32_LE + _TEXT.encode("utf-32-le"),
    "Latin-1": _TEXT.encode("latin-1"),
    "lines of Windows": codecs.BOM_UTF8 + _TEXT.replace("\n", "\r\n").encode(),
}


@pytest.mark.parametrize("content", _ENCODINGS.values(), ids=_ENCODINGS.keys())
def test_a_file_is_read_in_each_usual_encoding(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_bytes(content)
    assert read_json(tmp_path / "file.json", "invalid_annotations") == _CONTENT


def test_the_typographic_quotes_of_windows_are_read(tmp_path: Path) -> None:
    (tmp_path / "file.json").write_bytes('["\u201cbásico\u201d"]'.encode("cp1252"))
    assert read_json(tmp_path / "file.json", "invalid_annotations") == ["\u201cbásico\u201d"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"clips": [\r\n  {"a": 1},,\r\n]}', "line 2, column 12"),
        (codecs.BOM_UTF16_LE + "[1,\n 2,\n x]".encode("utf-16-le"), "line 3, column 2"),
        (codecs.BOM_UTF8 + b"", "line 1, column 1"),
        (b"", "line 1, column 1"),
        ("[\n'ñ', '".encode() + b"\xff']", "line 2, column 7"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"1" * 10_000 + b"]", "it is not JSON"),
        (b" " * 17_000_000, "larger than 16 MB"),
    ],
    ids=["comma", "UTF-16", "mark only", "empty", "mixed encodings", "deep", "long number", "large"],
)
def test_a_fault_names_the_file_and_the_place(content: bytes, message: str, tmp_path: Path) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(content)
    with pytest.raises(Poison, match=message) as caught:
        read_json(file, "bad_corrections")
    assert str(caught.value).startswith(str(file))
    assert caught.value.reason == "bad_corrections"


@pytest.mark.parametrize("name", ["missing.json", "folder"])
def test_a_file_that_cannot_be_read_is_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(Poison, match=name):
        read_json(tmp_path / name, "invalid_annotations")


def test_a_named_pipe_into_which_nobody_writes_is_empty(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Poison, match="line 1, column 1"):
        read_json(tmp_path / "pipe", "bad_corrections")


def test_a_pipe_is_read_to_its_end() -> None:
    """As `--beats <(tap)` gives one in a shell."""
    reader, writer = os.pipe()
    with subprocess.Popen(["/bin/sh", "-c", "sleep 0.2; echo '[1, 2]'"], stdout=writer):
        os.close(writer)
        assert read_json(Path(f"/dev/fd/{reader}"), "bad_corrections") == [1, 2]
    os.close(reader)


def test_the_command_reads_tapped_beats_with_a_byte_order_mark(tmp_path: Path) -> None:
    beats = tmp_path / "beats.json"
    beats.write_bytes(codecs.BOM_UTF8 + b"[0.5, 1.0]")
    completed = run("analyze", "no-such-song.mp3", "--beats", beats)
    assert "no-such-song.mp3: there is no such file" in completed.stderr


@pytest.mark.parametrize("name", ["annotations-with-bom.json", "beats-with-bom.json"])
def test_the_example_is_read(name: str) -> None:
    file = SHARED / "field" / "text" / name
    if not file.exists():
        pytest.skip("the examples are not on this machine")
    assert read_json(file, "invalid_annotations")
