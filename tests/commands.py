"""Run `bachata` for tests that do not concern its start; see `tests.command_server`."""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.command_server import listen, run_command
from tests.paths import BACHATA, PROJECT

_USUAL_UMASK = 0o022
_SERVER = [sys.executable, "-X", "utf8", "-m", "tests.command_server"]


def run_bachata(
    *arguments: str | Path, env: Mapping[str, str] | None = None, timeout_s: float = 60.0
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, and return its status and its output.

    Raises: `TimeoutError` if it runs longer.
    """
    command = [str(BACHATA), *map(str, arguments)]
    with ExitStack() as files, open(os.devnull) as nothing:  # noqa: PTH123
        output, errors = (files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2))
        standard_files = (nothing.fileno(), output.fileno(), errors.fileno())
        status = run_command(server_address(), command[1:], env or os.environ, standard_files, timeout_s)
        for file in (output, errors):
            file.seek(0)
        return subprocess.CompletedProcess(command, status, output.read(), errors.read())


@functools.cache
def server_address() -> str:
    """Return the socket of the server of commands, which ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="bachata-commands-")
    address = f"{folder.name}/socket"
    with listen(address) as listener:
        server = subprocess.Popen(
            [*_SERVER, str(listener.fileno())],
            cwd=PROJECT,
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
            umask=_USUAL_UMASK,
            start_new_session=True,
        )
    atexit.register(folder.cleanup)
    atexit.register(server.communicate)  # ends its standard input and waits
    return address
