"""A server of `faulty_qdrant_server` in a process of its own, which can be killed and started again."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from tests.paths import PROJECT

API_KEY = "key"


class QdrantProcess:
    """A server with the API key `key` over a folder, which keeps the points of a server that was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = _free_port()
        self.process = self._started()

    def __enter__(self) -> QdrantProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Return the server's address."""
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """Kill the server with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def start(self) -> None:
        """Start the server again; it must not be running."""
        self.process = self._started()

    def _started(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.chaos.faulty_qdrant_server", str(self._folder), str(self.port), API_KEY]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT)
        assert process.stdout is not None
        process.stdout.readline()  # it answers now
        process.stdout.close()
        return process


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
