"""Copy videos into a user's folder, where files of other content are not replaced."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import count
from pathlib import Path, PurePath

from infra.base.atomic_file import sha256_of
from infra.settings import load_settings
from schemas.faults import Poison
from schemas.limits import MAX_NAME_CHARACTERS
from schemas.safe_text import harmless_part
from streams.files.user_files import copy_out, real_path

_NOT_IN_NAMES = re.compile(r'[/\\:*?"<>|]')  # of files on Linux, macOS and Windows
_MAX_NAME_BYTES = 200  # of 255: a number and an ending are added


def numbered_names(path: PurePath) -> Iterator[PurePath]:
    """Yield a path, then the same with the numbers from 2 added to its name."""
    yield path
    for number in count(2):
        yield path.with_name(f"{path.stem} ({number}){path.suffix}")


def copy_into(video: Path, folder: Path, name: str, sha256: str) -> Path:
    """Copy a video into a folder and return its path there, which has a number where another content has the name.

    A copy that is there is left as it is. Raises: as `copy_out`.
    """
    for target in map(Path, numbered_names(folder / name)):
        if not os.path.lexists(target):
            return copy_out(video, target, sha256)
        if _has_content(target, sha256):
            return target
    raise AssertionError("there is always a free name")


def video_name(title: str) -> str:
    """Return the name of a song's video in a user's folder: `TITLE.mp4`, with `_` for what names cannot have."""
    visible = _NOT_IN_NAMES.sub("_", harmless_part(title, MAX_NAME_CHARACTERS))
    short = visible.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
    return f"{short.strip(' .') or 'untitled'}.mp4"


def check_target_folder(folder: Path) -> None:
    """Raise `Poison` (`bad_target`) for a folder that cannot be written, or is in the data or cache folder.

    Called before the work starts; writes nothing.
    """
    settings, path = load_settings(), real_path(folder)
    if any(path.is_relative_to(ours) for ours in (settings.data_dir, settings.cache_dir)):
        raise Poison(f"{folder}: it is in the data or cache folder; name another", "bad_target")
    present = next(parent for parent in (path, *path.parents) if os.path.lexists(parent))
    if not present.is_dir() or not os.access(present, os.W_OK | os.X_OK):
        raise Poison(f"{folder}: it is no folder that can be written; name another", "bad_target")


def _has_content(file: Path, sha256: str) -> bool:
    """Return whether a file has this content; one that cannot be read is taken for another."""
    try:
        return file.is_file() and sha256_of(file) == sha256
    except OSError:
        return False
