"""Read and write files of annotations, JSON and CSV. All errors of a file are reported at once."""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from infra.base.text_file import read_text
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Judgement

FIELDS = tuple(MoveAnnotation.model_fields)
_CHOICES = ("difficulty", "energy", "role", "entry_hold", "exit_hold")
_OTHER_NAMES = {
    "move_label": "move",
    "energy_level": "energy",
    "estimated_tempo": "tempo_bpm",
    "tempo": "tempo_bpm",
    "first_one": "first_one_s",
    "lead_follow_roles": "role",
    "roles": "role",
}
_CLIP_FIELDS = {"sha256": "sha256", "clip_id": "clip", "clip": "clip", "video_path": "path", "file": "path"}
_JUDGED = "judged"  # its columns are for people, and not read
_DELIMITERS = ",;\t"
_MAX_ERRORS = 10  # in the message; a command prints all
# A table's program calculates cells that begin so. In their place, an apostrophe before them makes them text.
_FORMULA_STARTS = ("=", "+", "-", "@", "'")
_TAG = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^,;]*))\s*(?:[,;]|$)')


@dataclass(frozen=True)
class AnnotatedClip:
    """An entry of a file: the clip by its SHA-256, name or path, and the fields that change, None: no value any more.

    `place`: the row or entry, for messages.
    """

    place: str
    sha256: str = ""
    clip: str = ""
    path: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)

    def annotation(self, before: MoveAnnotation | None) -> MoveAnnotation:
        """Return the clip's annotation, changed; the entry is valid."""
        unchanged = {} if before is None else before.model_dump(exclude=set(self.changes))
        given = {name: value for name, value in self.changes.items() if value is not None}
        return MoveAnnotation.model_validate(unchanged | given)


def read_annotations(file: Path) -> list[AnnotatedClip]:
    """Return the entries of a file, JSON or CSV by its content.

    Raises: `Poison` (`invalid_annotations`) with all errors, each with its row and column.
    """
    errors: list[str] = []
    try:
        text = read_text(file)
        is_json = text.lstrip()[:1] in {"{", "["}
        rows = list(_json_rows(text, errors) if is_json else _csv_rows(text, errors))
    except json.JSONDecodeError as error:
        raise _invalid(file, [f"line {error.lineno}, column {error.colno} is not JSON: {error.msg}"]) from error
    except OSError as error:
        raise Poison(f"{file}: {error.strerror}", "invalid_annotations") from error
    except RecursionError as error:
        raise _invalid(file, ["it is nested too deeply"]) from error
    except (ValueError, csv.Error) as error:
        raise _invalid(file, [*errors, str(error)]) from error
    entries = [entry for place, row in rows if (entry := _entry(place, row, errors)) is not None]
    errors += _repeated(entries)
    if errors:
        raise _invalid(file, errors)
    return entries


def _json_rows(text: str, errors: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the entries, each with its place; add the errors of fields that are given twice."""
    content = json.loads(text)
    clips = content.get("clips") if isinstance(content, dict) else None
    if not isinstance(clips, list):
        raise ValueError('give an object with "clips", a list')  # noqa: TRY004 - of the file
    for number, entry in enumerate(clips):
        errors += [f"clips.{number}: {error}" for error in _same_fields(entry if isinstance(entry, dict) else ())]
        yield f"clips.{number}", entry


def _csv_rows(text: str, errors: list[str]) -> Iterator[tuple[str, Any]]:
    """Yield the rows, each with its number in a table's program; add the errors of columns and of rows too long."""
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=delimiter, strict=True)
    columns = [name.strip().lower().replace(" ", "_") for name in next(reader, [])]
    if not set(columns) & _CLIP_FIELDS.keys():
        raise ValueError("row 1 names no column for the clip: give clip, video_path or sha256")
    errors += [
        f"row 1: there is no column '{name}'; {_suggestion(name)}" for name in columns if name and not _is_known(name)
    ]
    errors += [f"row 1: {error}" for error in _same_fields(columns)]
    for number, cells in enumerate(reader, 2):
        if len(cells) > len(columns) and any(cells):
            errors.append(f"row {number} has {len(cells)} cells, row 1 has {len(columns)}")
        elif any(cell.strip() for cell in cells):
            yield f"row {number}", dict(zip(columns, map(_plain, cells), strict=False))


def _plain(cell: str) -> str:
    """Return a cell's text, without the apostrophe that `write_annotations` puts before what may be a formula."""
    text = cell.strip()
    return text[1:].strip() if text.startswith("'") and _may_be_formula(text[1:]) else text


def _may_be_formula(text: str) -> bool:
    return text.lstrip().startswith(_FORMULA_STARTS)


def _same_fields(columns: Iterable[str]) -> Iterator[str]:
    """Yield an error for each column that is the same field as an earlier one."""
    earlier: dict[str, str] = {}
    for column in filter(None, columns):
        name = _CLIP_FIELDS.get(column) or _OTHER_NAMES.get(column, column)
        if name in earlier:
            yield f"'{column}' is the same field as '{earlier[name]}'; leave one of them out"
        earlier[name] = column


