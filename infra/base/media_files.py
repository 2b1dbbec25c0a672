"""Find the songs or clips below a path that a user names."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from infra.base.hidden import is_hidden, is_hidden_folder
from schemas.faults import Poison


def files_at(path: Path, suffixes: Collection[str], warnings: list[str]) -> Iterator[Path]:
    """Yield a named file, a hidden one too, or the files below a folder that are not hidden and have such a suffix.

    Links to files are followed, links to folders below the folder are not. `warnings` gets what could not be read.
    Raises: `Poison` (`not_found`) for a path that does not exist.
    """
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises for a name that is too long
        raise Poison(f"{path} does not exist", reason="not_found")
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path, onerror=lambda error: warnings.append(_unreadable(error))):
        folders[:] = [name for name in folders if not is_hidden_folder(name)]
        for name in names:
            if Path(name).suffix.lower() in suffixes and not is_hidden(name):
                yield from _target_of(Path(folder, name), warnings)


def _target_of(file: Path, warnings: list[str]) -> Iterator[Path]:
    if file.is_symlink() and not os.path.exists(file):  # noqa: PTH110 - Path.exists raises for a loop of links
        warnings.append(f"{file} is a link to no file: skipped")
    else:
        yield file


def _unreadable(error: OSError) -> str:
    return f"{error.filename} cannot be read, its files are left out: {error.strerror}"
