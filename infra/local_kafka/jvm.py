"""Run a Java program as a child process that ends with this process, however this process ends."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path

from infra.base import die_with_parent
from infra.base.umask import PRIVATE
from infra.local_kafka.files import CONSOLE_LOG, LOGGING

_WRAPPER = Path(die_with_parent.__file__)
_FOREIGN_OPTIONS = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"}
# The C1 compiler only and the serial collector: a short start and a small process matter more here than peak speed.
_OPTIONS = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:+IgnoreUnrecognizedVMOptions",
    "-XX:ErrorFile=java_crash.log",
    "-Xlog:disable",
    "-Djava.awt.headless=true",
    "-Djava.io.tmpdir=tmp",
    f"-Djava.util.logging.config.file={LOGGING}",
)


@dataclass(frozen=True)
class Jvm:
    """A Java, its class path, and the start-up cache made for both (`create_startup_cache`), if there is one."""

    java: Path
    class_path: str
    cache: Path | None = None
    options: tuple[str, ...] = ()

    def training(self, cache: Path) -> Jvm:
        """Return a copy whose process writes the start-up cache when it ends."""
        return replace(self, cache=None, options=(*self.options, f"-XX:AOTCacheOutput={cache}"))

    def command(self, main: Sequence[str]) -> list[str]:
        """Return the command line that runs `main`, a class and its arguments."""
        cached = [f"-XX:AOTCache={self.cache}"] if self.cache else []
        return [str(self.java), *_OPTIONS, *cached, *self.options, "-cp", self.class_path, *main]

    def spawn(self, folder: Path, command: Sequence[str], pass_fds: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """Start `command` in `folder`, with its output in console.log there; it is killed when this process ends.

        `pass_fds`: file descriptors that the child inherits.
        """
        with (folder / CONSOLE_LOG).open("wb") as console:
            return _spawn_in_waiting_thread(
                [sys.executable, "-I", "-S", str(_WRAPPER), str(os.getpid()), *command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=_environment(),
                pass_fds=tuple(pass_fds),
                umask=PRIVATE,
                start_new_session=True,  # Ctrl-C must not stop the broker: this process stops it, last
            )


def _environment() -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN_OPTIONS}
    # A UTF-8 locale, else Java cannot open files with accents; few arenas, else glibc retains freed memory per thread.
    return environment | {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}


def _spawn_in_waiting_thread(command: Sequence[str], **options: object) -> subprocess.Popen[bytes]:
    """Start the child in a thread that waits for its end: Linux kills a child when the THREAD that forked it ends."""
    started: Future[subprocess.Popen[bytes]] = Future()

    def spawn_and_wait() -> None:
        try:
            process = subprocess.Popen(command, **options)  # type: ignore[call-overload]
        except Exception as error:  # noqa: BLE001 - raised in the thread that called
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()

    threading.Thread(target=spawn_and_wait, name="jvm-waiter", daemon=True).start()
    return started.result()
