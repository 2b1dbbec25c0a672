"""Make the outcome of a file visible: in a JSON file beside it, after the file was moved to `done` or `failed`, or not.

Nothing that somebody else has put there is overwritten.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePath
from typing import Any, Literal

from infra.base.umask import user_umask
from streams.watch.scan import DONE, FAILED, RESULT_SUFFIX

Results = Literal["beside", "move", "none"]
_FORMAT = "bachata_watch"  # the field that tells our files from others; its value is the version
_VERSION = 1
_MAX_RESULT_BYTES = 1 << 20


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
    with suppress(OSError, ValueError):
        content = json.loads(target.read_text(encoding="utf-8"))
        return isinstance(content, dict) and _FORMAT in content
    return False


def move_to_outcome(folder: Path, path: str, *, failed: bool, on_name: Callable[[str], None]) -> str:
    """Move a file to `done` or `failed` in its watched folder and return its new path; folders below are the same.

    Where a file has the name already, a number is added. `on_name` takes the new path before the file is moved.
    Raises: `OSError`.
    """
    source, target = folder / path, PurePath(FAILED if failed else DONE, path)
    with user_umask():
        (folder / target).parent.mkdir(parents=True, exist_ok=True)
        for name in _names(target):
            if os.path.lexists(folder / name):
                continue
            on_name(str(name))
            with suppress(FileExistsError):
                (folder / name).touch(exist_ok=False)  # so that a file of another program is not replaced
                source.replace(folder / name)
                return str(name)
    raise AssertionError("there is always a free name")


def _names(target: PurePath) -> Iterator[PurePath]:
    yield target
    for number in count(2):
        yield target.with_name(f"{target.stem} ({number}){target.suffix}")
