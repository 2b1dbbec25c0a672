"""A step process for tests of the pool: its job `intake` does what the function named by its file's path does."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace

import numpy as np

from agents.media.submitted import SubmittedFile
from agents.step import Tools
from schemas.base import MediaFacts
from streams.steps import JOB_BY_NAME
from streams.worker import step_process

_MIB = 1 << 20
_held: list[object] = []


def nothing() -> None:
    """Return at once."""


def python_objects() -> None:
    """Allocate until Python raises `MemoryError`."""
    while True:
        _held.append(bytearray(8 * _MIB))


def numpy_array() -> None:
    """Allocate a terabyte at once."""
    _held.append(np.ones((1 << 40,), np.uint8))


def bad_alloc() -> None:
    """Die as C++ code does when `new` fails: one line on standard error, then abort()."""
    os.write(2, b"terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n")
    os.abort()


def crash_near_the_limit() -> None:
    """Die as C code does that uses memory without asking whether it got it."""
    try:
        python_objects()
    except MemoryError:
        time.sleep(0.5)  # the parent looks five times a second
        ctypes.string_at(0)


def crash() -> None:
    """Read from address 0."""
    ctypes.string_at(0)


def threads() -> None:
    """Start threads until there is no memory for their stacks."""
    while True:
        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()


def large_file() -> None:
    """Write a file of a terabyte."""
    with tempfile.TemporaryFile() as file:
        file.truncate(1 << 40)


def processor_time() -> None:
    """Calculate without end."""
    while True:
        pass


def processes() -> None:
    """Start another process and wait for it."""
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"], check=True)


def much_memory() -> None:
    """Keep 600 MiB after the end of the job."""
    _held.append(np.ones(600 * _MIB, np.uint8))


def _work(file: SubmittedFile, tools: Tools) -> MediaFacts:
    del tools
    globals()[file.path or ""]()
    return MediaFacts(sha256="0" * 64, size_bytes=1, kind="audio", format="wav", codec="pcm_s16le", duration_s=1.0)


if __name__ == "__main__":
    JOB_BY_NAME["intake"] = replace(JOB_BY_NAME["intake"], work=_work)
    step_process.main()
