"""The annotations of the clips that are indexed, from a file."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from streams.files.user_files import real_path, title_of
from streams.operations.annotation_file import AnnotatedClip, read_annotations


class Annotations:
    """The annotations of a file, by clip. Names match whether their accents are composed or not, as on a Mac."""

    def __init__(self, file: Path | None) -> None:
        """Read the file, if there is one. Raises: `Poison` (`invalid_annotations`)."""
        entries = [] if file is None else read_annotations(file)
        folder = Path() if file is None else file.parent
        by_path = [(_path_of(folder, entry.path), entry) for entry in entries if entry.path]
        self._by_path = {_key(path): (path, entry) for path, entry in by_path}
        self._by_name = {_composed(entry.clip): entry for entry in entries if entry.clip and not entry.path}
        self._by_content = {entry.sha256.lower(): entry for entry in entries if entry.sha256}

    def of(self, clips: Iterable[Path], sha256: str | None = None) -> AnnotatedClip | None:
        """Return the annotation of a clip with this content, or else of the first of its names that has one."""
        by_content = self._by_content.get(sha256 or "")
        return by_content or next((found for clip in clips if (found := self._of(clip)) is not None), None)

    def _of(self, clip: Path) -> AnnotatedClip | None:
        _, of_path = self._by_path.get(_key(clip), (clip, None))
        return self._by_name.get(_composed(title_of(clip))) if of_path is None else of_path

    def warnings(self, clips: Iterable[tuple[Path, ...]]) -> list[str]:
        """Return a warning for each annotated file that does not exist, and for each clip without annotation."""
        if not self._by_path and not self._by_name:
            return []
        names = list(clips)
        found = {_key(name) for of_clip in names for name in of_clip}
        missing = [path for key, (path, _) in self._by_path.items() if key not in found and not _exists(path)]
        warnings = [f"{path.name} is annotated but does not exist" for path in missing]
        return warnings + [f"{of_clip[0].name} has no annotation" for of_clip in names if self.of(of_clip) is None]


def _key(path: Path) -> str:
    return _composed(str(real_path(path)))


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for a name that is too long


def _path_of(folder: Path, name: str) -> Path:
    """Return the path of a clip; a name that Windows wrote may have backslashes between folders."""
    path = folder / name
    return path if _exists(path) or "\\" not in name else folder / name.replace("\\", "/")
