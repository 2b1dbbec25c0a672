"""A store of files under the sha256 of their content; a stored file never changes.

media/ab/abcdef…        a file, complete and flushed to the disk
media/incoming/…        a file being copied; locked by its process, and removed when that process has ended
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from infra.base.atomic_file import flush_to_disk, sha256_of, temporary_file
from schemas.base import MediaRef
from schemas.faults import Fault, Poison, storage_fault
from schemas.limits import MAX_BYTES, MediaKind

_BLOCK = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_REGULAR_ERRNOS = frozenset({errno.ELOOP, errno.ENOTDIR, errno.ENXIO, errno.ENAMETOOLONG, errno.EISDIR})
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class MediaStore:
    """Files addressed by their content, below `root`. Many processes may use one store."""

    root: Path

    def path(self, sha256: str) -> Path:
        """Return the file's path. Raises: `Poison` (`unknown_media`) where the store does not have it."""
        if not self.has(sha256):
            raise Poison(f"the media store has no file {sha256[:12]}; submit it first", reason="unknown_media")
        return self._path_of(sha256)

    def has(self, sha256: str) -> bool:
        """Return whether the store has the file."""
        return _SHA256.fullmatch(sha256) is not None and self._path_of(sha256).is_file()

    def add(self, source: Path, kind: MediaKind) -> MediaRef:
        """Copy a file into the store; a file that is already stored is not written again unless it is damaged.

        No part of `source` may be a symbolic link, so that the checked file is the one that is read: pass a resolved
        path. Raises: `Poison`: `not_found`, `not_a_file`, `unreadable`, `empty`, `too_large`; where the machine cannot
        read or write it `Retryable` (`storage`) or `Unavailable` (`disk_full`).
        """
        with _opened(source) as reader:
            try:
                _check_size(os.fstat(reader).st_size, MAX_BYTES[kind])
                with self.receive(kind) as incoming:
                    while block := os.read(reader, _BLOCK):
                        incoming.write(block)
                    return incoming.store()
            except OSError as error:
                raise _storage_fault(error) from error

    @contextmanager
    def receive(self, kind: MediaKind) -> Iterator[IncomingFile]:
        """Yield a file to write into the store; it is removed at the end unless its `store` was called.

        Raises: `Retryable` (`storage`) or `Unavailable` (`disk_full`) where it cannot be created.
        """
        with ExitStack() as stack:
            try:
                opened = stack.enter_context(self._incoming())
            except OSError as error:
                raise _storage_fault(error) from error
            yield IncomingFile(self._path_of, *opened, kind)

    def _path_of(self, sha256: str) -> Path:
        return self.root / sha256[:2] / sha256

    def _incoming(self) -> AbstractContextManager[tuple[Path, int]]:
        """Create a file to write, which is removed at the end unless it was renamed."""
        return temporary_file(self.root / "incoming", lambda: uuid4().hex, leftovers="*", mode=0o400)


class IncomingFile:
    """A file that is written into the store, and hashed while it is written.

    The hash is of the bytes that were written, whatever becomes of where they came from.
    """

    def __init__(self, path_of: Callable[[str], Path], temporary: Path, writer: int, kind: MediaKind) -> None:
        self._path_of, self._temporary, self._writer, self._kind = path_of, temporary, writer, kind
        self._digest, self._size = hashlib.sha256(), 0

    def write(self, block: bytes) -> None:
        """Append bytes. Raises: `Poison` (`too_large`); `Retryable` (`storage`) or `Unavailable` (`disk_full`)."""
        self._size += len(block)
        _check_size(self._size, MAX_BYTES[self._kind])
        self._digest.update(block)
        try:
            _write(self._writer, block)
        except OSError as error:
            raise _storage_fault(error) from error

    def store(self) -> MediaRef:
        """Store what was written, and return it. Raises: `Poison` (`empty`), and as `write`."""
        if not self._size:
            raise Poison("the file is empty; export or download it again", reason="empty")
        try:
            self._store(self._path_of(self._digest.hexdigest()))
        except OSError as error:
            raise _storage_fault(error) from error
        return MediaRef(sha256=self._digest.hexdigest(), size_bytes=self._size, kind=self._kind)

    def _store(self, path: Path) -> None:
        if not _has_content(path, path.name):
            os.fsync(self._writer)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._temporary.rename(path)
            flush_to_disk(path.parent)


def _storage_fault(error: OSError) -> Fault:
    return storage_fault(f"the media store cannot write: {error.strerror}", error.errno)


@contextmanager
def _opened(source: Path) -> Iterator[int]:
    handle = _open(source)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Poison("only a regular file can be stored", reason="not_a_file")
        yield handle
    finally:
        os.close(handle)


def _open(source: Path) -> int:
    try:
        return _open_without_links(source)
    except FileNotFoundError as error:
        raise Poison("there is no such file", reason="not_found") from error
    except PermissionError as error:
        raise Poison("the file may not be read; change its permissions", reason="unreadable") from error
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno not in _NOT_REGULAR_ERRNOS:
            raise storage_fault(f"the file cannot be opened now: {error.strerror}", error.errno) from error
        raise Poison("a symbolic link or not a file; give the path of the file itself", reason="not_a_file") from error


def _open_without_links(source: Path) -> int:
    """Open folder by folder, so that none can be replaced by a link between the check and the opening."""
    path = Path(os.path.abspath(source))  # noqa: PTH100 - resolve() would follow the links
    folder = os.open(path.anchor, _FOLDER)
    for part in path.parts[1:-1]:
        outer = folder
        try:
            folder = os.open(part, _FOLDER, dir_fd=outer)
        finally:
            os.close(outer)
    try:
        return os.open(path.name or ".", _FILE, dir_fd=folder)
    finally:
        os.close(folder)


def _has_content(path: Path, sha256: str) -> bool:
    try:
        return sha256_of(path) == sha256
    except OSError:
        return False


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise Poison(f"larger than {max_bytes >> 20} MiB; make it smaller", reason="too_large")


def _write(writer: int, block: bytes) -> None:
    rest = memoryview(block)
    while rest:
        rest = rest[os.write(writer, rest) :]
