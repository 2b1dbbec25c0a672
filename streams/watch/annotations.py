"""The annotations of a watched folder: those of its file, and the names of its folders as categories."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

from schemas.limits import MAX_NAME_CHARACTERS
from schemas.move_annotated import MoveAnnotation
from schemas.safe_text import harmless_part
from streams.files.annotations import ANNOTATION_FILES, Annotations
from streams.operations.annotation_file import AnnotatedClip
from streams.watch.state import Stat


@dataclass(frozen=True)
class FolderAnnotation:
    """A folder's annotation of a clip. `changes`: the fields of its row; `category`: the name of the clip's folder."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    category: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values, which are never empty."""
        return asdict(self)

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> FolderAnnotation | None:
        """Return the annotation of which `as_json` returned the values, None where there are none."""
        return FolderAnnotation(**values) if values else None

    def annotation(self, before: MoveAnnotation | None, published: FolderAnnotation | None) -> MoveAnnotation:
        """Return a clip's annotation, changed. `published`: the folder's annotation when it was last published.

        Fields of the row that have changed since then are new; the others may have been edited since. Where nothing was
        published, only fields without a value are new: the others were annotated elsewhere, or before the watcher's
        state was lost. A folder's name is the category only where neither the row nor a person has given another.
        """
        present = before or MoveAnnotation()
        changes = {name: value for name, value in self.changes.items() if _is_new(name, value, present, published)}
        annotation = AnnotatedClip("", changes=changes).annotation(before)
        is_free = annotation.category in {None, published.category if published else None}
        if self.changes.get("category") is None and is_free:
            return annotation.model_copy(update={"category": self.category})
        return annotation


def _is_new(name: str, value: Any, present: MoveAnnotation, published: FolderAnnotation | None) -> bool:
    if published is None:
        return not getattr(present, name)
    return name not in published.changes or bool(published.changes[name] != value)


class FolderAnnotations:
    """The annotations of one watched folder, read again when the file changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._annotations = Annotations(None)
        self._read_stat: tuple[Path, Stat] | None = None
        self._last_stat: tuple[Path, Stat] | None = None

    def refresh(self) -> bool:
        """Read the file if it has changed and is no longer being written; return whether it was read.

        It is being written while two calls find different sizes or times. Raises: `Poison` (`invalid_annotations`),
        once for each change: the annotations stay as they were.
        """
        found, before = self._find(), self._last_stat
        self._last_stat = found
        if found == self._read_stat or found != before:
            return False
        self._read_stat = found
        self._annotations = Annotations(found[0] if found else None)
        return True

    @property
    def is_settled(self) -> bool:
        """Return whether the file is read as it is now."""
        return self._find() == self._read_stat

    def _find(self) -> tuple[Path, Stat] | None:
        for name in ANNOTATION_FILES:
            file = self._folder / name
            try:
                return file, Stat.of(file.stat())
            except OSError:
                continue
        return None

    def annotation_of(self, sha256: str, names: Sequence[str]) -> FolderAnnotation:
        """Return the folder's annotation of a clip with this content and these names in it."""
        row = self._annotations.of((self._folder / name for name in names), sha256)
        return FolderAnnotation(dict(row.changes) if row else {}, next(filter(None, map(_category, names)), None))


def _category(name: str) -> str | None:
    """Return the name of the outermost folder of a file in the watched folder, as far as it can be a category."""
    outermost = PurePath(name).parts[0] if os.sep in name else ""
    return harmless_part(outermost, MAX_NAME_CHARACTERS) or None
