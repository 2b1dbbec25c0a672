"""The command line without a stream: one JSON object, one line, a status that is not 0."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_TOOL = Path(sys.executable).with_name("bachata")


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([_TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "arguments",
    [
        ("generate",),
        ("generate", "song.mp3", "--duration", "45s"),
        ("generate", "song.mp3", "--seed", "-1"),
        ("generate", "no-such-file.mp3"),
        ("generate", "/"),
        ("analyze", "no-such-file.mp3"),
        ("index",),
        ("index", "x" * 300),
        ("moves", "search", "--tempo", "fast"),
        ("no-such-command",),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line_and_one_object(arguments: tuple[str, ...]) -> None:
    done = _run(*arguments, "--json")
    assert done.returncode != 0
    assert set(json.loads(done.stdout)) >= {"error", "reason"}
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")


def test_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.mp3").symlink_to(tmp_path / "loop.mp3")
    assert json.loads(_run("generate", tmp_path / "loop.mp3", "--json").stdout)["error"]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, streams.cli; print([m for m in ('numpy', 'faust', 'pydantic', 'av') if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
    assert "generate" in _run("--help").stdout


def test_doctor_names_what_there_is() -> None:
    done = _run("doctor", "--json")
    checks = json.loads(done.stdout)["checks"]
    assert {check["name"] for check in checks} >= {"python", "java", "kafka", "pose model"}
    assert all(check["ok"] or check["how"] for check in checks)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("{", "no JSON"),
        ("7", "a list of seconds"),
        ('{"counts": [1, 2]}', "a list of seconds"),
        ("[1]", "two beats or more"),
        ("[]", "a list of seconds"),
        ("[" * 100_000, "no JSON"),
        ("[1, 9]", "every beat"),
        ('[1, "x"]', "beats.1"),
        ('{"beats": [1, 2], "counts": [1]}', "as many counts"),
    ],
)
def test_tapped_beats_that_make_no_sense_are_one_line(content: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "taps.json"
    if content is not None:
        file.write_text(content)
    done = _run("analyze", "song.mp3", "--beats", file, "--json")
    assert json.loads(done.stdout)["reason"] == "bad_corrections"
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert str(file) in done.stderr


def test_a_song_is_heard_drawn_and_clicked_as_a_person_corrects_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path / "data"))
    song = Path("data/demo/songs/luna_124.mp3").absolute()
    plain = json.loads(_run("analyze", song, "--json").stdout)
    (tmp_path / "heard.json").write_text(json.dumps(plain))
    files = ("--plot", tmp_path / "new" / "a.png", "--click", tmp_path / "a.wav")
    done = _run("analyze", song, "--beats", tmp_path / "heard.json", "--count-offset", "4", *files, "--json")
    told = json.loads(done.stdout)
    assert told["beats"] == plain["beats"]
    assert told["counts"] == [(count + 3) % 8 + 1 for count in plain["counts"]]
    assert (told["plot"], told["click"]) == (str(files[1]), str(files[3]))
    assert files[1].read_bytes()[:4] == b"\x89PNG"
    assert files[3].read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--plot", "song.mp3"), "the song itself"),
        (("--click", "link.wav"), "the song itself"),
        (("--plot", "a", "--click", "./a"), "named twice"),
        (("--click", "/dev/null"), "no file"),
        (("--plot", "song.mp3/a.png"), "folder"),
        (("--plot", "/proc/a.png"), "/proc/a.png"),
        (("--plot", "x" * 300), "too long"),
    ],
    ids=str,
)
def test_a_file_that_must_not_or_cannot_be_written_is_named_and_left_alone(
    arguments: tuple[str, ...], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACHATA_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    song = Path(shutil.copy(Path(__file__).parents[4] / "data/demo/songs/luna_124.mp3", tmp_path / "song.mp3"))
    (tmp_path / "link.wav").symlink_to(song)
    done = _run("analyze", song, *arguments, "--json")
    assert json.loads(done.stdout)["reason"] == "bad_target"
    *_, last = done.stderr.splitlines()
    assert last.startswith("error: ")
    assert said in last
    assert song.read_bytes()[:3] == b"ID3"
    assert Path("/dev/null").is_char_device()
    assert {path.name for path in tmp_path.iterdir()} <= {"song.mp3", "link.wav", "data"}


def test_a_video_is_not_put_over_its_song(tmp_path: Path) -> None:
    song = Path(shutil.copy(Path(__file__).parents[4] / "data/demo/songs/luna_124.mp3", tmp_path / "song.mp3"))
    done = _run("generate", song, "--out", song, "--json")
    assert json.loads(done.stdout)["reason"] == "bad_target"
    assert song.read_bytes()[:3] == b"ID3"
