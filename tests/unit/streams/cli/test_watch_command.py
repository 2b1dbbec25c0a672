"""`bachata watch --json` prints one JSON object, wherever it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import PROJECT

_WATCH = """
import os, signal
from contextlib import nullcontext
from schemas.faults import Poison
from streams.cli import main
from streams.local import services
from streams.watch import run

def stop(): os.kill(os.getpid(), signal.SIGINT)
def fail(): raise Poison("its state is damaged", "storage")

def watch_folders(settings, options, print_line, stopped, ready):
    {steps}

services.stream, run.watch_folders = lambda *_: nullcontext(), watch_folders
main()
"""


@pytest.mark.parametrize(
    ("steps", "expected", "status"),
    [
        ("stop()", {"error": "stopped", "reason": "stopped"}, 130),
        ("ready(); stop()", {"ready": True}, 130),
        ("fail()", {"error": "its state is damaged", "reason": "storage"}, 1),
        ("ready(); fail()", {"ready": True}, 1),
    ],
)
def test_a_watcher_prints_one_json_object_wherever_it_ends(
    steps: str, expected: dict[str, object], status: int, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _WATCH.format(steps=steps), "watch", str(tmp_path), "--json"]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == status
    assert json.loads(ended.stdout).items() >= expected.items()
    assert ended.stderr.splitlines()[-1] in {"stopped", "error: stopped", "error: its state is damaged"}
