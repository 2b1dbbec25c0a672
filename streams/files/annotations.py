"""The annotations of the clips that are indexed, from a file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from streams.files.user_files import real_path, title_of
from streams.operations.annotation_file import AnnotatedClip, composed, invalid_annotations, read_annotations

ANNOTATION_FILES = ("annotations.json", "bachata_annotations.json", "annotations.csv")  # of a folder; the first counts


def annotation_file(folder: Path) -> Path | None:
    """Return the file with the annotations of a folder's clips, or None."""
    return next((file for name in ANNOTATION_FILES if (file := folder / name).is_file()), None)


class Annotations:
    """The annotations of a file, by clip. Names match whether their accents are composed or not, as on a Mac."""

    def __init__(self, file: Path | None) -> None:
        """Read the file, if there is one. Raises: `Poison` (`invalid_annotations`)."""
        entries = [] if file is None else read_annotations(file)
        folder = Path() if file is None else file.parent
        named = [entry for entry in entries if not entry.sha256]  # a content of this name may be another clip's
        by_path = [(_path_of(folder, entry.path), entry) for entry in named if entry.path]
        self._by_path = {_key(path): (path, entry) for path, entry in by_path}
        self._by_name = {composed(entry.clip): entry for entry in named if entry.clip and not entry.path}
        self._by_content = {entry.sha256.lower(): entry for entry in entries if entry.sha256}
        self._file = file

    def of(self, clips: Iterable[Path], sha256: str | None = None) -> AnnotatedClip | None:
        """Return the annotation of a clip with this content, or else of the first of its names that has one."""
        by_content = self._by_content.get(sha256 or "")
        return by_content or next((found for clip in clips if (found := self._of(clip)) is not None), None)

    def _of(self, clip: Path) -> AnnotatedClip | None:
        _, of_path = self._by_path.get(_key(clip), (clip, None))
        return self._by_name.get(composed(title_of(clip))) if of_path is None else of_path

    def check(self, clips: Mapping[tuple[Path, ...], str]) -> None:
        """Raise `Poison` (`invalid_annotations`) for clips about which several entries differ.

        `clips`: the SHA-256 of each clip by its names.
        """
        errors = [error for names, sha256 in clips.items() for error in self._differences(names, sha256)]
        if errors:
            raise invalid_annotations(f"{self._file}: nothing is annotated", errors)

    def _differences(self, names: tuple[Path, ...], sha256: str) -> Iterator[str]:
        first = self.of(names, sha256)
        for other in filter(None, map(self._of, names)):
            if first and other.changes != first.changes:
                yield f"{other.place} is about the same clip as {first.place}"

    def warnings(self, clips: Mapping[tuple[Path, ...], str]) -> list[str]:
        """Return a warning for each annotated file that does not exist, and for each clip without annotation.

        `clips`: the SHA-256 of each clip by its names, empty where it is not known.
        """
        if not self._by_path and not self._by_name and not self._by_content:
            return []
        found = {_key(name) for names in clips for name in names}
        missing = [path for key, (path, _) in self._by_path.items() if key not in found and not _exists(path)]
        warnings = [f"{path.name} is annotated but does not exist" for path in missing]
        without = [names[0] for names, sha256 in clips.items() if self.of(names, sha256) is None]
        return warnings + [f"{name.name} has no annotation" for name in without]


def _key(path: Path) -> str:
    return composed(str(real_path(path)))


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for a name that is too long


def _path_of(folder: Path, name: str) -> Path:
    """Return the path of a clip; a name that Windows wrote may have backslashes between folders."""
    path = folder / name
    return path if _exists(path) or "\\" not in name else folder / name.replace("\\", "/")
