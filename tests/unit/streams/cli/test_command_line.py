"""Commands that need no stream: errors are one JSON object, one line and a status that is not 0."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from streams.cli import main
from streams.cli.analyze import analyze
from streams.cli.moves import moves
from tests.paths import BACHATA, DEMO
from tests.unit.streams.cli.bachata import run


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate",),
        ("generate", "song.mp3", "--duration", "45s"),
        ("generate", "song.mp3", "--seed", "-1"),
        ("generate", "no-such-file.mp3"),
        ("generate", "/dev"),
        ("analyze", "no-such-file.mp3"),
        ("index",),
        ("index", "x" * 300),
        *(("moves", "search", "--tempo", text) for text in ("fast", "-1-5")),
        *(("moves", "search", "--top", text) for text in ("0", "-1", "1001", "nan")),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_an_error_is_one_line_and_one_json_object(arguments: tuple[str, ...]) -> None:
    completed = run(*arguments, "--json")
    assert completed.returncode != 0
    assert set(json.loads(completed.stdout)) >= {"error", "reason"}
    assert len(completed.stderr.splitlines()) == 1
    assert completed.stderr.startswith("error: ")


@pytest.mark.parametrize("text", ["nan-nan", "1-inf", "135-120", "1-2-3", "1e3-1e4", "0-9999"])
def test_a_tempo_range_that_cannot_be_is_one_line(text: str) -> None:
    completed = CliRunner().invoke(moves, ["search", "--tempo", text, "--json"])
    assert completed.exit_code == 1
    assert json.loads(completed.stdout)["reason"] == "invalid_query"
    assert len(completed.stderr.splitlines()) == 1
    assert completed.stderr.startswith("error: ")


def _assert_one_error(completed: subprocess.CompletedProcess[str], status: int, reason: str, start: str) -> None:
    assert completed.returncode == status
    assert json.loads(completed.stdout)["reason"] == reason
    assert completed.stderr.startswith(start)
    assert len(completed.stderr.splitlines()) == 1


@pytest.mark.parametrize("arguments", [("status",), ("worker",), ("dead-letters", "list")], ids=" ".join)
def test_a_kafka_that_cannot_be_used_ends_a_command_at_once(
    arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BACHATA_KAFKA", "127.0.0.1:1")
    completed = run(*arguments, "--json")
    _assert_one_error(completed, 1, "kafka", "error: BACHATA_KAFKA is 127.0.0.1:1, which cannot be connected to")


@pytest.mark.parametrize(
    "arguments",
    [
        *("status", "up", "worker", "kafka start", "kafka stop", "kafka status"),
        *("dead-letters list", "moves list", "analyze", "generate"),
    ],
)
def test_a_data_folder_that_cannot_be_written_ends_a_command_at_once(
    arguments: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", "/proc/data")
    song = [str(DEMO / "songs" / "luna_124.mp3")] if arguments in {"analyze", "generate"} else []
    completed = run(*arguments.split(), *song, "--json")
    _assert_one_error(completed, 2, "settings", "error: BACHATA_DATA_DIR is /proc/data, which cannot be written")


@pytest.mark.parametrize("arguments", [("status",), ("up",), ("worker",)], ids=" ".join)
def test_a_qdrant_that_cannot_be_used_ends_a_command_at_once(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_URL", "http://127.0.0.1:1")
    completed = run(*arguments, "--json")
    _assert_one_error(
        completed, 1, "qdrant_away", "error: BACHATA_QDRANT_URL is http://127.0.0.1:1, which does not answer"
    )


@pytest.mark.parametrize(
    ("arguments", "max_files"), [("up", 64), ("status", 128), ("kafka start", 128), ("worker", 256)]
)
def test_too_few_open_files_end_a_command_at_once_with_one_line(arguments: str, max_files: int) -> None:
    command = f"ulimit -n {max_files}; exec '{BACHATA}' {arguments}"
    completed = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert completed.returncode == 1
    assert completed.stderr.startswith(f"error: only {max_files} files may be open at once")
    assert len(completed.stderr.splitlines()) == 1


def test_the_status_of_a_kafka_elsewhere_is_what_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_KAFKA", "127.0.0.1:1")
    completed = run("kafka", "status", "--json")
    assert json.loads(completed.stdout) == {"running": False, "bootstrap": None}
    assert completed.stderr.startswith("warning: BACHATA_KAFKA is 127.0.0.1:1, which cannot be connected to")


def test_a_link_to_itself_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop.mp3").symlink_to(tmp_path / "loop.mp3")
    assert json.loads(run("generate", tmp_path / "loop.mp3", "--json").stdout)["error"]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, streams.cli; print([m for m in ('numpy', 'faust', 'pydantic', 'av') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
    assert "generate" in run("--help").stdout


def test_each_command_stands_under_one_heading_of_the_help() -> None:
    headings: dict[str, list[str]] = {}
    for line in run("--help").stdout.splitlines():
        if line and not line.startswith(" "):
            commands = headings.setdefault(line.rstrip(":"), [])
        elif found := re.match(r"  ([a-z][a-z-]*)  ", line):
            commands.append(found[1])
    sections = {heading: commands for heading, commands in headings.items() if commands}
    assert list(sections) == ["Music and moves", "Requests", "Plans", "Operations", "Services and set-up"]
    listed = [command for commands in sections.values() for command in commands]
    assert sorted(listed) == sorted(main.list_commands(click.Context(main)))
    assert all(main.get_command(click.Context(main), command) is not None for command in listed)


def test_doctor_lists_the_checks() -> None:
    completed = run("doctor", "--json")
    checks = json.loads(completed.stdout)["checks"]
    assert {check["name"] for check in checks} >= {"python", "java", "kafka", "pose model"}
    assert all(check["ok"] or check["remedy"] for check in checks)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "No such file"),
        ("{", "not JSON"),
        ("7", "a list of seconds"),
        ('{"counts": [1, 2]}', "a list of seconds"),
        ("[1]", "two beats or more"),
        ("[]", "a list of seconds"),
        ("[" * 100_000, "not JSON"),
        ("[1, 9]", "every beat"),
        ('[1, "x"]', "beats.1"),
        ('{"beats": [1, 2], "counts": [1]}', "as many counts"),
    ],
)
def test_an_invalid_file_of_beats_is_one_line(content: str | None, expected: str, tmp_path: Path) -> None:
    file = tmp_path / "taps.json"
    if content is not None:
        file.write_text(content)
    completed = CliRunner().invoke(analyze, ["song.mp3", "--beats", str(file), "--json"])
    assert completed.exit_code != 0
    assert json.loads(completed.stdout)["reason"] == "bad_corrections"
    assert expected in completed.stderr
    assert len(completed.stderr.splitlines()) == 1
    assert str(file) in completed.stderr


def test_a_song_is_analyzed_with_corrections_plot_and_click_track(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path / "data"))
    song = Path("data/demo/songs/luna_124.mp3").absolute()
    uncorrected = json.loads(run("analyze", song, "--json").stdout)
    (tmp_path / "analysis.json").write_text(json.dumps(uncorrected))
    files = ("--plot", tmp_path / "new" / "a.png", "--click", tmp_path / "a.wav")
    completed = run("analyze", song, "--beats", tmp_path / "analysis.json", "--count-offset", "4", *files, "--json")
    corrected = json.loads(completed.stdout)
    assert corrected["beats"] == uncorrected["beats"]
    assert corrected["counts"] == [(count + 3) % 8 + 1 for count in uncorrected["counts"]]
    assert (corrected["plot"], corrected["click"]) == (str(files[1]), str(files[3]))
    assert files[1].read_bytes()[:4] == b"\x89PNG"
    assert files[3].read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--plot", "song.mp3"), "the song itself"),
        (("--click", "link.wav"), "the song itself"),
        (("--plot", "a", "--click", "./a"), "named twice"),
        (("--click", "/dev/null"), "not a regular file"),
        (("--plot", "song.mp3/a.png"), "folder"),
        (("--plot", "/proc/a.png"), "/proc/a.png"),
        (("--plot", "x" * 300), "too long"),
    ],
    ids=str,
)
def test_an_invalid_output_file_is_named_and_not_written(
    arguments: tuple[str, ...], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    song = Path(shutil.copy(DEMO / "songs" / "luna_124.mp3", tmp_path / "song.mp3"))
    (tmp_path / "link.wav").symlink_to(song)
    completed = run("analyze", song, *arguments, "--json")
    assert json.loads(completed.stdout)["reason"] == "bad_target"
    *_, last = completed.stderr.splitlines()
    assert last.startswith("error: ")
    assert expected in last
    assert song.read_bytes()[:3] == b"ID3"
    assert Path("/dev/null").is_char_device()
    assert {path.name for path in tmp_path.iterdir()} <= {"song.mp3", "link.wav", "data"}


def test_a_video_does_not_overwrite_its_song(tmp_path: Path) -> None:
    song = Path(shutil.copy(DEMO / "songs" / "luna_124.mp3", tmp_path / "song.mp3"))
    completed = run("generate", song, "--out", song, "--json")
    assert json.loads(completed.stdout)["reason"] == "bad_target"
    assert song.read_bytes()[:3] == b"ID3"
