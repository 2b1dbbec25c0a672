"""Two free ports on 127.0.0.1: those of the last start where they are free, so that clients find the broker again."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import psutil

_FILE = "ports.json"
HOST = "127.0.0.1"


def choose_ports(folder: Path, *, anew: bool = False) -> tuple[int, int]:
    """The broker's and the controller's port; `anew` forgets those of the last start."""
    ports = None if anew else _remembered(folder)
    if ports is None or not all(map(_is_free, ports)):
        ports = _two_free()
    (folder / _FILE).write_text(json.dumps(ports))
    return ports


def answers(port: int) -> bool:
    """Whether something takes connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0


def listens(pid: int, port: int) -> bool:
    """Whether this very process listens on the port: another one may have taken it first."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


def _remembered(folder: Path) -> tuple[int, int] | None:
    try:
        port, controller = json.loads((folder / _FILE).read_text())
    except (OSError, ValueError, TypeError):
        return None
    return int(port), int(controller)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka does: closing ports do not count
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _two_free() -> tuple[int, int]:
    with socket.socket() as one, socket.socket() as other:
        one.bind((HOST, 0))
        other.bind((HOST, 0))
        return one.getsockname()[1], other.getsockname()[1]
