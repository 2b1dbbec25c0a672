"""Run a watcher: look at its folders when the system gives notice of a change, and at intervals."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from infra.settings import Settings
from schemas.faults import Poison
from streams.watch.locks import locked_folders
from streams.watch.network import is_on_network
from streams.watch.outcomes import Outcome
from streams.watch.requests import PrintLine
from streams.watch.state import Content, WatchState
from streams.watch.stream import LocalStream
from streams.watch.watcher import Watcher, WatchOptions

_TICK_MS = 500
_RESCAN_S, _POLL_S = 30.0, 2.0
_RESCAN_SHARE = 10.0  # a search of a large folder is followed by a pause of so many times its duration


class _Source(NamedTuple):
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

    Return the outcomes of the files that arrived meanwhile, and the clips whose files are gone. Kafka and a worker must
    run, or come back: they are waited for. Raises: as `locked_folders`.
    """
    with locked_folders(settings.watch_dir, options.folders), LocalStream(settings) as stream:
        state = WatchState(settings.watch_dir)
        watcher = Watcher(settings, options, state, stream, print_line)
        try:
            on_ready()
            _run(watcher, options, stop, _source(settings, options, stop, print_line))
            return watcher.outcomes.all, state.without_source()
        finally:
            watcher.close()
            state.close()


def check_folders(folders: Sequence[Path]) -> None:
    """Check that there are folders of these names. Raises: `Poison` (`not_found`)."""
    for folder in folders:
        if not folder.is_dir():
            raise Poison(f"{folder} is not a folder that can be watched: create it, or name another", "not_found")


def _run(watcher: Watcher, options: WatchOptions, stop: threading.Event, source: _Source) -> None:
    rescan_at, earliest_at, changed = 0.0, 0.0, True
    for noticed in source.ticks:
        changed = changed or noticed
        now = monotonic()
        rescan = now >= rescan_at or (changed and now >= earliest_at)
        watcher.cycle(now, rescan=rescan)
        if rescan:
            ended_at, changed = monotonic(), False
            earliest_at = ended_at + _RESCAN_SHARE * (ended_at - now)
            rescan_at = max(ended_at + source.every_s, earliest_at)
        if stop.is_set() or (options.once and watcher.is_finished):
            return


def _source(settings: Settings, options: WatchOptions, stop: threading.Event, print_line: PrintLine) -> _Source:
    """Return the ticks of a run: of notices, or of a search every 2 s where the system gives none."""
    if settings.watch_polling or any(map(is_on_network, options.folders)):
        return _Source(_ticks(stop), _POLL_S)
    return _Source(_notices(options.folders, stop, print_line), _RESCAN_S)


def _ticks(stop: threading.Event) -> Iterator[bool]:
    """Yield False at each tick, the first time at once."""
    yield False
    while not stop.wait(_TICK_MS / 1000):
        yield False


def _notices(folders: Sequence[Path], stop: threading.Event, print_line: PrintLine) -> Iterator[bool]:
    """Yield at each tick whether the system has given notice of a change; without notices, as `_ticks`."""
    from watchfiles import watch

    yield True
    try:
        for changes in watch(
            *folders,
            watch_filter=None,
            debounce=_TICK_MS,
            rust_timeout=_TICK_MS,
            yield_on_timeout=True,
            stop_event=stop,
            force_polling=False,
            ignore_permission_denied=True,
        ):
            yield bool(changes)
    except OSError as error:
        print_line(f"warning: the system gives no notice of changes: {error}; folders are searched at intervals")
        yield from _ticks(stop)
