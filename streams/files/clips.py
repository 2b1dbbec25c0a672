"""Find the clips below the paths that a user names, and store each content once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agents.media.formats import CLIP_SUFFIXES
from infra.base.media_files import files_at
from infra.settings import Settings
from schemas.faults import Poison
from streams.files.user_files import store_file


@dataclass(frozen=True)
class FoundClips:
    """Clips below the given paths, each path once, sorted by file name; `warnings`: what could not be read."""

    files: tuple[Path, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class StoredClip:
    """A clip in the media store. `files`: all files with this content; the first gives it its name."""

    sha256: str
    files: tuple[Path, ...]


def find_clips(paths: Sequence[Path]) -> FoundClips:
    """Return the named files, hidden ones too, and all videos below the named folders that are not hidden.

    Links to files are followed, links to folders below a named folder are not. Raises: `Poison` (`not_found`) for a
    path that does not exist, `no_clips` where there is no video.
    """
    warnings: list[str] = []
    found = [file for path in paths for file in files_at(path, CLIP_SUFFIXES, warnings)]
    if not found:
        raise Poison("; ".join((f"no video below {', '.join(map(str, paths))}", *warnings)), reason="no_clips")
    by_path = {os.path.abspath(file): file for file in reversed(found)}  # noqa: PTH100 - resolve() would follow links
    return FoundClips(tuple(sorted(by_path.values(), key=_order)), tuple(warnings))


def _order(file: Path) -> tuple[bool, str, str]:
    """Return what files of one content are sorted by: files before links, then by name."""
    return file.is_symlink(), file.name, str(file)


def store_clips(settings: Settings, files: Sequence[Path]) -> tuple[list[StoredClip], dict[Path, Poison]]:
    """Copy the files into the media store; return the clips, each content once, and the faults of refused files."""
    stored: dict[str, list[Path]] = {}
    refused = {}
    for file in files:
        try:
            stored.setdefault(store_file(settings, file, "video").sha256, []).append(file)
        except Poison as fault:
            refused[file] = fault
    return [StoredClip(sha256, tuple(names)) for sha256, names in stored.items()], refused
