"""`moves export` and `moves import`: annotations of the library as files for a spreadsheet or another program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from infra.settings import load_settings
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from streams.cli.moves.edit import annotate
from streams.cli.moves.group import moves, resolve
from streams.cli.moves.recount import first_one_problems, recount
from streams.cli.output import command, print_json, print_line, print_output
from streams.files.user_files import check_targets, copy_out, title_of
from streams.local.library import library_annotations
from streams.local.services import Endpoint, stream
from streams.operations.first_one import needs_recount

if TYPE_CHECKING:
    from streams.operations.annotation_file import AnnotatedClip

_FILE = click.Path(path_type=Path, dir_okay=False)


@moves.command(name="export")
@click.argument("file", type=_FILE)
@command
def export_annotations(file: Path, as_json: bool) -> None:
    """Write the annotations of all moves to FILE: CSV if it ends in .csv, else JSON. `moves import` reads it."""
    from streams.operations.annotation_file import write_annotations

    check_targets([file])
    with stream(load_settings(), print_line) as endpoint:
        entries = endpoint.get("/moves")["moves"]
    with TemporaryDirectory(prefix="bachata-") as folder:
        temporary = Path(folder, "annotations").with_suffix(file.suffix)
        write_annotations(temporary, entries)
        written = copy_out(temporary, file)
    if as_json:
        return print_json({"file": str(written), "moves": len(entries)})
    return print_output(str(written))


@moves.command(name="import")
@click.argument("file", type=_FILE)
@command
def import_annotations(file: Path, as_json: bool) -> None:
    """Annotate moves of the library from FILE, CSV or JSON: a column replaces a field, an empty cell clears it.

    A clip whose count 1 is another one afterwards (`first_one_s`) is indexed again with it.
    """
    from streams.operations.annotation_file import read_annotations

    settings, rows = load_settings(), read_annotations(file)
    with stream(settings, print_line) as endpoint:
        before, entries = library_annotations(endpoint), endpoint.get("/moves")["moves"]
        changed = changed_annotations(rows, entries, before)
        _check_first_ones(endpoint, changed, entries)
        edited = annotate(endpoint, changed)
        counted = [move for move in edited if needs_recount(move, before.get(move.clip.sha256))]
        errors = recount(endpoint, settings, counted)
    if as_json:
        failed = {"errors": list(errors.values())} if errors else {}
        print_json({"changed": len(changed), "unchanged": len(rows) - len(changed), "indexed": len(counted), **failed})
    else:
        print_output(f"{len(changed)} moves are changed, {len(rows) - len(changed)} were so already")
    if errors:
        raise SystemExit(1)


def _check_first_ones(
    endpoint: Endpoint, changed: Mapping[str, MoveAnnotation], entries: Sequence[Mapping[str, Any]]
) -> None:
    """Raise `Poison` (`invalid_annotations`) with all clips that cannot have a count 1 where it is annotated."""
    from streams.operations.annotation_file import invalid_annotations

    names = {entry["sha256"]: entry["clip"] for entry in entries}
    problems = first_one_problems(endpoint, changed)
    if problems:
        errors = [f"{names[clip]}, first_one_s: {problem}" for clip, problem in problems.items()]
        raise invalid_annotations("nothing is changed", errors)


def changed_annotations(
    rows: Iterable[AnnotatedClip], entries: Sequence[Mapping[str, Any]], before: Mapping[str, MoveAnnotation]
) -> dict[str, MoveAnnotation]:
    """Return the annotations that rows of a file change, by clip.

    `entries`: the moves of the library; `before`: the annotations that hold, by clip.

    Raises: `Poison` (`invalid_annotations`) with all rows whose clip is not in the library, or has another row.
    """
    from streams.operations.annotation_file import invalid_annotations

    changed, errors, places = dict[str, MoveAnnotation](), list[str](), dict[str, str]()
    for row in rows:
        try:
            clip = resolve(row.sha256 or row.clip or title_of(Path(row.path.replace("\\", "/"))), entries)
        except Poison as fault:
            errors.append(f"{row.place}: {fault}")
            continue
        if clip in places:
            errors.append(f"{row.place} is about the same clip as {places[clip]}")
        places.setdefault(clip, row.place)
        after = row.annotation(before.get(clip))
        if after != before.get(clip, MoveAnnotation()):
            changed[clip] = after
    if errors:
        raise invalid_annotations("nothing is changed", errors)
    return changed