def _is_known(column: str) -> bool:
    return column in FIELDS or column in _OTHER_NAMES or column in _CLIP_FIELDS or column.startswith(_JUDGED)


def _suggestion(column: str) -> str:
    similar = get_close_matches(column, [*FIELDS, *_OTHER_NAMES, *_CLIP_FIELDS], n=1, cutoff=0.6)
    return f"do you mean '{similar[0]}'?" if similar else f"the columns are {', '.join((*_CLIP_FIELDS, *FIELDS))}"


def _entry(place: str, row: Any, errors: list[str]) -> AnnotatedClip | None:
    """Return a row's entry, or add its errors."""
    names = row if isinstance(row, dict) else {}
    clip = {name: names[column] for column, name in _CLIP_FIELDS.items() if names.get(column)}
    if not clip or not all(isinstance(value, str) and _is_text(value) for value in clip.values()):
        errors.append(f'{place}: give an object with "clip_id" or "video_path"')
        return None
    columns = {_OTHER_NAMES.get(column, column): column for column in row}
    changes = {name: _value(name, row[column]) for name, column in columns.items() if name in FIELDS}
    entry = AnnotatedClip(f"{place} ({next(iter(clip.values()))})", **clip, changes=changes)
    try:
        entry.annotation(None)
    except ValidationError as error:
        for found in error.errors(include_input=False, include_url=False):
            column = columns[str(found["loc"][0])]
            errors.append(f"{entry.place}, {column}: {found['msg']}")
        return None
    return entry


def _value(name: str, value: Any) -> Any:
    """Return a field's value as in an event; None where it is empty."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    if not isinstance(value, str):
        return value
    if name == "tags":
        return list(_tags(value))
    if name in {"tempo_bpm", "first_one_s"}:
        return value.replace(",", ".")
    return value.lower().replace(" ", "_").replace("-", "_") if name in _CHOICES else value


def _tags(text: str) -> Iterator[str]:
    """Yield the tags of a cell, separated by semicolons or commas; one that contains these is in quotation marks."""
    for found in _TAG.finditer(text):
        if found[1] is not None:
            yield found[1].replace('""', '"')
        elif tag := found[2].strip():
            yield tag


def _repeated(entries: Iterable[AnnotatedClip]) -> Iterator[str]:
    places: dict[tuple[str, str, str], str] = {}
    for entry in entries:
        before = places.setdefault((entry.sha256.lower(), composed(entry.clip), composed(entry.path)), entry.place)
        if before != entry.place:
            yield f"{entry.place} is about the same clip as {before}"


def _is_text(name: str) -> bool:
    """Return whether a clip or a file can have this name."""
    try:
        return b"\0" not in name.encode()
    except UnicodeEncodeError:
        return False


def composed(name: str) -> str:
    """Return a name with composed accents, whether they were so before or not, as on a Mac."""
    return unicodedata.normalize("NFC", name)


def _invalid(file: Path, errors: Sequence[str]) -> Poison:
    return invalid_annotations(f"{file} is not a valid file of annotations", errors)


def invalid_annotations(what: str, errors: Sequence[str]) -> Poison:
    """Return the fault for a file's errors: the first ten in its message, all in its `errors` if there are more."""
    more = f"; and {len(errors) - _MAX_ERRORS} more" if len(errors) > _MAX_ERRORS else ""
    message = f"{what}: {'; '.join(errors[:_MAX_ERRORS])}{more}"
    return Poison(message, "invalid_annotations", errors if more else ())


def write_annotations(file: Path, moves: Iterable[Mapping[str, Any]]) -> None:
    """Write the annotations of moves, as CSV to a file with that suffix, else as JSON; `read_annotations` reads it.

    `moves`: as the worker's page lists them. What was judged of each move stands beside it, for people.
    """
    rows = [_row(move) for move in moves]
    if file.suffix.lower() != ".csv":
        content = json.dumps({"clips": rows}, ensure_ascii=False, indent=2) + "\n"
        file.write_text(content, encoding="utf-8")
        return
    columns = ("clip", "sha256", *FIELDS, *(f"{_JUDGED}_{name}" for name in Judgement.model_fields))
    with file.open("w", encoding="utf-8-sig", newline="") as target:  # with the mark that Excel needs
        writer = csv.DictWriter(target, columns, restval="")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _row(move: Mapping[str, Any]) -> dict[str, Any]:
    judged = {f"{_JUDGED}_{name}": value for name, value in (move["judged"] or {}).items()}
    return {"clip": move["clip"], "sha256": move["sha256"]} | (move["annotation"] or {}) | judged


def _cell(value: Any) -> Any:
    text = "; ".join(map(_tag_cell, value)) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and _may_be_formula(text) else text


def _tag_cell(tag: str) -> str:
    is_plain = tag and tag == tag.strip() and not set(tag) & set(',;"')
    return tag if is_plain else '"' + tag.replace('"', '""') + '"'
