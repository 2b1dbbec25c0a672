"""Run a watcher: look at its folders when the system gives notice of a change, and at intervals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from infra.settings import Settings
from schemas.faults import Poison
from streams.files.user_files import real_path
from streams.watch.locks import locked_folders
from streams.watch.network import is_on_network
from streams.watch.outcomes import Outcome, PrintLine
from streams.watch.state import Content, WatchState
from streams.watch.stream import LocalStreamAccess
from streams.watch.watcher import Watcher, WatchOptions

_TICK_MS = 500
_RESCAN_S, _POLL_S = 30.0, 2.0
_TICKS_WITHOUT = 4  # notices: another attempt every 2 s
_RESCAN_SHARE = 10.0  # a search of a large folder is followed by a pause of so many times its duration


_Identity = tuple[int, int]


class _Schedule(NamedTuple):
    """Ticks that say whether something has changed. The folders are searched every `every_s` anyway."""

    ticks: Iterator[bool]
    every_s: float


def watch_folders(
    settings: Settings,
    options: WatchOptions,
    print_line: PrintLine,
    stop: threading.Event,
    on_ready: Callable[[], None] = lambda: None,
) -> tuple[list[Outcome], list[Content]]:
    """Watch until `stop` is set; with `options.once`, until all files that are there have an outcome.

    Return the outcomes of the files, with `options.once` only, and the clips whose files are gone. Kafka and a worker
    must run, or come back: they are waited for. Raises: as `locked_folders`.
    """
    with locked_folders(settings.watch_dir, options.folders), LocalStreamAccess(settings) as stream:
        state = WatchState(settings.watch_dir)
        watcher = Watcher(settings, options, state, stream, print_line)
        try:
            on_ready()
            outcomes = _run(watcher, options, stop, _schedule(settings, options, stop, print_line))
            return outcomes, watcher.without_source()
        finally:
            watcher.close()
            state.close()


def watch_options(settings: Settings, folders: Sequence[Path]) -> WatchOptions:
    """Return how to watch these folders, as the settings say."""
    names = tuple(dict.fromkeys(map(real_path, folders)))
    songs_to = None if settings.watch_songs_to is None else real_path(settings.watch_songs_to)
    return WatchOptions(names, songs_to, settings.watch_results)


def check_folders(folders: Sequence[Path]) -> None:
    """Check that there are folders of these names. Raises: `Poison` (`not_found`)."""
    for folder in folders:
        if not folder.is_dir():
            raise Poison(f"{folder} is not a folder that can be watched: create it, or name another", "not_found")


def _run(watcher: Watcher, options: WatchOptions, stop: threading.Event, schedule: _Schedule) -> list[Outcome]:
    """Run the watcher; return the outcomes with `options.once` only, as it may run for months else."""
    outcomes: list[Outcome] = []
    rescan_at, earliest_at, changed = 0.0, 0.0, True
    for noticed in schedule.ticks:
        changed = changed or noticed or watcher.has_missing
        now = monotonic()
        rescan = now >= rescan_at or (changed and now >= earliest_at)
        found = watcher.cycle(now, rescan=rescan)
        outcomes += found if options.once else []
        if rescan:
            ended_at, changed = monotonic(), False
            earliest_at = ended_at + _RESCAN_SHARE * (ended_at - now)
            rescan_at = max(ended_at + schedule.every_s, earliest_at)
        if stop.is_set() or (options.once and watcher.is_finished):
            break
    return outcomes


def _schedule(settings: Settings, options: WatchOptions, stop: threading.Event, print_line: PrintLine) -> _Schedule:
    """Return the ticks of a run: of notices, or of a search every 2 s where the system gives none."""
    if settings.watch_polling or any(map(is_on_network, options.folders)):
        return _Schedule(_ticks(stop), _POLL_S)
    return _Schedule(_notices(options.folders, stop, print_line), _RESCAN_S)


def _ticks(stop: threading.Event) -> Iterator[bool]:
    """Yield False at each tick, the first time at once."""
    yield False
    while not stop.wait(_TICK_MS / 1000):
        yield False


def _notices(folders: Sequence[Path], stop: threading.Event, print_line: PrintLine) -> Iterator[bool]:
    """Yield at each tick whether something may have changed: the first time, and when the system gives notice.

    Notice is requested of the folders that are there, again when another one appears or takes the place of one. While
    there is none, something may have changed every 2 s.
    """
    printed = None
    yield True
    while not stop.is_set():
        present = _identities(folders)
        try:
            yield from _notices_of(present, folders, stop)
        except (OSError, RuntimeError) as error:  # the latter of watchfiles: its error of the system
            printed = _print_once(f"warning: the system gives no notice of changes: {error}", printed, print_line)
            yield from islice(_ticks(stop), _TICKS_WITHOUT)
        if not stop.is_set():
            yield True


def _notices_of(present: Mapping[Path, _Identity], folders: Sequence[Path], stop: threading.Event) -> Iterator[bool]:
    """Yield at each tick whether the system has given notice, until other folders are there than `present`."""
    from watchfiles import watch

    notices = watch(
        *present,
        watch_filter=None,
        debounce=_TICK_MS,
        rust_timeout=_TICK_MS,
        yield_on_timeout=True,
        stop_event=stop,
        force_polling=False,
        ignore_permission_denied=True,
    )
    for changes in notices if present else map(bool, _ticks(stop)):
        if _identities(folders) != present:
            return
        yield bool(changes)


def _identities(folders: Sequence[Path]) -> dict[Path, _Identity]:
    """Return the device and inode of each folder that is there."""
    found = {}
    for folder in folders:
        with suppress(OSError):
            status = folder.stat()
            found[folder] = status.st_dev, status.st_ino
    return found


def _print_once(line: str, printed: str | None, print_line: PrintLine) -> str:
    if line != printed:
        print_line(line)
    return line
