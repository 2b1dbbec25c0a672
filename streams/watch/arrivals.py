"""The files of one watched folder that are new or have changed, until they are complete; and those that are gone."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.faults import Retryable
from streams.watch.annotations import FolderAnnotations
from streams.watch.results import remove_result
from streams.watch.scan import scan
from streams.watch.state import KnownFile, Stat, WatchState

_MAX_ATTEMPTS = 3
_GONE_FACTOR = 2.0  # a file that was renamed is found again before its old name counts as gone


@dataclass(frozen=True)
class Arrival:
    """A new or changed file. It has not changed since `since`, and is complete if it does not for `needs_s`."""

    path: str
    stat: Stat
    since: float
    needs_s: float
    attempts: int = 0

    def is_due(self, now: float) -> bool:
        """Return whether the file counts as complete."""
        return now - self.since >= self.needs_s


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

    def rescan(self, now: float) -> list[KnownFile]:
        """Search the folder and return the files that are gone for good, which are forgotten.

        Raises: `Retryable` (`storage`) where the folder is not there: nothing in it counts as gone.
        """
        self._is_searched = False
        try:
            found = scan(self.folder, self._left_out)
        except OSError as error:
            raise Retryable(f"{self.folder} cannot be read: {error.strerror}", "storage") from error
        self._unreadable, self._is_searched = found.unreadable, True
        known = self._state.files(self.folder)
        missing = {path: file for path, file in known.items() if path not in found.files and is_gone(file.file)}
        renamed = {file.stat: file for file in missing.values() if file.sha256 is not None}
        for path, stat in found.files.items():
            before = known.get(path)
            if before is not None and _is_known(before, stat):
                self._arrivals.pop(path, None)
            elif before is None and (old := renamed.pop(stat, None)) is not None:
                self._rename(old, path)
                del missing[old.path]
            else:
                self._note(path, stat, now)
        self._arrivals = {path: arrival for path, arrival in self._arrivals.items() if path in found.files}
        return self._forget(missing, now)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what the last search could not read, a line for each folder."""
        return self._unreadable

    def due(self, now: float) -> list[Arrival]:
        """Return the files that have not changed for long enough, after another look at each file that is waited for.

        They are waited for until `taken`, or longer with `wait_for_end` or `try_again`.
        """
        for path in list(self._arrivals):
            try:
                self._note(path, Stat.of((self.folder / path).stat()), now)
            except OSError:
                del self._arrivals[path]
        return [arrival for arrival in self._arrivals.values() if arrival.is_due(now)]

    def taken(self, arrival: Arrival) -> None:
        """Wait no longer for a file."""
        self._arrivals.pop(arrival.path, None)

    def wait_for_end(self, arrival: Arrival) -> bool:
        """Wait longer for a file that seems to lack its end; return False if it was waited for long enough."""
        if arrival.needs_s >= self._patience_s:
            return False
        self._arrivals[arrival.path] = replace(arrival, needs_s=self._patience_s)
        return True

    def try_again(self, arrival: Arrival, now: float, *, without_limit: bool) -> bool:
        """Wait for another attempt on a file; return False if there were enough."""
        if arrival.attempts + 1 >= _MAX_ATTEMPTS and not without_limit:
            return False
        self._arrivals[arrival.path] = replace(arrival, since=now, attempts=arrival.attempts + 1)
        return True

    def _note(self, path: str, stat: Stat, now: float) -> None:
        before = self._arrivals.get(path)
        if before is None or not before.stat.is_same(stat):
            self._arrivals[path] = Arrival(path, stat, now, self._settle_s)

    def _rename(self, file: KnownFile, path: str) -> None:
        """Note that a file has another name now; its outcome is shown there."""
        remove_result(file.file)
        self._state.move_file(file, path, name=path)
        self._state.set_reported(file, reported=False)
        self.has_new_names = True

    def _forget(self, missing: Mapping[str, KnownFile], now: float) -> list[KnownFile]:
        self._gone = {path: self._gone.get(path, now) for path in missing}
        grace_s = self._settle_s * _GONE_FACTOR
        forgotten = [missing[path] for path, since in self._gone.items() if now - since >= grace_s]
        for file in forgotten:
            del self._gone[file.path]
            self._state.forget(file)
            remove_result(file.file)
        return forgotten


def is_gone(file: Path) -> bool:
    """Return whether there is no such file; one that cannot be reached is not gone."""
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _is_known(file: KnownFile, stat: Stat) -> bool:
    """Return whether a file is as it was when it was taken; one that could not be read is tried when it can be."""
    return file.stat.is_same(stat) and not (file.reason == "unreadable" and os.access(file.file, os.R_OK))
