"""A stream on a real Kafka, shared by the tests of this folder, and the command line as a program."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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

    @contextmanager
    def up(self) -> Iterator[Up]:
        """`bachata up`, ready; told to stop at the end, unless it ended before."""
        command = [str(_TOOL), "up", "--json"]
        with subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            yield Up(process, json.loads(process.stdout.readline()))
            process.terminate()
            process.wait(60)


@dataclass(frozen=True)
class Up:
    """A running `bachata up`, and what it said when it was ready."""

    process: subprocess.Popen[str]
    said: dict[str, Any]


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A folder whose Kafka and worker run while the tests of this process do."""
    home = Home(tmp_path_factory.mktemp("home"))
    with home.up() as up:
        assert up.said["ready"]
        yield home
    assert up.process.returncode == 0


@pytest.fixture(scope="session")
def one_move(home: Home) -> dict[str, Any]:
    """One demo move, indexed; the JSON of `index`."""
    answer = home.bachata("index", _DEMO / "clips" / "basic_side.mp4", "--annotations", _DEMO / "annotations.json")
    assert answer.status == 0, answer.said
    return answer.json


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
