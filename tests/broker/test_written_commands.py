"""The commands and programs in README.md and docs/ run as they are written there, on the demo set.

Two things differ: `generate` and `index` run with `--quality fast`, and names that stand for something are replaced.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from infra.base.atomic_file import sha256_of
from tests.broker.conftest import Home
from tests.documents import ROOT, Block, blocks, shell_lines

pytestmark = [pytest.mark.broker, pytest.mark.slow]
_DEMO = ROOT / "data" / "demo"
_NOT_RUN = ("make ", "docker ", "bachata up")  # the tests themselves, containers, and what runs until it is stopped
_LINES = [line for line in shell_lines() if not line.startswith(_NOT_RUN)]
_SHA256_PREFIX = "3f2a91c0"
_BACHATA = """#!/bin/sh
case "$1" in
    generate | index) exec {bachata} "$@" --quality fast ;;
    *) exec {bachata} "$@" ;;
esac
"""
_KCAT = """#!{python}
# What kcat does with -P -b BROKER -t TOPIC: each line of standard input becomes a record without key and headers.
import asyncio, sys
from aiokafka import AIOKafkaProducer

async def main(produce, b, broker, t, topic):
    assert (produce, b, t) == ("-P", "-b", "-t")
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        for line in sys.stdin:
            await producer.send_and_wait(topic, line.strip().encode())

asyncio.run(main(*sys.argv[1:]))
"""


@dataclass(frozen=True)
class _Workspace:
    """A folder with the files that the documents name; `replaced` are their placeholders, as patterns."""

    folder: Path
    env: dict[str, str]
    replaced: dict[str, str]

    def run(self, *command: str) -> str:
        """Run a command to its end and return its standard output. It must succeed."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.env, capture_output=True, text=True, timeout=240, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run_line(self, line: str) -> str:
        """Run a shell line of a document."""
        for pattern, value in self.replaced.items():
            line = re.sub(pattern, value, line)
        return self.run("bash", "-e", "-o", "pipefail", "-c", line)


@pytest.fixture(scope="module")
def workspace(
    home: Home, library: dict[str, Any], demo_song: Path, tmp_path_factory: pytest.TempPathFactory
) -> _Workspace:
    """The demo set under the names of the documents, a song in an allowed folder, a generated video, a dead letter."""
    folder = tmp_path_factory.mktemp("workspace")
    for name in ("clips", "annotations.json"):
        (folder / name).symlink_to(_DEMO / name)
    for place in (folder, folder / "songs", home.folder / "songs"):
        place.mkdir(exist_ok=True)
        shutil.copy(demo_song, place / "song.mp3")
    beats = json.loads(demo_song.with_suffix(".json").read_text())["beats"]
    (folder / "taps.json").write_text(json.dumps(beats[:16]))
    assert home.bachata("generate", folder / "song.mp3", "--quality", "fast").status == 0
    letter_id = home.bachata("generate", ROOT / "README.md").json["dead_letter_id"]
    replaced = {r"\bID\b": letter_id, _SHA256_PREFIX: sha256_of(demo_song)[: len(_SHA256_PREFIX)]}
    return _Workspace(folder, _environment(home, folder / "bin"), replaced)


def _environment(home: Home, programs: Path) -> dict[str, str]:
    programs.mkdir()
    _write_program(programs / "bachata", _BACHATA.format(bachata=Path(sys.executable).with_name("bachata")))
    if shutil.which("kcat") is None:
        _write_program(programs / "kcat", _KCAT.format(python=sys.executable))
    bootstrap = json.loads((home.folder / "run" / "kafka.json").read_text())["bootstrap"]
    return home.env | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "KAFKA": bootstrap}


def _write_program(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def test_there_are_commands_to_run() -> None:
    assert {line.split()[1] for line in _LINES if line.startswith("bachata ")} >= {
        "index",
        "generate",
        "analyze",
        "moves",
        "status",
        "dead-letters",
        "replay",
        "topology",
    }


@pytest.mark.parametrize("line", _LINES)
def test_a_command_runs_as_it_is_written(workspace: _Workspace, line: str) -> None:
    printed = workspace.run_line(line)
    if "--json" in line:
        assert isinstance(json.loads(printed), dict)
    for name in re.findall(r"--(?:out|plot|click|png|video) (\S+)", line):
        assert (workspace.folder / name).stat().st_size > 0


def test_the_song_of_the_kcat_line_becomes_a_video(workspace: _Workspace, home: Home) -> None:
    request_id = _request_id(next(line for line in _LINES if "kcat" in line))
    deadline = monotonic() + 120
    while home.bachata("status", request_id).json.get("outcome") is None:
        assert monotonic() < deadline
        sleep(0.5)
    assert home.bachata("status", request_id).json["outcome"] == "done"


def _request_id(text: str) -> str:
    found = re.search(r"request_id\W+(my-\d)", text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.document)
def test_a_program_runs_as_it_is_written(workspace: _Workspace, home: Home, block: Block) -> None:
    printed = workspace.run(sys.executable, "-c", block.text)
    request_id = _request_id(block.text)
    assert request_id in printed
    assert "done" in printed
    assert home.bachata("status", request_id).json["outcome"] == "done"
