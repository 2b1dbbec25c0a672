"""A song whose move index is away says what it waits for, and goes on when the index is back."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

import pytest

from tests.broker.conftest import DataFolder
from tests.chaos.faulty_qdrant_server import FaultyQdrantServer
from tests.paths import BACHATA, DEMO

pytestmark = [pytest.mark.broker, pytest.mark.chaos]  # it takes a minute on a busy machine
_SILENT_S = 20.0  # the program's start, which takes seconds on a busy machine, and 10 s
_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class _QdrantFolder(DataFolder):
    """A data folder whose moves are on a Qdrant server."""

    qdrant_url: str

    @property
    def env(self) -> dict[str, str]:
        return super().env | {"BACHATA_QDRANT_URL": self.qdrant_url}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[FaultyQdrantServer]:
    """Yield a server, at first without faults."""
    with FaultyQdrantServer(tmp_path / "server") as server:
        yield server


def _lines(folder: DataFolder, song: Path, seed: int, server: FaultyQdrantServer) -> list[tuple[float, str]]:
    """Return what `generate` prints, with times; the server recovers when the command says that it waits."""
    command = [str(BACHATA), "generate", str(song), "--seed", str(seed)]
    lines, started = [], monotonic()
    with subprocess.Popen(command, env=folder.env, stderr=subprocess.PIPE, text=True) as process:
        timer = threading.Timer(_TIMEOUT_S, process.kill)
        timer.start()
        assert process.stderr is not None
        for line in process.stderr:
            lines.append((monotonic() - started, line.rstrip()))
            if line.startswith("waiting: "):
                server.recover()
        timer.cancel()
    assert process.returncode == 0, lines
    return lines


def test_a_song_says_that_the_move_index_is_away(server: FaultyQdrantServer, tmp_path: Path, demo_song: Path) -> None:
    folder = _QdrantFolder(tmp_path / "data_folder", server.url)
    with folder.up():
        assert folder.bachata("index", DEMO / "clips" / "basic_side.mp4").exit_code == 0
        for seed, misbehave in enumerate((server.refuse, server.hang)):
            misbehave()
            lines = _lines(folder, demo_song, seed, server)
            seconds, wait = next((seconds, line) for seconds, line in lines if line.startswith("waiting: "))
            assert f"Qdrant at {server.url} does not answer" in wait, lines
            assert seconds < _SILENT_S, lines
