"""A stream on a real Kafka, shared by the tests of this folder, and the command line as a program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.broker
_TOOL = Path(sys.executable).with_name("bachata")
_DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"


@dataclass(frozen=True)
class Answer:
    """How a command ended, and what it said."""

    status: int
    said: str
    json: dict[str, Any]


@dataclass(frozen=True)
class Home:
    """A data folder with its environment."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("BACHATA_")}
        cache = {name: os.environ[name] for name in ("BACHATA_CACHE_DIR",) if name in os.environ}
        return (
            kept | cache | {"BACHATA_DATA_DIR": str(self.folder), "BACHATA_ALLOWED_ROOTS": str(self.folder / "songs")}
        )

    def bachata(self, *arguments: str | Path, timeout: float = 240) -> Answer:
        """Run a command with --json to its end; its standard output must be one JSON object."""
        command = [str(_TOOL), *map(str, arguments), "--json"]
        done = subprocess.run(command, env=self.env, capture_output=True, text=True, timeout=timeout, check=False)
        return Answer(done.returncode, done.stderr, json.loads(done.stdout))

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command with --json and leave it running."""
        command = [str(_TOOL), *arguments, "--json"]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A folder whose Kafka and worker run while the tests do."""
    home = Home(tmp_path_factory.mktemp("home"))
    up = home.start("up")
    assert up.stdout is not None
    assert json.loads(up.stdout.readline())["ready"]
    yield home
    up.send_signal(signal.SIGTERM)
    assert up.wait(60) == 0


@pytest.fixture(scope="session")
def library(home: Home) -> dict[str, Any]:
    """The demo moves, indexed; the answer of `index`."""
    answer = home.bachata("index", _DEMO / "clips", "--annotations", _DEMO / "annotations.json", timeout=500)
    assert answer.status == 0, answer.said
    return answer.json


@pytest.fixture(scope="session")
def demo_song() -> Path:
    """A demo song."""
    return sorted((_DEMO / "songs").glob("*.mp3"))[0]
