"""Read the annotations of clips from a file."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from streams.cli.files import real_path
from streams.cli.json_files import read_json

# Names of the file, each with the name of the same value in an event, which messages use: either is taken.
_NAMES = {"move": "move_label", "energy": "energy_level", "tempo_bpm": "estimated_tempo"}


class Annotations:
    """The annotations of a file, by clip. Names match whether their accents are composed or not, as on a Mac."""

    def __init__(self, file: Path | None) -> None:
        """Read the file, if there is one. Raises: `Poison` (`invalid_annotations`)."""
        entries = [] if file is None else _entries(file)
        self._by_path = {_key(path): (path, annotation) for path, annotation in entries}

    def of(self, clips: Iterable[Path]) -> MoveAnnotation | None:
        """Return the annotation of a clip that has these names: that of the first name with one."""
        return next((self._by_path[key][1] for key in map(_key, clips) if key in self._by_path), None)

    def warnings(self, clips: Iterable[tuple[Path, ...]]) -> list[str]:
        """Return a warning for each annotated file that does not exist, and for each clip without annotation."""
        if not self._by_path:
            return []
        names = list(clips)
        found = {_key(name) for of_clip in names for name in of_clip}
        missing = [path for key, (path, _) in self._by_path.items() if key not in found and not _exists(path)]
        warnings = [f"{path.name} is annotated but does not exist" for path in missing]
        return warnings + [f"{of_clip[0].name} has no annotation" for of_clip in names if self.of(of_clip) is None]


def _key(path: Path) -> str:
    return unicodedata.normalize("NFC", str(real_path(path)))


def _entries(file: Path) -> list[tuple[Path, MoveAnnotation]]:
    content = read_json(file, "invalid_annotations")
    clips = content.get("clips") if isinstance(content, dict) else None
    if not isinstance(clips, list):
        raise _invalid(file, 'give an object with "clips", a list')
    return [_entry(file, number, entry) for number, entry in enumerate(clips)]


def _entry(file: Path, number: int, entry: Any) -> tuple[Path, MoveAnnotation]:
    path = entry.get("video_path") if isinstance(entry, dict) else None
    if not isinstance(path, str) or not _is_path(path):
        raise _invalid(file, f'clips.{number}: give an object with "video_path"')
    try:
        return _path_of(file.parent, path), _annotation(entry)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise _invalid(file, f"clips.{number} ({path}): {_NAMES.get(field, field)}: {first['msg']}") from error


def _is_path(name: str) -> bool:
    """Return whether a file can have this name."""
    try:
        return name != "" and b"\0" not in os.fsencode(name)
    except UnicodeEncodeError:
        return False


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - Path.exists raises for a name that is too long


def _path_of(folder: Path, name: str) -> Path:
    """Return the path of a clip; a name that Windows wrote may have backslashes between folders."""
    path = folder / name
    return path if _exists(path) or "\\" not in name else folder / name.replace("\\", "/")


def _annotation(entry: dict[str, Any]) -> MoveAnnotation:
    values = {field: entry.get(_NAMES.get(field, field), entry.get(field)) for field in MoveAnnotation.model_fields}
    return MoveAnnotation.model_validate(
        values | {"category": values["category"] or values["move"], "notes": values["notes"] or ""}
    )


def _invalid(file: Path, message: str) -> Poison:
    return Poison(f"{file} is not a valid file of annotations: {message}", "invalid_annotations")
