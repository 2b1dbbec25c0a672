"""Make the outcome of a file visible: in a JSON file beside it, after the file was moved to `done` or `failed`, or not.

Nothing that somebody else has put there is overwritten.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path, PurePath
from typing import Any, Literal

from infra.base.umask import user_umask
from streams.files.video_copies import numbered_names
from streams.watch.scan import DONE, FAILED, RESULT_SUFFIX

ResultPlace = Literal["beside", "move", "none"]
_FORMAT = "bachata_watch"  # the field that tells our files from others; its value is the version
_VERSION = 1
_MAX_RESULT_BYTES = 1 << 20
_AT_FDCWD, _RENAME_NOREPLACE = -100, 1  # of renameat2
_NOT_SUPPORTED = frozenset({errno.ENOSYS, errno.EINVAL})


def write_result(file: Path, fields: Mapping[str, Any]) -> None:
    """Write the outcome of a file to `NAME.bachata.json` beside it, in place of an earlier one.

    Raises: `OSError`; `FileExistsError` where somebody else's file has this name.
    """
    target = file.with_name(file.name + RESULT_SUFFIX)
    if os.path.lexists(target) and not _is_ours(target):
        raise FileExistsError(17, "another file has this name", str(target))
    temporary = file.with_name(f".{secrets.token_hex(16)}.part")
    content = json.dumps({_FORMAT: _VERSION} | dict(fields), ensure_ascii=False, indent=2) + "\n"
    with user_umask():
        try:
            with temporary.open("x", encoding="utf-8", errors="backslashreplace") as writer:
                writer.write(content)
            temporary.replace(target)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def remove_result(file: Path) -> None:
    """Remove the outcome that was written beside a file, which is there no longer."""
    target = file.with_name(file.name + RESULT_SUFFIX)
    with suppress(OSError):
        if _is_ours(target):
            target.unlink()


def _is_ours(target: Path) -> bool:
    """Return whether an earlier outcome is in the file."""
    if target.is_symlink() or not target.is_file() or target.stat().st_size > _MAX_RESULT_BYTES:
        return False
    with suppress(OSError, ValueError, RecursionError):
        content = json.loads(target.read_text(encoding="utf-8"))
        return isinstance(content, dict) and _FORMAT in content
    return False


def outcome_path(path: str, *, failed: bool) -> PurePath:
    """Return the path in `done` or `failed` of a file of a watched folder; the folders below are the same."""
    return PurePath(FAILED if failed else DONE, path)


def move_to_outcome(folder: Path, path: str, target: PurePath, on_name: Callable[[str], None]) -> str:
    """Move a file within its watched folder and return its new path. Raises: `OSError`.

    Where a file has the name already, a number is added. `on_name` takes the new path before the file is moved.
    """
    source = folder / path
    with user_umask():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        for name in map(str, numbered_names(target)):
            if os.path.lexists(folder / name):
                continue
            on_name(name)
            with suppress(FileExistsError):
                _rename_to_new(source, folder / name)
                return name
    raise AssertionError("there is always a free name")


def _rename_to_new(source: Path, target: Path) -> None:
    """Rename a file in one step. Raises: `OSError`; `FileExistsError` where the target exists.

    On a file system without such a step, a file that another program creates in between is replaced.
    """
    number = _rename_no_replace(os.fsencode(source), os.fsencode(target))
    if number in _NOT_SUPPORTED:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        source.rename(target)
    elif number:
        raise OSError(number, os.strerror(number), str(source), None, str(target))


def _rename_no_replace(source: bytes, target: bytes) -> int:
    """Call renameat2 of Linux, which Python does not have; return the errno, 0 for success."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return errno.ENOSYS
    failed = rename(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE)
    return ctypes.get_errno() if failed else 0
