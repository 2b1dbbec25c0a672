"""Choose two free ports on 127.0.0.1: those of the last start if free, so that clients find the broker again."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from random import SystemRandom

import psutil

from infra.base.atomic_file import replacing

_FILE = "ports.json"
HOST = "127.0.0.1"
# Below the ports that Linux gives to outgoing connections: one of those could take the port between two starts.
_PORTS = range(20_000, 32_768)


def choose_ports(folder: Path, *, new: bool = False) -> tuple[int, int]:
    """Return the broker's and the controller's port, and store them; `new` ignores the ports of the last start."""
    ports = None if new else _stored_ports(folder)
    if ports is None or not all(map(_is_free, ports)):
        ports = _two_free_ports()
    with replacing(folder / _FILE, durable=False) as temporary:
        temporary.write_text(json.dumps(ports))
    return ports


def accepts_connections(port: int) -> bool:
    """Return whether any process accepts connections on the port, within 0.2 s."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0


def listens(pid: int, port: int) -> bool:
    """Return whether this process, and not another, listens on the port."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return False
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


def _stored_ports(folder: Path) -> tuple[int, int] | None:
    try:
        port, controller = json.loads((folder / _FILE).read_text())
    except (OSError, ValueError, TypeError):
        return None
    return int(port), int(controller)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka does: a port in TIME_WAIT is free
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _two_free_ports() -> tuple[int, int]:
    free = filter(_is_free, SystemRandom().sample(_PORTS, len(_PORTS)))
    return next(free), next(free)
