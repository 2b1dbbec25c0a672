"""The command line without a stream: one JSON object, one line, a status that is not 0."""

from __future__ import annotations

import json
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
