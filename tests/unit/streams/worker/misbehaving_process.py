"""A step process for tests of the pool: its job `intake` does what the function named by its file's path does."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
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


def process_of_another_group() -> None:
    """Leave a process that signals to the group do not reach, and whose parent ends."""
    code = "import subprocess, sys; subprocess.Popen(['sleep', '600'], start_new_session=True)"
    subprocess.run([sys.executable, "-c", code], check=True)


def process_of_another_group_and_wait() -> None:
    """Leave such a process and do not end."""
    process_of_another_group()
    time.sleep(600)


def errors_without_end() -> None:
    """Write to standard error until the process is ended."""
    while True:
        os.write(2, b"\x1b]0;a title\x07 and text\n" * 1000)


def _answer(text: bytes) -> None:
    """Write to the pipe of the answers, whatever its number is."""
    for number in range(3, 20):
        with suppress(OSError):
            os.write(number, text + b"\n")


def no_object() -> None:
    """Answer with a list."""
    _answer(b"[1]")


def no_cost() -> None:
    """Answer with a result of another type and nothing else."""
    _answer(b'{"result": 5}')


def no_number() -> None:
    """Answer with text where a number is due."""
    _answer(b'{"result": "{}", "cpu_seconds": 1, "peak_rss_bytes": 1, "memory_bytes": "x", "has_children": false}')


def no_fault() -> None:
    """Answer with a fault of a kind that there is not."""
    _answer(b'{"fault": "x", "reason": "x", "error": "x", "memory_bytes": 1, "has_children": false}')


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
