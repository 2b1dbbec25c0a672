"""Test that the command run by the script ends with its parent, and does not start without it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from infra.base import die_with_parent

_SCRIPT = [sys.executable, "-I", "-S", die_with_parent.__file__]  # run by path: it cannot import the project


def test_the_command_replaces_the_script() -> None:
    result = subprocess.run(
        [*_SCRIPT, str(os.getpid()), "/bin/echo", "here"], capture_output=True, text=True, check=True
    )
    assert result.stdout == "here\n"


def test_the_command_does_not_start_without_its_parent() -> None:
    result = subprocess.run([*_SCRIPT, "1", "/bin/echo", "here"], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("", "")


def test_the_command_is_killed_with_its_parent(tmp_path: Path) -> None:
    code = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([*{_SCRIPT!r}, str(os.getpid()), '/bin/sleep', '60'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        child = int(parent.stdout.readline())
        _wait_for_command(child, "sleep")
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _wait_for_command(child, "")


def _wait_for_command(process: int, name: str) -> None:
    """Wait until the process runs the command `name`; for an ended process, the name is empty."""
    for _ in range(500):
        if _command(process) == name:
            return
        time.sleep(0.01)
    raise AssertionError(f"{process} runs {_command(process)!r}, not {name!r}")


def _command(process: int) -> str:
    try:
        status = Path(f"/proc/{process}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return "" if status[2].startswith("State:\tZ") else status[0].split("\t")[1]
