"""Turn the files of watched folders into requests, follow them, and show their outcomes.

What is known is stored before anything follows from it: a request has its id before it is published, so that a watcher
that was killed asks for its outcome, or publishes it again under the same id, which has one effect.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from agents.media.formats import CLIP_SUFFIXES, SONG_SUFFIXES
from agents.media.look import Contents
from infra.data_folder import folders_of_state
from infra.settings import Settings
from schemas.faults import Fault, Poison, Retryable, Unavailable
from streams.files.user_files import real_path, store_file, title_of
from streams.ids import new_request_id
from streams.watch.arrivals import Arrival, WatchedFolder, is_gone
from streams.watch.outcomes import Outcomes
from streams.watch.requests import PrintLine, Requests
from streams.watch.results import Results
from streams.watch.state import Content, Kind, KnownFile, Stat, WatchState
from streams.watch.stream import Stream

_KNOWN_SUFFIXES = CLIP_SUFFIXES | SONG_SUFFIXES
_MAY_BE_INCOMPLETE = frozenset({"not_media", "empty"})


@dataclass(frozen=True)
class WatchOptions:
    """What to watch, and how. `songs_to`: where videos go, None: they stay in the output folder.

    `once`: until each file that is there has its outcome. `settle_s`: how long a file must not change to be complete;
    `patience_s`: how long one that seems to lack its end.
    """

    folders: tuple[Path, ...]
    songs_to: Path | None = None
    results: Results = "beside"
    once: bool = False
    settle_s: float = 2.0
    patience_s: float = 60.0


@dataclass(frozen=True)
class _Stored:
    """A file in the media store."""

    sha256: str
    kind: Kind
    has_sound: bool


class Watcher:
    """Watches folders by calls of `cycle`, which raises no fault: what cannot be done now is waited for."""

    def __init__(
        self, settings: Settings, options: WatchOptions, state: WatchState, stream: Stream, print_line: PrintLine
    ) -> None:
        left_out = frozenset(map(real_path, _left_out(settings, options)))
        self.outcomes = Outcomes(settings, options.results, options.songs_to, state, print_line)
        self._settings = settings
        self._state = state
        self._stream = stream
        self._print_line = print_line
        self._waits = _Waits(print_line)
        self._warned: set[str] = set()
        self._folders = [
            WatchedFolder(folder, state, left_out, options.settle_s, 0.0 if options.once else options.patience_s)
            for folder in options.folders
        ]
        self._requests = Requests(self._folders, state, stream, self.outcomes, print_line)

    @property
    def is_finished(self) -> bool:
        """Return whether all files are known, and all outcomes too."""
        return all(watched.is_quiet for watched in self._folders) and not self._requests.are_open

    def close(self) -> None:
        """Release what other commands wait for."""
        self._requests.close()

    def cycle(self, now: float, *, rescan: bool) -> None:
        """Do all that can be done now. `now`: seconds of any clock; `rescan`: search the folders."""
        with self._waits:
            for watched in self._folders:
                if rescan:
                    self._try(partial(self._rescan, watched, now))
                self._read_annotations(watched)
            self._try(partial(self._take, now))
            self._try(self._requests.submit)
            self._try(self._requests.follow)
            for watched in self._folders:
                self._try(partial(self.outcomes.report, watched.folder))
                self._try(partial(self._requests.annotate, watched))

    def _try(self, part: Callable[[], None]) -> None:
        try:
            part()
        except (Retryable, Unavailable) as fault:
            self._waits.note(str(fault))

    def _warn(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line not in self._warned:
                self._warned.add(line)
                self._print_line(f"warning: {line}")

    def _rescan(self, watched: WatchedFolder, now: float) -> None:
        forgotten = watched.rescan(now)
        self._warn(watched.warnings)
        for file in forgotten:
            content = self._state.content(file.sha256) if file.sha256 else None
            if content is not None and content.kind == "clip" and not self._state.files_of(content.sha256):
                self._print_line(
                    f"{file.name} is gone: its move stays; `bachata moves remove {content.sha256[:12]}` removes it"
                )

    def _read_annotations(self, watched: WatchedFolder) -> None:
        try:
            if watched.annotations.refresh():
                watched.has_new_names = True
        except Poison as fault:
            self._print_line(f"warning: the annotations stay as they were: {fault}")

    def _take(self, now: float) -> None:
        """Store the files that are complete; songs are queued after the clips that arrived with them."""
        due = [(watched, arrival) for watched in self._folders for arrival in watched.due(now)]
        stored = [(watched, arrival, self._stored(watched, arrival, now)) for watched, arrival in due]
        self._stream.rest()
        for watched, arrival, taken in sorted(stored, key=lambda each: each[2] is not None and each[2].kind == "song"):
            if taken is not None:
                self._know(watched, arrival, taken)
                watched.taken(arrival)

    def _stored(self, watched: WatchedFolder, arrival: Arrival, now: float) -> _Stored | None:
        """Store a file if it is complete and opens; return what it has, or None."""
        file = watched.folder / arrival.path
        try:
            contents = self._stream.look(file)
            if contents.is_cut and watched.wait_for_end(arrival):
                return None
            kind = _kind(contents)
            media = store_file(self._settings, file, "video" if contents.has_pictures else "audio")
        except Poison as fault:
            self._refuse(watched, arrival, fault)
        except Retryable as fault:
            if not watched.try_again(arrival, now, without_limit=fault.reason == "storage"):
                self._refuse(watched, arrival, fault)
        except (OSError, ValueError) as error:
            self._refuse(watched, arrival, Poison(f"{type(error).__name__}: {error}", "unexpected"))
        else:
            if _is_unchanged(file, arrival.stat):
                return _Stored(media.sha256, kind, contents.has_sound)
        return None

    def _refuse(self, watched: WatchedFolder, arrival: Arrival, fault: Fault) -> None:
        """Note why a file is not taken, unless more of it may come; of files that are no media nothing is shown."""
        if is_gone(watched.folder / arrival.path):
            watched.taken(arrival)
            return
        is_media = os.path.splitext(arrival.path)[1].lower() in _KNOWN_SUFFIXES  # noqa: PTH122 - of any name
        may_be_incomplete = fault.reason in _MAY_BE_INCOMPLETE
        if is_media and may_be_incomplete and watched.wait_for_end(arrival):
            return
        is_other = may_be_incomplete and not is_media
        if is_other:
            self._print_line(f"{arrival.path}: left alone: {_without_path(watched, arrival, fault)}")
        self._state.put_file(
            KnownFile(
                watched.folder,
                arrival.path,
                arrival.path,
                arrival.stat,
                reason=fault.reason,
                error=_without_path(watched, arrival, fault),
                reported=is_other,
            )
        )
        watched.taken(arrival)

    def _know(self, watched: WatchedFolder, arrival: Arrival, stored: _Stored) -> None:
        """Note what a file has, and queue its content, unless another file has brought it."""
        file = KnownFile(watched.folder, arrival.path, arrival.path, arrival.stat, stored.sha256)
        others = [other for other in self._state.files_of(stored.sha256) if other.file != file.file]
        content = self._state.content(stored.sha256)
        if content is None or self._is_wanted_again(content, others):
            title = title_of(file.file)
            self._state.put_content(Content(stored.sha256, stored.kind, stored.has_sound, title, new_request_id()))
        else:
            watched.has_new_names = True
        self._state.put_file(file)

    def _is_wanted_again(self, content: Content, others: Sequence[KnownFile]) -> bool:
        """Return whether a file that arrives asks for another attempt, or brings back a move that was removed."""
        if content.is_open or any(is_gone(other.file) for other in others):  # the file was renamed
            return False
        return content.state == "failed" or (content.kind == "clip" and self._stream.move(content.sha256) is None)


class _Waits:
    """Prints what is waited for, once, and when nothing is any more. A context is one cycle."""

    def __init__(self, print_line: PrintLine) -> None:
        self._print_line = print_line
        self._displayed: set[str] = set()
        self._noted: set[str] = set()

    def __enter__(self) -> _Waits:
        self._noted = set()
        return self

    def __exit__(self, *_: object) -> None:
        if self._displayed and not self._noted:
            self._print_line("no longer waiting")
        self._displayed = self._displayed | self._noted if self._noted else set()

    def note(self, wait: str) -> None:
        """Note what is waited for in this cycle."""
        if wait not in self._displayed and wait not in self._noted:
            self._print_line(f"waiting: {wait}")
        self._noted.add(wait)


def _left_out(settings: Settings, options: WatchOptions) -> Iterator[Path]:
    yield from folders_of_state(settings)
    yield settings.cache_dir
    if options.songs_to is not None:
        yield options.songs_to


def _kind(contents: Contents) -> Kind:
    if not (contents.has_pictures or contents.has_sound):
        raise Poison("it has neither pictures nor sound", "no_audio")
    return "clip" if contents.has_pictures else "song"


def _is_unchanged(file: Path, stat: Stat) -> bool:
    try:
        return Stat.of(file.stat()).is_same(stat)
    except OSError:
        return False


def _without_path(watched: WatchedFolder, arrival: Arrival, fault: Fault) -> str:
    return str(fault).removeprefix(f"{watched.folder / arrival.path}: ")
