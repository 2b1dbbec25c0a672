"""Where a folder's broker is: other processes read it here while the broker runs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from infra.local_kafka.lock import is_locked

_FILE = "running.json"


@dataclass(frozen=True)
class Running:
    """A broker that is up: its address, and its process (id, and start in s since 1970, since ids are used again)."""

    bootstrap: str
    pid: int
    started: float


def announce(folder: Path, bootstrap: str, pid: int) -> None:
    """Say that the broker is ready; seen whole or not at all."""
    running = Running(bootstrap, pid, psutil.Process(pid).create_time())
    fresh = folder / f"{_FILE}.fresh"
    fresh.write_text(json.dumps(asdict(running)))
    fresh.replace(folder / _FILE)


def withdraw(folder: Path) -> None:
    """Say that no broker is ready."""
    (folder / _FILE).unlink(missing_ok=True)


def running(folder: Path) -> Running | None:
    """The broker that is ready on the folder, whoever started it; None without one."""
    try:
        found = Running(**json.loads((folder / _FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if is_locked(folder) and _lives(found) else None


def stop_running(folder: Path, timeout_s: float = 15.0) -> bool:
    """Stop the folder's broker, whoever started it. Returns whether there was one."""
    found = running(folder)
    if found is None:
        return False
    try:
        end(psutil.Process(found.pid), timeout_s)
    except psutil.NoSuchProcess:
        return True
    return True


def end(process: psutil.Process, timeout_s: float) -> None:
    """Let the process end by itself (SIGTERM), by force after `timeout_s`."""
    os.kill(process.pid, 15)
    try:
        process.wait(timeout_s)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait()


def _lives(found: Running) -> bool:
    try:
        process = psutil.Process(found.pid)
        return process.create_time() == found.started and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
