"""Files named on the command line: into the media store, to travel by their content; and out to where a user wants."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

from infra.settings import Settings
from schemas.base import MediaRef
from schemas.faults import Poison
from streams.tools import make_tools


def store_file(settings: Settings, file: Path, kind: Literal["audio", "video"]) -> MediaRef:
    """Copy a file into the store; links are followed. Raises `Poison` that names the file."""
    try:
        return make_tools(settings).media.add(Path(os.path.realpath(file)), kind)
    except Poison as fault:
        raise Poison(f"{file}: {fault}", fault.reason) from fault


def title_of(file: Path) -> str:
    """What a file is called: its stem, of printable characters, at most 200."""
    return "".join(c for c in file.stem if c.isprintable())[:200].strip() or "untitled"


def check_targets(targets: Iterable[Path], source: Path) -> None:
    """Before the work: raises `Poison` (`bad_target`) for a file that cannot be written, or must not be."""
    taken = [_real(source)]
    for target in targets:
        place = _real(target)
        with _named(target):
            if place in taken:
                raise Poison("it is named twice, or is the song itself; name another file", "bad_target")
            if place.exists() and not place.is_file():
                raise Poison("it is no file that can be written; name another", "bad_target")
            folder = next(folder for folder in place.parents if folder.exists())
            if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
                raise Poison("its folder cannot be written; name another", "bad_target")
        taken.append(place)


def copy_out(made: Path, target: Path) -> Path:
    """Copy a file to where a user wants it, whole or not at all; links are followed. Raises `Poison` (`bad_target`)."""
    place = _real(target)
    # Not as files of the cache are kept: a user's folder may lie where nothing can be locked.
    temporary = place.with_name(f".{place.name[:200]}.{os.getpid()}.part")
    with _named(target):
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(made, temporary)
            return temporary.replace(place)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _real(file: Path) -> Path:
    return Path(os.path.realpath(file))


@contextmanager
def _named(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Poison(f"{target}: {error.strerror}", "bad_target") from error
    except Poison as fault:
        raise Poison(f"{target}: {fault}", fault.reason) from fault
