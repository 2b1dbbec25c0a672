"""Find the files of a watched folder that may be songs or clips."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from infra.base.hidden import is_hidden, is_hidden_folder, is_partial
from streams.files.annotations import ANNOTATION_FILES
from streams.watch.state import Stat

RESULT_SUFFIX = ".bachata.json"
DONE, FAILED = "done", "failed"  # folders in a watched folder, for files whose outcome is known


@dataclass(frozen=True)
class Scan:
    """The files of a folder by their paths in it, sorted. `unreadable`: folders in it that cannot be read."""

    files: dict[str, Stat]
    unreadable: tuple[str, ...]


def scan(folder: Path, left_out: Collection[Path]) -> Scan:
    """Return the files below a folder that are not hidden, being written or ours. `left_out`: folders of no interest.

    Links to files are followed, links to folders are not. Raises: `OSError` where the folder itself cannot be read.
    """
    with os.scandir(folder):
        pass
    unreadable: list[str] = []
    found: dict[str, Stat] = {}
    for path in _paths(folder, left_out, unreadable):
        with suppress(OSError):  # it is gone already, or a link to nothing
            status = os.stat(folder / path)  # noqa: PTH116 - of a name that may be too long
            if stat.S_ISREG(status.st_mode):
                found[path] = Stat.of(status)
    return Scan(dict(sorted(found.items())), tuple(unreadable))


def _paths(folder: Path, left_out: Collection[Path], unreadable: list[str]) -> Iterator[str]:
    def note(error: OSError) -> None:
        unreadable.append(f"{error.filename} cannot be read: {error.strerror}")

    for parent, folders, names in os.walk(folder, onerror=note):
        inner = Path(parent)
        folders[:] = [name for name in folders if _is_searched(inner, name, folder, left_out)]
        for name in names:
            if not is_hidden(name) and not is_partial(name) and not _is_ours(inner, name, folder):
                yield str((inner / name).relative_to(folder))


def _is_searched(parent: Path, name: str, root: Path, left_out: Collection[Path]) -> bool:
    if is_hidden_folder(name) or is_partial(name) or parent / name in left_out:
        return False
    return parent != root or name not in {DONE, FAILED}


def _is_ours(parent: Path, name: str, root: Path) -> bool:
    return name.endswith(RESULT_SUFFIX) or (parent == root and name in ANNOTATION_FILES)
