"""What commands print: text from outside escaped, at one place; errors of the output are one line."""

from __future__ import annotations

import ast
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.safe_text import is_harmless
from streams.cli import output
from tests.paths import BACHATA, PROJECT
from tests.unit.streams.cli.bachata import run

_HOSTILE = "A\x1b]0;x\x07B\u202eC\u2028D\u200bE"
_OTHER_WAYS_TO_PRINT = (
    "print(",
    "click.echo",
    "click.secho",
    "click.prompt",
    "sys.stdout.",
    "sys.stderr.w",
    "os.write",
)
_PRINTING_MODULES = {"output.py", "progress_bars.py", "stopping.py"}
_MODULES = sorted(path for path in (PROJECT / "streams" / "cli").glob("*.py") if path.name not in _PRINTING_MODULES)


@pytest.mark.parametrize("module", _MODULES, ids=lambda path: path.name)
def test_commands_print_through_one_module(module: Path) -> None:
    tree = ast.parse(module.read_text())
    called = {f"{ast.unparse(node.func)}(" for node in ast.walk(tree) if isinstance(node, ast.Call)}
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not {name for name in called if name.startswith(_OTHER_WAYS_TO_PRINT)}
    assert not {name for name in imported if (name or "").startswith("rich")}


def test_lines_and_errors_are_escaped_and_json_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    text = _HOSTILE + "\n\ud800"
    output.print_line(text)
    output.print_output(text)
    with pytest.raises(SystemExit):
        output.fail(text, as_json=False, reason="usage")
    printed = capsys.readouterr()
    assert [printed.out.count("\n"), printed.err.count("\n")] == [1, 2]
    assert is_harmless((printed.out + printed.err).replace("\n", ""))
    output.print_json({"title": text})
    assert json.loads(capsys.readouterr().out) == {"title": text}


@pytest.mark.parametrize(
    "arguments",
    [
        (_HOSTILE,),
        ("generate", _HOSTILE),
        ("analyze", _HOSTILE),
        ("index", _HOSTILE),
        ("analyze", "song.mp3", "--beats", _HOSTILE),
        ("analyze", "song.mp3", "--plot", f"/proc/{_HOSTILE}"),
        ("generate", "song.mp3", "--duration", _HOSTILE),
        ("moves", "search", "--tempo", _HOSTILE),
        ("replay", _HOSTILE),
        ("dead-letters", "list", "--since", _HOSTILE),
        ("dead-letters", "list", "--topic", _HOSTILE),
    ],
    ids=lambda arguments: " ".join(arguments[:-1]) or "command",
)
def test_an_argument_is_repeated_escaped(arguments: tuple[str, ...]) -> None:
    completed = run(*arguments)
    assert completed.returncode != 0
    assert is_harmless((completed.stdout + completed.stderr).replace("\n", ""))
    assert len(completed.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}]
)
def test_a_terminal_without_the_characters_gets_escapes(locale: dict[str, str], tmp_path: Path) -> None:
    environment = os.environ | locale | {"BACHATA_DATA_DIR": str(tmp_path / "canción")}
    for command in ("settings", "doctor"):
        completed = subprocess.run([BACHATA, command], env=environment, capture_output=True, timeout=60, check=False)
        assert b"Error" not in completed.stderr
        assert b"canci" in completed.stdout


_FULL = "exec {command} > /dev/full"
_CLOSED = "exec {command} >&-"


@pytest.mark.parametrize("arguments", ["settings", "settings --json", "topology --json", "doctor"])
@pytest.mark.parametrize("shell", [_FULL, _CLOSED])
def test_output_that_cannot_be_written_is_one_line(shell: str, arguments: str) -> None:
    command = ["/bin/bash", "-c", shell.format(command=f"'{BACHATA}' {arguments}")]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert completed.returncode == 1
    assert completed.stderr.startswith("error: standard output cannot be written: ")
    assert len(completed.stderr.splitlines()) == 1


@pytest.mark.parametrize(("arguments", "status"), [("settings", 0), ("settings --json", 1)])
def test_a_reader_that_closes_early_gets_no_traceback(arguments: str, status: int) -> None:
    command = f"(sleep 0.5; exec '{BACHATA}' {arguments}) | true; exit ${{PIPESTATUS[0]}}"
    completed = subprocess.run(["/bin/bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert completed.returncode == status
    assert len(completed.stderr.splitlines()) == status


def test_a_closed_standard_error_does_not_fail_a_command() -> None:
    command = ["/bin/bash", "-c", f"exec '{BACHATA}' topology --json 2>&-"]
    assert json.loads(subprocess.run(command, capture_output=True, timeout=60, check=True).stdout)


_BARS = r"""
from streams.cli.progress_bars import ProgressBars
text = "A\x1b]0;x\x07B\u202eC[bold]"
bars = ProgressBars()
bars.update("a", text, 0.5)
bars._bars.refresh()
bars.print_line(text)
bars.remove("a")
bars.stop()
"""


def test_bars_on_a_terminal_show_escapes() -> None:
    try:
        main, terminal = pty.openpty()
    except OSError as error:
        pytest.skip(f"this machine has no terminals: {error}")
    with os.fdopen(main, "rb", buffering=0) as reader:
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "120"}
        subprocess.run([sys.executable, "-c", _BARS], stderr=terminal, env=environment, cwd=PROJECT, check=True)
        os.close(terminal)
        written = reader.read(1 << 16).decode()
    assert written.count("A\\x1b]0;x\\x07B\\u202eC[bold]") >= 2
    assert "\x1b]0;" not in written
    assert "\u202e" not in written
