"""Watch the folders of BACHATA_WATCH beside the services of `bachata up`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from infra.settings import Settings
from schemas.faults import Fault
from streams.watch.outcomes import PrintLine
from streams.watch.run import watch_folders, watch_options

_RETRY_S = 10.0


@contextmanager
def watching(settings: Settings, print_line: PrintLine) -> Iterator[None]:
    """Watch the folders of the settings, if there are any, on a thread until the context ends."""
    if not settings.watch:
        yield
        return
    ended = threading.Event()
    thread = threading.Thread(target=_watch_until, args=(settings, ended, print_line), name="watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_RETRY_S)


def _watch_until(settings: Settings, ended: threading.Event, print_line: PrintLine) -> None:
    """Watch until the event; what ends the watcher before is printed, and it is started again."""
    options = watch_options(settings, settings.watch)
    printed = None

    def ready() -> None:
        print_line(f"watching {', '.join(map(str, options.folders))}")

    while not ended.is_set():
        try:
            watch_folders(settings, options, print_line, ended, ready)
        except Fault as fault:
            problem = str(fault)
        except Exception as error:  # noqa: BLE001 - the services go on
            problem = f"{type(error).__name__}: {error}"
        else:
            return
        if problem != printed:
            print_line(f"error: the folders are not watched: {problem}")
        printed = problem
        ended.wait(_RETRY_S)
