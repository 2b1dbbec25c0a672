"""Turn the files of watched folders into requests, follow them, and make their outcomes visible.

What is known is stored before anything follows from it: a request has its id before it is published, so that a watcher
that was killed asks for its outcome, or publishes it again under the same id, which has one effect.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from agents.media.formats import CLIP_SUFFIXES, SONG_SUFFIXES
from agents.media.probe_file import Contents
from infra.data_folder import folders_of_state
from infra.settings import Settings
from schemas.faults import Fault, Poison, Retryable, Unavailable
from streams.files.user_files import real_path, store_file, title_of
from streams.ids import new_request_id
from streams.watch.arrivals import Arrival, WatchedFolder, is_gone, is_in_outcome_folder
from streams.watch.outcomes import MAY_BE_INCOMPLETE, Outcome, Outcomes, PrintLine
from streams.watch.requests import FolderRequests
from streams.watch.results import ResultPlace
from streams.watch.state import Content, Kind, Stat, TrackedFile, WatchState
from streams.watch.stream import StreamAccess

_KNOWN_SUFFIXES = CLIP_SUFFIXES | SONG_SUFFIXES
_MAX_PROBED, _MAX_STORED = 64, 16  # files in one cycle: requests are submitted and followed in between
_PAUSE_S = (2.0, 30.0)  # after a fault, and at most, after repeated ones


@dataclass(frozen=True)
class WatchOptions:
    """What to watch, and how. `songs_to`: where videos go, None: they stay in the output folder.

    `once`: until each file that is there has its outcome. `settle_s`: how long a file must not change to be complete;
    `patience_s`: how long one that seems to lack its end.
    """

    folders: tuple[Path, ...]
    songs_to: Path | None = None
    results: ResultPlace = "beside"
    once: bool = False
    settle_s: float = 2.0
    patience_s: float = 60.0


class Watcher:
    """Watches folders by calls of `cycle`, which waits for what cannot be done now: it raises no fault that passes."""

    def __init__(
        self, settings: Settings, options: WatchOptions, state: WatchState, stream: StreamAccess, print_line: PrintLine
    ) -> None:
        left_out = frozenset(map(real_path, _left_out(settings, options)))
        self._settings = settings
        self._state = state
        self._stream = stream
        self._print_line = print_line
        self._outcomes = Outcomes(settings, options.results, options.songs_to, state, print_line)
        self._waits = _Waits(print_line)
        self._warned: set[str] = set()
        self._gone: dict[str, TrackedFile] = {}
        self._folders = [
            WatchedFolder(folder, state, left_out, options.settle_s, 0.0 if options.once else options.patience_s)
            for folder in options.folders
        ]
        self._requests = FolderRequests(self._folders, state, stream, self._outcomes, print_line)

    @property
    def is_finished(self) -> bool:
        """Return whether all files are known, and all outcomes too."""
        is_reported = not any(self._state.unreported(watched.folder) for watched in self._folders)
        is_quiet = all(watched.is_quiet for watched in self._folders) and not self._gone
        return is_quiet and is_reported and not self._requests.are_open

    @property
    def has_missing(self) -> bool:
        """Return whether another search is needed soon."""
        return any(watched.has_missing for watched in self._folders)

    def close(self) -> None:
        """Release what other commands wait for."""
        self._requests.close()

    def cycle(self, now: float, *, rescan: bool) -> list[Outcome]:
        """Do all that can be done now, and return the outcomes that became visible.

        `now`: seconds of any clock; `rescan`: search the folders.
        """
        outcomes: list[Outcome] = []
        with self._waits as waits:
            for watched in self._folders:
                if rescan:
                    waits.run(partial(self._rescan, watched, now))
                self._read_annotations(watched)
            waits.run_paused("take", partial(self._take, now), now)
            waits.run_paused("submit", self._requests.submit, now)
            waits.run_paused("follow", self._requests.follow, now)
            waits.run_paused("gone", self._print_gone, now)
            for watched in self._folders:
                waits.run(partial(self._report, watched.folder, outcomes))
                waits.run_paused(f"annotate {watched.folder}", partial(self._requests.annotate, watched), now)
        return outcomes

    def without_source(self) -> list[Content]:
        """Return the clips whose move is in the library and whose files are gone; others are removed from the state.

        While the library does not answer, those that were moves are returned.
        """
        contents = self._state.without_source()
        try:
            clips = self._stream.library_clips() if contents else frozenset()
        except Retryable:
            return contents
        for content in contents:
            if content.sha256 not in clips:
                self._state.remove_content(content)
        return [content for content in contents if content.sha256 in clips]

    def _report(self, folder: Path, outcomes: list[Outcome]) -> None:
        for outcome in self._outcomes.report(folder):
            outcomes.append(outcome)  # noqa: PERF402 - those before a fault, too

    def _warn(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line not in self._warned:
                self._warned.add(line)
                self._print_line(f"warning: {line}")

    def _rescan(self, watched: WatchedFolder, now: float) -> None:
        gone = watched.rescan(now)
        self._warn(watched.warnings)
        self._gone |= {file.sha256: file for file in gone if file.sha256 is not None}

    def _print_gone(self) -> None:
        """Print which moves are without source since files are gone."""
        if not self._gone:
            return
        clips = {content.sha256 for content in self.without_source()}
        for sha256, file in self._gone.items():
            if sha256 in clips:
                self._print_line(
                    f"{file.name} is gone: its move stays; `bachata moves remove {sha256[:12]}` removes it"
                )
        self._gone.clear()

    def _read_annotations(self, watched: WatchedFolder) -> None:
        try:
            if watched.annotations.refresh():
                watched.has_new_names = True
        except Poison as fault:
            self._print_line(f"warning: the annotations stay as they were: {fault}")

    def _take(self, now: float) -> None:
        """Store some of the files that are complete, clips before the songs that arrived with them."""
        unprobed = [due for due in self._due(now) if due[1].contents is None]
        for watched, arrival in unprobed[:_MAX_PROBED]:
            with self._refusing(watched, arrival, now):
                self._probe(watched, arrival)
        if len(unprobed) <= _MAX_PROBED:
            self._stream.stop_probing()
        for watched, arrival, contents in self._probed(now)[:_MAX_STORED]:
            with self._refusing(watched, arrival, now):
                self._store(watched, arrival, contents)

    def _due(self, now: float) -> list[tuple[WatchedFolder, Arrival]]:
        return [(watched, arrival) for watched in self._folders for arrival in watched.due(now)]

    def _probed(self, now: float) -> list[tuple[WatchedFolder, Arrival, Contents]]:
        """Return the files that can be stored: clips, then songs, if all files that are complete were probed."""
        due = self._due(now)
        probed = [(watched, arrival, arrival.contents) for watched, arrival in due if arrival.contents is not None]
        clips = [file for file in probed if file[2].has_pictures]
        songs = [file for file in probed if not file[2].has_pictures]
        return clips + (songs if len(probed) == len(due) else [])

    def _probe(self, watched: WatchedFolder, arrival: Arrival) -> None:
        contents = self._stream.probe(watched.folder / arrival.path)
        if not (contents.has_pictures or contents.has_sound):
            raise Poison("it has neither pictures nor sound", "no_audio")
        if not (contents.is_cut and watched.wait_for_end(arrival)):
            watched.put_contents(arrival, contents)

    def _store(self, watched: WatchedFolder, arrival: Arrival, contents: Contents) -> None:
        """Copy a file into the media store and note what it has, unless it has changed meanwhile."""
        file = watched.folder / arrival.path
        media = store_file(self._settings, file, "video" if contents.has_pictures else "audio")
        if _is_unchanged(file, arrival.stat):
            self._note(watched, arrival, contents, media.sha256)

    @contextmanager
    def _refusing(self, watched: WatchedFolder, arrival: Arrival, now: float) -> Iterator[None]:
        """Refuse a file after a fault, unless another attempt may succeed.

        Raises: `Unavailable`; `Poison` (`storage`) where the watcher's state is damaged.
        """
        try:
            yield
        except Poison as fault:
            if fault.reason == "storage":
                raise
            self._refuse(watched, arrival, fault)
        except Retryable as fault:
            is_storage = fault.reason == "storage"
            if is_storage:
                self._warn([f"{arrival.path}: {fault}; it is tried again"])
            if not watched.try_again(arrival, now, without_limit=is_storage):
                self._refuse(watched, arrival, fault)
        except (OSError, ValueError) as error:
            self._refuse(watched, arrival, Poison(f"{type(error).__name__}: {error}", "unexpected"))

    def _refuse(self, watched: WatchedFolder, arrival: Arrival, fault: Fault) -> None:
        """Note why a file is not taken, unless more of it may come; one that is no media has no outcome."""
        if is_gone(watched.folder / arrival.path):
            watched.stop_waiting(arrival)
            return
        is_media = os.path.splitext(arrival.path)[1].lower() in _KNOWN_SUFFIXES  # noqa: PTH122 - of any name
        may_be_incomplete = fault.reason in MAY_BE_INCOMPLETE
        if is_media and may_be_incomplete and watched.wait_for_end(arrival):
            return
        is_other = may_be_incomplete and not is_media
        error = str(fault).removeprefix(f"{watched.folder / arrival.path}: ")
        if is_other:
            self._print_line(f"{arrival.path}: skipped: {error}")
        file = self._file(watched, arrival)
        self._state.put_file(replace(file, reason=fault.reason, error=error, reported=is_other))
        watched.stop_waiting(arrival)

    def _note(self, watched: WatchedFolder, arrival: Arrival, contents: Contents, sha256: str) -> None:
        """Note the content of a file, and queue it, unless another file has brought it."""
        file = replace(self._file(watched, arrival), sha256=sha256, is_cut=contents.is_cut)
        others = [other for other in self._state.files_of(sha256) if other.file != file.file]
        before = self._state.content(sha256)
        is_again = before is not None and self._is_wanted_again(before, others)
        if before is None or is_again:
            kind: Kind = "clip" if contents.has_pictures else "song"
            content = Content(sha256, kind, contents.has_sound, title_of(Path(file.name)), new_request_id())
            self._state.put_content(replace(content, annotated=before.annotated) if before else content)
        else:
            watched.has_new_names = True
        is_copy = not all(is_gone(other.file) for other in others)
        has_move = before is not None and before.state == "done" and before.kind == "clip"
        self._state.put_file(replace(file, has_request=not is_copy or (is_again and not has_move)))
        watched.stop_waiting(arrival)

    def _file(self, watched: WatchedFolder, arrival: Arrival) -> TrackedFile:
        """Return a file that is complete. One that was moved to `done` or `failed` keeps its name."""
        name = arrival.path
        if is_in_outcome_folder(name):
            before = self._state.files(watched.folder).get(name)
            name = before.name if before else name
        return TrackedFile(watched.folder, arrival.path, name, arrival.stat)

    def _is_wanted_again(self, content: Content, others: Sequence[TrackedFile]) -> bool:
        """Return whether a file that arrives asks for another attempt, or for a move or video that is gone."""
        if content.is_open or any(is_gone(other.file) for other in others):  # the file was renamed
            return False
        if content.state == "failed" or content.kind == "clip":  # one whose move is in the library is not submitted
            return True
        return not self._outcomes.has_video(content)


class _Waits:
    """Runs parts of a cycle, and prints what they wait for, once, and when they wait no longer. A context is one cycle.

    A fault of a part that is run `paused` is followed by a pause, which becomes longer with each fault.
    """

    def __init__(self, print_line: PrintLine) -> None:
        self._print_line = print_line
        self._printed: set[str] = set()
        self._noted: set[str] = set()
        self._pauses: dict[str, _Pause] = {}

    def __enter__(self) -> _Waits:
        self._noted = set()
        return self

    def __exit__(self, *_: object) -> None:
        if self._printed and not self._noted:
            self._print_line("no longer waiting")
        self._printed = self._printed | self._noted if self._noted else set()

    def run(self, part: Callable[[], None]) -> Fault | None:
        """Run a part; return the fault for which it waits."""
        try:
            part()
        except (Retryable, Unavailable) as fault:
            self._note(str(fault))
            return fault
        return None

    def run_paused(self, name: str, part: Callable[[], None], now: float) -> None:
        """Run a part, unless it is in a pause after a fault."""
        pause = self._pauses.pop(name, None)
        if pause is not None and pause.since <= now < pause.since + pause.seconds:
            self._pauses[name] = pause
            self._note(pause.wait)
        elif (fault := self.run(part)) is not None:
            seconds = min(2 * pause.seconds, _PAUSE_S[1]) if pause else _PAUSE_S[0]
            self._pauses[name] = _Pause(str(fault), now, seconds)

    def _note(self, wait: str) -> None:
        if wait not in self._printed and wait not in self._noted:
            self._print_line(f"waiting: {wait}")
        self._noted.add(wait)


@dataclass(frozen=True)
class _Pause:
    """A pause after a fault. `wait`: what is waited for."""

    wait: str
    since: float
    seconds: float


def _left_out(settings: Settings, options: WatchOptions) -> Iterator[Path]:
    yield from folders_of_state(settings)
    yield settings.cache_dir
    if options.songs_to is not None:
        yield options.songs_to


def _is_unchanged(file: Path, stat: Stat) -> bool:
    try:
        return Stat.of(file.stat()).is_same(stat)
    except OSError:
        return False
