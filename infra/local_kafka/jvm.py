"""A Java process that never outlives us: a main class goes in, a child process comes out."""

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
from infra.local_kafka.files import CONSOLE_LOG, LOGGING

_WRAPPER = Path(die_with_parent.__file__)
_FOREIGN_OPTIONS = {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"}
# The quick compiler and the plain collector: a short start and a small process matter more here than peak speed.
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
    """A Java, what it loads, and the start-up cache made for both (`warm_up`), where there is one."""

    java: Path
    class_path: str
    cache: Path | None = None
    options: tuple[str, ...] = ()

    def training(self, cache: Path) -> Jvm:
        """The same, writing the start-up cache as it ends."""
        return replace(self, cache=None, options=(*self.options, f"-XX:AOTCacheOutput={cache}"))

    def command(self, main: Sequence[str]) -> list[str]:
        """The command line that runs `main`, a class and its arguments."""
        cached = [f"-XX:AOTCache={self.cache}"] if self.cache else []
        return [str(self.java), *_OPTIONS, *cached, *self.options, "-cp", self.class_path, *main]

    def spawn(self, folder: Path, command: Sequence[str], keep_open: Sequence[int] = ()) -> subprocess.Popen[bytes]:
        """Start `command` in `folder`, its output in a file there; it is killed as soon as we end, however we end."""
        with (folder / CONSOLE_LOG).open("wb") as console:
            return _from_a_lasting_thread(
                [sys.executable, "-I", "-S", str(_WRAPPER), str(os.getpid()), *command],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
                env=_environment(),
                pass_fds=tuple(keep_open),
                start_new_session=True,  # Ctrl-C is for us: the broker goes last
            )


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN_OPTIONS}
    # A UTF-8 locale, else Java cannot open files with accents; few arenas, else glibc keeps freed memory per thread
    return kept | {"LC_ALL": "C.UTF-8", "MALLOC_ARENA_MAX": "2"}


def _from_a_lasting_thread(command: Sequence[str], **how: object) -> subprocess.Popen[bytes]:
    """Linux kills the child when the THREAD that forked it ends, so the thread waits for the child."""
    started: Future[subprocess.Popen[bytes]] = Future()

    def keep() -> None:
        try:
            process = subprocess.Popen(command, **how)  # type: ignore[call-overload]
        except Exception as error:  # noqa: BLE001 - who waits for the process gets it
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()

    threading.Thread(target=keep, name="jvm-keeper", daemon=True).start()
    return started.result()
