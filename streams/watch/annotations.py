"""What a watched folder says about its clips: its file of annotations, and the names of its folders."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

from schemas.limits import MAX_NAME_CHARACTERS
from schemas.move_annotated import MoveAnnotation
from schemas.safe_text import is_harmless
from streams.files.annotations import Annotations
from streams.operations.annotation_file import AnnotatedClip
from streams.watch.scan import ANNOTATION_FILES
from streams.watch.state import Stat


@dataclass(frozen=True)
class Given:
    """What a folder says about a clip. `changes`: the fields of its row; `category`: the name of the clip's folder."""

    changes: Mapping[str, Any] = field(default_factory=dict)
    category: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values, empty where the folder says nothing."""
        return {name: value for name, value in asdict(self).items() if value}

    @staticmethod
    def of(values: Mapping[str, Any]) -> Given:
        """Return that of which `as_json` made the values."""
        return Given(values.get("changes", {}), values.get("category"))

    def annotation(self, before: MoveAnnotation | None, published: Given) -> MoveAnnotation:
        """Return a clip's annotation, changed. `published`: what the folder said when it was last published.

        A folder's name is the category only where neither the row nor a person has given another.
        """
        annotation = AnnotatedClip("", changes=self.changes).annotation(before)
        is_free = annotation.category is None or annotation.category == published.category
        if self.changes.get("category") is None and is_free:
            return annotation.model_copy(update={"category": self.category})
        return annotation


class FolderAnnotations:
    """The annotations of one watched folder, read again when the file changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._annotations = Annotations(None)
        self._stat: tuple[Path, Stat] | None = None
        self._seen: tuple[Path, Stat] | None = None

    def refresh(self) -> bool:
        """Read the file if it has changed and is no longer being written; return whether it was read.

        It is being written while two calls find different sizes or times. Raises: `Poison` (`invalid_annotations`),
        once for each change: the annotations stay as they were.
        """
        found, before = self._find(), self._seen
        self._seen = found
        if found == self._stat or found != before:
            return False
        self._stat = found
        self._annotations = Annotations(found[0] if found else None)
        return True

    @property
    def is_settled(self) -> bool:
        """Return whether the file is read as it is now."""
        return self._find() == self._stat

    def _find(self) -> tuple[Path, Stat] | None:
        for name in ANNOTATION_FILES:
            file = self._folder / name
            try:
                return file, Stat.of(file.stat())
            except OSError:
                continue
        return None

    def given(self, sha256: str, names: Sequence[str]) -> Given:
        """Return what the folder says about a clip with this content and these names in it."""
        row = self._annotations.of((self._folder / name for name in names), sha256)
        return Given(dict(row.changes) if row else {}, next(filter(None, map(_category, names)), None))


def _category(name: str) -> str | None:
    """Return the name of the outermost folder of a file in the watched folder, as far as it can be a category."""
    outermost = PurePath(name).parts[0] if os.sep in name else ""
    return "".join(filter(is_harmless, outermost))[:MAX_NAME_CHARACTERS].strip() or None
