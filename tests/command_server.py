"""Run commands of `bachata` in processes forked from one that has imported the program, which is most of their cost.

Each command has a process, environment, folder and standard files of its own, as when a shell starts it. Tests of the
start itself run the program. `python -m tests.command_server DESCRIPTOR` serves until its standard input ends;
`python -I -S command_server.py SOCKET ARGUMENTS...` runs one command, and imports only the standard library.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

_MAX_REQUEST_BYTES = 150_000  # one packet


def run_command(
    address: str,
    arguments: list[str],
    env: Mapping[str, str],
    files: tuple[int, int, int] = (0, 1, 2),
    timeout_s: float | None = None,
) -> int:
    """Run a command in the current folder, with the descriptors of its standard files, and return its status.

    Raises: `TimeoutError` if it runs longer; it is then killed.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(timeout_s)
        connection.connect(address)
        request = json.dumps({"arguments": arguments, "env": dict(env), "folder": os.getcwd()})  # noqa: PTH109
        socket.send_fds(connection, [request.encode()], files)
        return int(connection.recv(16))


def listen(address: str) -> socket.socket:
    """Return the socket of a server."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(address)
    listener.listen()
    return listener


def serve(listener: socket.socket) -> bool:
    """Run the commands that are requested until standard input ends. Return true in each process of a command."""
    watched = [listener.fileno(), sys.stdin.fileno()]
    while listener.fileno() in select.select(watched, [], [])[0]:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            _start(connection)
            return True
        connection.close()
        _reap()
    return False


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def _start(connection: socket.socket) -> None:
    """Return in a new process that is the command; this one waits for its end and sends its status."""
    request, files, _, _ = socket.recv_fds(connection, _MAX_REQUEST_BYTES, 3)
    command = os.fork()
    if command == 0:
        connection.close()
        _become(json.loads(request), files)
        return
    for file in files:
        os.close(file)
    _send_status(connection, command)


def _send_status(connection: socket.socket, command: int) -> NoReturn:
    """Send the status of a command when it has ended; kill it if nobody waits for it any more."""
    ended = os.pidfd_open(command)
    waiting: list[int] = [ended, connection.fileno()]
    if ended not in select.select(waiting, [], [])[0]:
        os.kill(command, signal.SIGKILL)
    _, status = os.waitpid(command, 0)
    with suppress(OSError):
        connection.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Take the arguments, environment, folder and standard files of the command."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["folder"])
    sys.argv = ["bachata", *request["arguments"]]


def _main() -> None:
    import gc
    import pkgutil
    from importlib import import_module

    import streams.cli
    from streams.program import bachata

    for module in pkgutil.walk_packages(streams.cli.__path__, "streams.cli."):
        import_module(module.name)
    gc.freeze()
    if serve(socket.socket(fileno=int(sys.argv[1]))):
        bachata()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        sys.exit(run_command(sys.argv[1], sys.argv[2:], os.environ))
    _main()
