"""The files of one watched folder that are new or have changed, until they are complete; and those that are gone."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from agents.media.probe_file import Contents
from schemas.faults import Retryable
from streams.watch.annotations import FolderAnnotations
from streams.watch.results import remove_result
from streams.watch.scan import DONE, FAILED, Scan, scan
from streams.watch.state import Stat, TrackedFile, WatchState

_MAX_ATTEMPTS = 3
_MAX_PAUSES = 16  # a file that cannot be stored is tried again after at most so many times the first pause
_GONE_FACTOR = 2.0  # a file that was renamed is found again before its old name counts as gone


@dataclass(frozen=True)
class Arrival:
    """A new or changed file. It has not changed since `since`, and is complete if it does not for `needs_s`.

    `contents`: what it has, when it was probed.
    """

    path: str
    stat: Stat
    since: float
    needs_s: float
    attempts: int = 0
    contents: Contents | None = None

    def is_due(self, now: float) -> bool:
        """Return whether the file counts as complete."""
        pauses = min(1 << self.attempts, _MAX_PAUSES)
        return now - self.since >= self.needs_s * pauses


class WatchedFolder:
    """A watched folder. Times are of a clock in seconds.

    `settle_s`: how long a file must not change; `patience_s`: how long one that seems to lack its end. `left_out`:
    folders that are not searched.
    """

    def __init__(
        self, folder: Path, state: WatchState, left_out: Collection[Path], settle_s: float, patience_s: float
    ) -> None:
        self.folder = folder
        self.annotations = FolderAnnotations(folder)
        self.has_new_names = True  # of files that are known: at the start, too
        self._state = state
        self._left_out = left_out
        self._settle_s = settle_s
        self._patience_s = patience_s
        self._arrivals: dict[str, Arrival] = {}
        self._gone: dict[str, float] = {}
        self._unreadable: tuple[str, ...] = ()
        self._is_searched = False

    @property
    def is_quiet(self) -> bool:
        """Return whether the folder was searched, and nothing has arrived, changed or gone that is not acted on."""
        is_known = not self._arrivals and not self._gone and not self.has_new_names
        return self._is_searched and is_known and self.annotations.is_settled

    @property
    def has_arrivals(self) -> bool:
        """Return whether files are waited for."""
        return bool(self._arrivals)

    @property
    def has_missing(self) -> bool:
        """Return whether another search is needed soon: files are missing that do not count as gone yet."""
        return bool(self._gone)

    def rescan(self, now: float) -> list[TrackedFile]:
        """Search the folder and return the files that are permanently gone, which are removed from the state.

        Raises: `Retryable` (`storage`) where the folder or its disk is not there: nothing in it counts as gone.
        """
        self._is_searched = False
        known = self._state.files(self.folder)
        found = self._scan(known)
        self._unreadable, self._is_searched = found.unreadable, True
        files = found.files | _in_outcome_folders(known)
        missing = {path: file for path, file in known.items() if path not in files and is_gone(file.file)}
        renamed = {file.stat: file for file in missing.values() if file.sha256 is not None}
        for path, stat in files.items():
            before = known.get(path)
            if before is not None and _is_known(before, stat):
                self._arrivals.pop(path, None)
            elif before is None and (old := renamed.pop(stat, None)) is not None:
                self._rename(old, path, now)
                del missing[old.path]
            else:
                self._note(path, stat, now)
        self._arrivals = {path: arrival for path, arrival in self._arrivals.items() if path in files}
        return self._remove_gone(missing, now)

    def _scan(self, known: Mapping[str, TrackedFile]) -> Scan:
        try:
            found = scan(self.folder, self._left_out)
            device = self.folder.stat().st_dev
        except OSError as error:
            raise Retryable(f"{self.folder} cannot be read: {error.strerror}", "storage") from error
        before = self._state.device(self.folder)
        if device != before:
            is_empty = not found.files and all(is_gone(file.file) for file in known.values())
            if is_empty and known and before is not None:
                message = f"{self.folder} is empty and on another disk than before: mount the disk with its files"
                raise Retryable(message, "storage")
            self._state.put_device(self.folder, device)
        return found

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what the last search could not read, a line for each folder."""
        return self._unreadable

    def due(self, now: float) -> list[Arrival]:
        """Return the files that have not changed for long enough, after each waited-for file was examined again.

        They are waited for until `stop_waiting`, or longer with `wait_for_end` or `try_again`.
        """
        for path in list(self._arrivals):
            try:
                self._note(path, Stat.of((self.folder / path).stat()), now)
            except OSError:
                del self._arrivals[path]
        return [arrival for arrival in self._arrivals.values() if arrival.is_due(now)]

    def stop_waiting(self, arrival: Arrival) -> None:
        """Wait no longer for a file: it is stored, refused or gone."""
        self._arrivals.pop(arrival.path, None)

    def wait_for_end(self, arrival: Arrival) -> bool:
        """Wait longer for a file that seems to lack its end; return False if it was waited for long enough."""
        if arrival.needs_s >= self._patience_s:
            return False
        self._arrivals[arrival.path] = replace(arrival, needs_s=self._patience_s)
        return True

    def try_again(self, arrival: Arrival, now: float, *, without_limit: bool) -> bool:
        """Wait for another attempt on a file, longer each time; return False if there were enough."""
        if arrival.attempts + 1 >= _MAX_ATTEMPTS and not without_limit:
            return False
        self._arrivals[arrival.path] = replace(arrival, since=now, attempts=arrival.attempts + 1)
        return True

    def put_contents(self, arrival: Arrival, contents: Contents) -> None:
        """Note what a file that is waited for has."""
        self._arrivals[arrival.path] = replace(arrival, contents=contents)

    def _note(self, path: str, stat: Stat, now: float) -> None:
        before = self._arrivals.get(path)
        if before is None or not before.stat.is_same(stat):
            self._arrivals[path] = Arrival(path, stat, now, self._settle_s)

    def _rename(self, file: TrackedFile, path: str, now: float) -> None:
        """Note that a file has another name, where its outcome becomes visible; out of `failed`, it is tried again."""
        remove_result(file.file)
        if PurePath(file.path).parts[0] == FAILED and file.reported:
            self._state.remove_file(file)
            self._note(path, file.stat, now)
            return
        self._state.move_file(file, path, name=path)
        self._state.set_reported(file, reported=False)
        self.has_new_names = True

    def _remove_gone(self, missing: Mapping[str, TrackedFile], now: float) -> list[TrackedFile]:
        self._gone = {path: self._gone.get(path, now) for path in missing}
        grace_s = self._settle_s * _GONE_FACTOR
        gone = [missing[path] for path, since in self._gone.items() if now - since >= grace_s]
        for file in gone:
            del self._gone[file.path]
            self._state.remove_file(file)
            remove_result(file.file)
        return gone


def is_gone(file: Path) -> bool:
    """Return whether there is no such file, or only a link to nothing; one that cannot be reached is not gone."""
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _in_outcome_folders(known: Mapping[str, TrackedFile]) -> dict[str, Stat]:
    """Return the files that were moved to `done` and `failed`, where no others are searched for."""
    files = {}
    for path, file in known.items():
        if is_in_outcome_folder(path):
            with suppress(OSError):
                files[path] = Stat.of(file.file.stat())
    return files


def is_in_outcome_folder(path: str) -> bool:
    """Return whether a path in a watched folder is one of a file that was moved to `done` or `failed`."""
    return PurePath(path).parts[0] in {DONE, FAILED}


def _is_known(file: TrackedFile, stat: Stat) -> bool:
    """Return whether a file is as it was when it was taken; one that could not be read is tried when it can be."""
    return file.stat.is_same(stat) and not (file.reason == "unreadable" and os.access(file.file, os.R_OK))
