"""The state of watched folders, in SQLite: each file, and each content with its one request.

A content whose move is in the library and of which no file is left has no source. One database is for all watched
folders of a data folder, so that the same content in two of them is one move. Names of files are bytes: not all are
text.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from infra.settings import Settings
from schemas.faults import Poison, storage_fault

_FILE = "state.sqlite3"
_USERS = "state.users"  # locked by each watcher that has the state open
_VERSION = 3  # of the tables
_BUSY_S = 30.0  # another process writes for milliseconds
_TABLES = """
CREATE TABLE IF NOT EXISTS files (
    folder BLOB, path BLOB, name BLOB, size INTEGER, mtime_ns INTEGER, inode INTEGER,
    sha256 TEXT, reason TEXT, error TEXT, reported INTEGER NOT NULL DEFAULT 0,
    has_request INTEGER NOT NULL DEFAULT 0, is_cut INTEGER NOT NULL DEFAULT 0,
    number INTEGER PRIMARY KEY AUTOINCREMENT, UNIQUE (folder, path));
CREATE INDEX IF NOT EXISTS files_by_content ON files (sha256);
CREATE TABLE IF NOT EXISTS contents (
    sha256 TEXT UNIQUE, kind TEXT, has_sound INTEGER, clip TEXT, request_id TEXT, state TEXT,
    reason TEXT, error TEXT, result TEXT NOT NULL DEFAULT '{}', annotated TEXT NOT NULL DEFAULT '{}',
    number INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE INDEX IF NOT EXISTS contents_by_state ON contents (state);
CREATE TABLE IF NOT EXISTS folders (folder BLOB PRIMARY KEY, device INTEGER);
"""
_HAS_NO_FILE = "sha256 NOT IN (SELECT sha256 FROM files WHERE sha256 IS NOT NULL)"
_WITHOUT_SOURCE = f"kind = 'clip' AND state = 'done' AND {_HAS_NO_FILE}"

Kind = Literal["clip", "song"]
ContentState = Literal["queued", "submitted", "done", "failed"]
OPEN: Sequence[ContentState] = ("queued", "submitted")


@dataclass(frozen=True)
class Stat:
    """What tells that a file has changed, and, with the inode, that it was renamed."""

    size: int
    mtime_ns: int
    inode: int

    @staticmethod
    def of(status: os.stat_result) -> Stat:
        """Return those of a file whose status the system has given."""
        return Stat(status.st_size, status.st_mtime_ns, status.st_ino)

    def is_same(self, other: Stat) -> bool:
        """Return whether a file of the same name has not changed; an inode may, on a network folder."""
        return (self.size, self.mtime_ns) == (other.size, other.mtime_ns)


@dataclass(frozen=True)
class TrackedFile:
    """A file that was taken. `path`: where it is now, in its folder; `name`: where it was when it was taken.

    `sha256` is None of a file that could not be stored, `reason` and `error` say why. `reported`: its outcome was made
    visible. `has_request`: the request of its content was made for this file; the others of the content are copies.
    `is_cut`: its end was missing.
    """

    folder: Path
    path: str
    name: str
    stat: Stat
    sha256: str | None = None
    reason: str | None = None
    error: str | None = None
    reported: bool = False
    has_request: bool = False
    is_cut: bool = False
    number: int = 0

    @property
    def file(self) -> Path:
        """Return the path of the file."""
        return self.folder / self.path


@dataclass(frozen=True)
class Content:
    """What files of one content have in common: a request, and its outcome.

    `clip`: the name of the move, or the title of the song. `result`: facts of the outcome. `annotated`: the folder's
    annotation of the clip as it was last published, empty where none was. `number`: contents are submitted in this
    order.
    """

    sha256: str
    kind: Kind
    has_sound: bool
    clip: str
    request_id: str
    state: ContentState = "queued"
    reason: str | None = None
    error: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)
    annotated: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0

    @property
    def is_open(self) -> bool:
        """Return whether the outcome is not known yet."""
        return self.state in OPEN


_JSON_FIELDS = ("result", "annotated")


class WatchState:
    """The state of all watched folders of a data folder. Each change is on the disk when its method returns."""

    def __init__(self, folder: Path) -> None:
        """Open the state, or begin a new one in place of one that is damaged and that no other process uses."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._users = os.open(folder / _USERS, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _is_locked_alone(self._users) and _is_damaged(folder / _FILE):
                for file in folder.glob(f"{_FILE}*"):
                    file.unlink()
            fcntl.flock(self._users, fcntl.LOCK_SH)
            self._db = _opened(folder / _FILE)
        except sqlite3.Error as error:
            os.close(self._users)
            raise storage_fault(f"the state of watched folders cannot be opened: {error}", None) from error

    def close(self) -> None:
        """Close the state."""
        self._db.close()
        os.close(self._users)

    def files(self, folder: Path) -> dict[str, TrackedFile]:
        """Return the known files of a folder, by their paths in it."""
        found = self._files("folder = ?", os.fsencode(folder))
        return {file.path: file for file in found}

    def files_of(self, sha256: str) -> list[TrackedFile]:
        """Return the files of a content in all folders, the first one first."""
        return list(self._files("sha256 = ?", sha256))

    def unreported(self, folder: Path) -> list[TrackedFile]:
        """Return the files of a folder whose outcome is known and not visible yet."""
        condition = (
            "folder = ? AND NOT reported AND (sha256 IS NULL OR sha256 IN"
            " (SELECT sha256 FROM contents WHERE state IN ('done', 'failed')))"
        )
        return list(self._files(condition, os.fsencode(folder)))

    def put_file(self, file: TrackedFile) -> None:
        """Store a file, in place of what was known under its path."""
        values = (
            *(os.fsencode(part) for part in (file.folder, file.path, file.name)),
            *(file.stat.size, file.stat.mtime_ns, file.stat.inode),
            *(file.sha256, file.reason, file.error, file.reported, file.has_request, file.is_cut),
        )
        columns = "folder, path, name, size, mtime_ns, inode, sha256, reason, error, reported, has_request, is_cut"
        self._write((f"INSERT OR REPLACE INTO files ({columns}) VALUES ({_marks(values)})", values))  # noqa: S608 - ours

    def move_file(self, file: TrackedFile, path: str, name: str | None = None) -> None:
        """Note that a file is under another path, with `name` also that this is its name from now on."""
        folder, to, as_name = os.fsencode(file.folder), os.fsencode(path), os.fsencode(name or file.name)
        self._write(
            ("DELETE FROM files WHERE folder = ? AND path = ? AND number != ?", (folder, to, file.number)),
            ("UPDATE files SET path = ?, name = ? WHERE number = ?", (to, as_name, file.number)),
        )

    def set_reported(self, file: TrackedFile, reported: bool) -> None:
        """Note whether a file's outcome was made visible."""
        self._write(("UPDATE files SET reported = ? WHERE number = ?", (reported, file.number)))

    def remove_file(self, file: TrackedFile) -> None:
        """Note that a file is gone."""
        self._write(("DELETE FROM files WHERE number = ?", (file.number,)))

    def device(self, folder: Path) -> int | None:
        """Return the number of the device that a folder was on when it was last searched, None before."""
        rows = self._read("SELECT device FROM folders WHERE folder = ?", (os.fsencode(folder),))
        return int(rows[0]["device"]) if rows else None

    def put_device(self, folder: Path, device: int) -> None:
        """Store the number of the device that a folder is on."""
        self._write(("INSERT OR REPLACE INTO folders VALUES (?, ?)", (os.fsencode(folder), device)))

    def content(self, sha256: str) -> Content | None:
        """Return a content, or None if it is not known."""
        return next(self._contents("sha256 = ?", sha256), None)

    def contents_in(self, folders: Sequence[Path], *states: ContentState) -> list[Content]:
        """Return the contents of these folders in these states, in their order; also those of which no file is left."""
        has_file = f"sha256 IN (SELECT sha256 FROM files WHERE folder IN ({_marks(folders)}))"  # noqa: S608 - marks only
        condition = f"state IN ({_marks(states)}) AND ({has_file} OR {_HAS_NO_FILE})"
        return list(self._contents(condition, *states, *map(os.fsencode, folders)))

    def clips_of(self, folder: Path) -> list[Content]:
        """Return the clips of a folder that are moves, or are becoming moves."""
        condition = "kind = 'clip' AND state != 'failed' AND sha256 IN (SELECT sha256 FROM files WHERE folder = ?)"
        return list(self._contents(condition, os.fsencode(folder)))

    def without_source(self) -> list[Content]:
        """Return the clips that became moves and of which no file is left."""
        return list(self._contents(_WITHOUT_SOURCE))

    def put_content(self, content: Content) -> None:
        """Store a content, in place of what was known of it; one with the number 0 becomes the last."""
        names = [part.name for part in fields(Content) if part.name != "number" or content.number]
        values = [_stored(name, getattr(content, name)) for name in names]
        statement = f"INSERT OR REPLACE INTO contents ({', '.join(names)}) VALUES ({_marks(values)})"  # noqa: S608 - ours
        self._write((statement, values))

    def remove_content(self, content: Content) -> None:
        """Note that a content is no longer of interest."""
        self._write(("DELETE FROM contents WHERE sha256 = ?", (content.sha256,)))

    def _files(self, condition: str, *values: object) -> Iterator[TrackedFile]:
        for row in self._read(f"SELECT * FROM files WHERE {condition} ORDER BY number", values):  # noqa: S608 - ours
            folder, path, name = (os.fsdecode(row[column]) for column in ("folder", "path", "name"))
            stat = Stat(row["size"], row["mtime_ns"], row["inode"])
            facts: dict[str, Any] = {column: row[column] for column in ("sha256", "reason", "error", "number")}
            facts |= {column: bool(row[column]) for column in ("reported", "has_request", "is_cut")}
            yield TrackedFile(Path(folder), path, name, stat, **facts)

    def _contents(self, condition: str, *values: object) -> Iterator[Content]:
        for row in self._read(f"SELECT * FROM contents WHERE {condition} ORDER BY number", values):  # noqa: S608 - ours
            read = {name: json.loads(row[name]) if name in _JSON_FIELDS else row[name] for name in row.keys()}  # noqa: SIM118 - of sqlite3
            yield Content(**read | {"has_sound": bool(row["has_sound"])})

    def _read(self, statement: str, values: Iterable[object]) -> list[sqlite3.Row]:
        with _faults():
            return self._db.execute(statement, tuple(values)).fetchall()

    def _write(self, *statements: tuple[str, Sequence[object]]) -> None:
        """Execute the statements in one transaction."""
        with _faults(), self._db:
            for statement, values in statements:
                self._db.execute(statement, tuple(values))


def clips_without_source(settings: Settings) -> frozenset[str]:
    """Return the SHA-256 of the clips that came from watched folders and of which no file is left.

    Nothing is written, as a watcher may use the state; of one that is damaged nothing is known.
    """
    file = settings.watch_dir / _FILE
    if not file.is_file():
        return frozenset()
    try:
        with closing(sqlite3.connect(_read_only(file), uri=True, timeout=_BUSY_S)) as db:
            return frozenset(sha256 for (sha256,) in db.execute(f"SELECT sha256 FROM contents WHERE {_WITHOUT_SOURCE}"))  # noqa: S608 - ours
    except sqlite3.DatabaseError:
        return frozenset()


def _read_only(file: Path) -> str:
    return f"file:{quote(os.fsencode(file))}?mode=ro"


def _is_locked_alone(users: int) -> bool:
    """Lock the state for this process alone, if no other one uses it; return whether it is."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_damaged(file: Path) -> bool:
    """Return whether there is a state that cannot be read, or that has the tables of another version."""
    if not file.is_file():
        return False
    try:
        with closing(sqlite3.connect(file, timeout=_BUSY_S)) as db:
            [version] = db.execute("PRAGMA user_version").fetchone()
            return bool(version != _VERSION or db.execute("PRAGMA quick_check(1)").fetchone() != ("ok",))
    except sqlite3.OperationalError:  # locked, a full disk: not damaged
        raise
    except sqlite3.DatabaseError:
        return True


def _opened(file: Path) -> sqlite3.Connection:
    db = sqlite3.connect(file, timeout=_BUSY_S, check_same_thread=False)
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    with db:
        db.executescript(_TABLES)
        db.execute(f"PRAGMA user_version = {_VERSION}")
    return db


@contextmanager
def _faults() -> Iterator[None]:
    """Raise `Retryable` (`storage`) where the database cannot be used now, `Poison` (`storage`) where it is damaged."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise storage_fault(f"the state of watched folders cannot be used now: {error}", None) from error
    except sqlite3.DatabaseError as error:
        message = f"the state of watched folders is damaged ({error}): start again, and a new state is begun"
        raise Poison(message, "storage") from error


def _stored(name: str, value: object) -> object:
    return json.dumps(value) if name in _JSON_FIELDS else value


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
