"""Files named on the command line: copy sources into the media store, and results to where the user wants them."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import BufferedRandom, BufferedReader
from pathlib import Path

from infra.base.atomic_file import sha256_of
from infra.base.umask import user_umask
from infra.data_folder import check_data_folder
from infra.settings import Settings, load_settings
from schemas.base import MediaRef
from schemas.faults import Poison, storage_fault
from schemas.limits import MAX_NAME_CHARACTERS, MediaKind
from schemas.rendered import Video
from schemas.safe_text import harmless_part
from streams.tools import make_tools

_PASSING = frozenset(  # a full disk, or a share that does not answer
    {
        *(errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENOTCONN),
        *(errno.ETIMEDOUT, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ENETUNREACH),
    }
)
_PLAIN_NAME = re.compile(r"[^/\0]*[^/\0.][^/\0]*")
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def store_file(settings: Settings, file: Path, kind: MediaKind) -> MediaRef:
    """Copy a file into the media store; links are followed. Raises: `Poison`, with the file's name in the message."""
    check_data_folder(settings)
    try:
        return make_tools(settings).media.add(real_path(file), kind)
    except Poison as fault:
        raise Poison(f"{file}: {fault}", fault.reason) from fault
    except ValueError as error:
        raise Poison(f"{file}: no file can have this name", "not_found") from error


def title_of(file: Path) -> str:
    """Return a file's title: the visible characters of its stem, at most 200, or "untitled"."""
    return harmless_part(file.stem, MAX_NAME_CHARACTERS) or "untitled"


def check_targets(targets: Iterable[Path], *sources: Path) -> None:
    """Raise `Poison` (`bad_target`) for an output file that cannot be written, is named twice, or must not be replaced.

    Not replaced are the sources, links, standard output and files of the data and cache folders. Called before the work
    starts; writes nothing.
    """
    settings = load_settings()
    used = [real_path(source) for source in sources]
    for target in targets:
        with _naming(target):
            _check_target(target, used, settings)
        used.append(_path_of(target))


def _check_target(target: Path, used: Sequence[Path], settings: Settings) -> None:
    path = _path_of(target)
    if path in used or _is_one_of(target, used):
        raise Poison("it is named twice, or is the song itself; name another file", "bad_target")
    if path.exists() and not path.is_file():
        raise Poison("it is not a regular file; name another", "bad_target")
    if _is_one_of(target, (Path(f"/dev/fd/{number}") for number in range(3))):
        raise Poison("it is standard input or output; name another file", "bad_target")
    if target.is_symlink():
        raise Poison("it is a link, which is not followed; name another file", "bad_target")
    _check_not_ours(path, settings)
    folder = next(folder for folder in path.parents if folder.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise Poison("its folder cannot be written; name another", "bad_target")


def _check_not_ours(path: Path, settings: Settings) -> None:
    is_stored = path.is_file() and path.stat().st_nlink > 1 and _is_in_media_store(path, settings)
    if is_stored or any(path.is_relative_to(folder) for folder in (settings.data_dir, settings.cache_dir)):
        raise Poison("it is a file of the data or cache folder; name another", "bad_target")


def _is_in_media_store(path: Path, settings: Settings) -> bool:
    """Return whether the file is another name (a hard link) of a file of the media store."""
    media, sha256 = make_tools(settings).media, sha256_of(path)
    return media.has(sha256) and media.path(sha256).samefile(path)


def _is_one_of(file: Path, others: Iterable[Path]) -> bool:
    for other in others:
        with suppress(OSError):
            if file.samefile(other):
                return True
    return False


def _path_of(target: Path) -> Path:
    """Return the path with links of its folders resolved; the file itself may be a link, which is not followed."""
    return real_path(target.parent) / target.name


def copy_out(source: Path, target: Path, sha256: str | None = None) -> Path:
    """Copy a file atomically to a user's path; its content must have the hash, if one is given.

    Raises: `Poison` (`bad_target`), or `checksum` for another content; `Unavailable` (`disk_full`), `Retryable`
    (`storage`) while the disk is full or away.
    """
    with _opened(source) as file, _replacing(target) as copy:
        shutil.copyfileobj(file, copy)
        if sha256 is not None:
            copy.seek(0)
            _check_content(source, copy, sha256)
    return _path_of(target)


def write_out(content: bytes, target: Path) -> Path:
    """Write a file atomically to a user's path, and return it without links of its folders. Raises: as `copy_out`."""
    with _replacing(target) as writer:
        writer.write(content)
    return _path_of(target)


def video_file(settings: Settings, video: Video) -> Path:
    """Return the path of a finished video. Its content is checked, if it is on this machine.

    Raises: `Poison` (`checksum`) for another content, (`bad_target`) for what is not a regular file,
    (`path_not_allowed`) for a name that leads out of the folder.
    """
    path = settings.output_dir / video.file
    if not _PLAIN_NAME.fullmatch(video.file):
        raise Poison(f"'{video.file}' is not the plain name of a file", "path_not_allowed")
    if os.path.lexists(path):
        with _opened(path) as file:
            _check_content(path, file, video.media.sha256)
    return path


@contextmanager
def _opened(path: Path) -> Iterator[BufferedReader]:
    """Yield a regular file for reading. Raises: `Poison` (`bad_target`) for anything else, also for a link."""
    with _naming(path):
        reader = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(reader).st_mode):
            os.close(reader)
            raise Poison("it is not a regular file", "bad_target")
    with os.fdopen(reader, "rb") as file:
        yield file


def _check_content(path: Path, file: BufferedReader | BufferedRandom, sha256: str) -> None:
    if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
        raise Poison(f"{path} was changed since it was made: remove it and generate the video again", "checksum")


@contextmanager
def _replacing(target: Path) -> Iterator[BufferedRandom]:
    """Yield a new file beside `target`, which takes its place at the end; a failure removes it.

    Its name cannot be guessed and nothing that exists is opened, so no link that somebody planted is followed.
    """
    # Not with infra.base.atomic_file: a user's folder may be on a file system without locks.
    temporary = f".{secrets.token_hex(16)}.part"
    with _naming(target), user_umask():
        path = _path_of(target)
        _check_not_ours(path, load_settings())
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, _FOLDER)
        try:
            with os.fdopen(os.open(temporary, _NEW_FILE, 0o666, dir_fd=folder), "w+b") as writer:
                yield writer
            os.rename(temporary, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            os.close(folder)


def real_path(file: Path) -> Path:
    """Return the path with links resolved: one spelling for each file. A loop of links is left as it is."""
    return Path(os.path.realpath(file))


@contextmanager
def _naming(target: Path) -> Iterator[None]:
    """Raise errors as `Poison` with the target's name in the message.

    Raises: `Unavailable` (`disk_full`), `Retryable` (`storage`) for errors that pass.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _PASSING:
            raise storage_fault(f"{target}: {error.strerror}", error.errno) from error
        raise Poison(f"{target}: {error.strerror}", "bad_target") from error
    except Poison as fault:
        raise Poison(f"{target}: {fault}", fault.reason) from fault
