"""A Qdrant server in a container of this data folder, by the command `docker`."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any
from urllib.parse import urlsplit

import httpx

from infra.base.secret_file import read_secret
from infra.move_index.config import GRPC_PORT, HTTP_PORT
from infra.settings import Settings
from schemas.faults import Poison, Retryable

IMAGE = "qdrant/qdrant:v1.19.0-unprivileged"  # as in docker-compose.yml
_LOCAL_HOSTS = ("localhost", "127.0.0.1")
_READY_TIMEOUT_S, _POLL_INTERVAL_S = 60.0, 0.3
_DOCKER_TIMEOUT_S = 300.0  # the image may have to be downloaded


@dataclass(frozen=True)
class QdrantContainer:
    """The container: its name, its port on 127.0.0.1, the folder of its points, and its API key."""

    name: str
    port: int
    folder: Path
    api_key: str

    @property
    def url(self) -> str:
        """Return the address of the server."""
        return f"http://localhost:{self.port}"

    def start(self) -> None:
        """Start the server and return when it answers. Raises: `Retryable` (`docker`, `qdrant_away`)."""
        _check_docker()
        if self.state() != "running":
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _docker("rm", "--force", self.name)  # one that is stopped may have other options
            _docker(*self._run_arguments(), key=self.api_key)
        self._wait_until_ready()

    def stop(self) -> bool:
        """Stop the server, whose points stay in the folder; return whether it ran. Raises: `Retryable` (`docker`)."""
        _check_docker()
        ran = self.state() == "running"
        if ran:
            _docker("stop", "--time", "30", self.name)
        return ran

    def state(self) -> str:
        """Return Docker's word for the state of the container, such as `running`; empty where there is none."""
        found = _docker("container", "inspect", self.name, "--format", "{{json .State}}", check=False)
        state: dict[str, Any] = json.loads(found or "{}")
        return str(state.get("Status", ""))

    def _run_arguments(self) -> list[str]:
        user = f"{os.getuid()}:{os.getgid()}"  # the folder is closed to all others
        return [
            *("run", "--detach", "--name", self.name, "--restart", "unless-stopped", "--user", user),
            *("--publish", f"127.0.0.1:{self.port}:{HTTP_PORT}", "--publish", f"127.0.0.1:{self.port + 1}:{GRPC_PORT}"),
            *("--volume", f"{self.folder}:/qdrant/storage", "--tmpfs", "/qdrant/snapshots:mode=1777"),
            *("--env", "QDRANT__SERVICE__API_KEY", "--env", "QDRANT__TELEMETRY_DISABLED=true"),
            *("--cap-drop", "ALL", "--security-opt", "no-new-privileges:true", IMAGE),
        ]

    def _wait_until_ready(self) -> None:
        deadline = monotonic() + _READY_TIMEOUT_S
        while not self._is_ready():
            if monotonic() > deadline:
                message = f"Qdrant in the container {self.name} does not answer: `docker logs {self.name}` shows why"
                raise Retryable(message, reason="qdrant_away")
            sleep(_POLL_INTERVAL_S)

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2.0, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def container_of(settings: Settings) -> QdrantContainer:
    """Return the container of this data folder, whether it runs or not.

    Raises: `Poison` (`settings`) where BACHATA_QDRANT_URL names a server on another machine.
    """
    parts = urlsplit(settings.qdrant_url or f"http://localhost:{HTTP_PORT}")
    if parts.hostname not in _LOCAL_HOSTS or parts.scheme != "http":
        problem = f"BACHATA_QDRANT_URL is {settings.qdrant_url}, a server that this command does not start or stop"
        raise Poison(problem, reason="settings")
    folder = hashlib.sha256(str(settings.data_dir).encode()).hexdigest()[:8]
    key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else read_secret(key_file(settings))
    return QdrantContainer(
        f"bachata-qdrant-{folder}", parts.port or HTTP_PORT, settings.data_dir / "qdrant", api_key=key
    )


def key_file(settings: Settings) -> Path:
    """Return the file of the API key that is made where the settings have none."""
    return settings.run_dir / "qdrant_api_key"


def _check_docker() -> None:
    """Raise `Retryable` (`docker`) where no container can be run."""
    problem = "Docker is not installed"
    if shutil.which("docker") is not None:
        if _docker("version", "--format", "{{.Server.Version}}", check=False):
            return
        problem = "Docker does not run on this machine, or not for you"
    advice = "start it, or run a Qdrant server yourself and set BACHATA_QDRANT_URL"
    raise Retryable(f"{problem}: {advice}; without one, the engine inside the worker has the moves", reason="docker")


def _docker(*arguments: str, check: bool = True, key: str | None = None) -> str:
    """Return what a command of `docker` prints. Raises: `Retryable` (`docker`)."""
    environment = dict(os.environ) | ({} if key is None else {"QDRANT__SERVICE__API_KEY": key})
    command = ["docker", *arguments]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_DOCKER_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Retryable(f"`docker {arguments[0]}` fails: {error}", reason="docker") from error
    if done.returncode and check and arguments[0] != "rm":
        problem = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Retryable(f"`docker {arguments[0]}` fails: {problem}", reason="docker")
    return "" if done.returncode else done.stdout.strip()
