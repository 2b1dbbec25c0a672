"""Files named on the command line: copy sources into the media store, and results to where the user wants them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from infra.base.umask import user_umask
from infra.settings import Settings
from schemas.base import MediaRef
from schemas.faults import Poison
from schemas.limits import MediaKind
from streams.tools import make_tools


def store_file(settings: Settings, file: Path, kind: MediaKind) -> MediaRef:
    """Copy a file into the media store; links are followed. Raises: `Poison`, with the file's name in the message."""
    try:
        return make_tools(settings).media.add(real_path(file), kind)
    except Poison as fault:
        raise Poison(f"{file}: {fault}", fault.reason) from fault


def title_of(file: Path) -> str:
    """Return a file's title: the printable characters of its stem, at most 200, or "untitled"."""
    return "".join(c for c in file.stem if c.isprintable())[:200].strip() or "untitled"


def check_targets(targets: Iterable[Path], source: Path) -> None:
    """Raise `Poison` (`bad_target`) for an output file that cannot be written, is named twice, or is the source.

    Called before the work starts; writes nothing.
    """
    used = [real_path(source)]
    for target in targets:
        path = real_path(target)
        with _naming(target):
            if path in used:
                raise Poison("it is named twice, or is the song itself; name another file", "bad_target")
            if path.exists() and not path.is_file():
                raise Poison("it is not a regular file; name another", "bad_target")
            folder = next(folder for folder in path.parents if folder.exists())
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                raise Poison("its folder cannot be written; name another", "bad_target")
        used.append(path)


def copy_out(source: Path, target: Path) -> Path:
    """Copy a file atomically to a user's path; links are followed. Raises: `Poison` (`bad_target`)."""
    path = real_path(target)
    # Not with infra.base.atomic_file: a user's folder may be on a file system without locks.
    temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    with _naming(target), user_umask():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, temporary)
            return temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def real_path(file: Path) -> Path:
    """Return the path with links resolved: one spelling for each file. A loop of links is left as it is."""
    return Path(os.path.realpath(file))


@contextmanager
def _naming(target: Path) -> Iterator[None]:
    """Raise errors as `Poison` with the target's name in the message."""
    try:
        yield
    except OSError as error:
        raise Poison(f"{target}: {error.strerror}", "bad_target") from error
    except Poison as fault:
        raise Poison(f"{target}: {fault}", fault.reason) from fault
