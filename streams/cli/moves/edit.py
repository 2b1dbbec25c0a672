"""`moves edit`: say what is right about moves, beside what was judged of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
from pydantic import ValidationError

from infra.settings import load_settings
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveSummary
from streams.cli.choices import choices
from streams.cli.moves.group import count_text, moves, resolve
from streams.cli.moves.recount import first_one_problems, read_moves, recount
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.wait_watch import kafka_watch
from streams.local.library import library_annotations, wait_until_applied
from streams.local.services import Endpoint, stream
from streams.operations.first_one import count_fields

F = TypeVar("F", bound=Callable[..., Any])
_MAX_TEMPO_DEVIATION = 0.04  # relative
_FIELDS = tuple(MoveAnnotation.model_fields)
_OPTIONS = {"tempo_bpm": "tempo", "tags": "tag", "first_one_s": "first-one"}
_TEXTS = {
    "move": "The name of the move.",
    "category": "The kind of move.",
    "style": "The style, such as sensual or dominican.",
    "couple": "A name for the two dancers.",
    "notes": "Anything else.",
}
_CHOICES = {
    "difficulty": "The difficulty.",
    "energy": "The energy.",
    "role": "The dancer whom the move is about.",
    "entry_hold": "How the couple holds each other when the move begins.",
    "exit_hold": "How the couple holds each other when the move ends.",
}


def _option(field: str) -> str:
    """Return the option for a field of an annotation."""
    return "--" + _OPTIONS.get(field, field).replace("_", "-")


def _field_options(function: F) -> F:
    """Add an option for each field of an annotation."""
    for field, text in reversed(_TEXTS.items()):
        function = click.option(f"--{field}", help=text)(function)
    for field, text in reversed(_CHOICES.items()):
        function = click.option(_option(field), type=choices(MoveAnnotation, field), help=text)(function)
    return function


@moves.command()
@click.argument("names", metavar="MOVE...", nargs=-1, required=True)
@_field_options
@click.option("--tempo", "tempo_bpm", type=float, help="Beats per minute; used where the sound has no clear beat.")
@click.option(
    "--first-one", "first_one_s", type=float, help="When a count 1 is, seconds; the clip is indexed again with it."
)
@click.option("--tag", "tags", multiple=True, help="A tag, in place of all earlier ones; may be given several times.")
@click.option(
    "--clear", "cleared", multiple=True, type=click.Choice(_FIELDS), help="Bring back what was judged of a field."
)
@command
def edit(names: tuple[str, ...], cleared: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Annotate each MOVE: the name of its clip, or at least 4 digits of the clip's SHA-256.

    What is annotated holds in place of what was judged, at once and without another analysis. Only the count 1 decides
    more: the clip is indexed again with it, for which its dancers are not detected again.
    """
    changes = {field: value for field, value in given.items() if value not in {None, ()}}
    if not changes and not cleared:
        raise Poison("nothing to change: give a field, such as --difficulty advanced, or --clear FIELD", "no_change")
    settings, errors = load_settings(), dict[str, str]()
    with stream(settings, print_line) as endpoint:
        entries = endpoint.get("/moves")["moves"]
        clips = list(dict.fromkeys(resolve(name, entries) for name in names))
        before = library_annotations(endpoint)
        annotations = {clip: _edited(before.get(clip), changes, cleared) for clip in clips}
        if "first_one_s" in changes:
            _check_first_one(endpoint, annotations)
        edited = annotate(endpoint, annotations)
        if "first_one_s" in {*changes, *cleared}:
            errors = recount(endpoint, settings, edited)
            edited = read_moves(endpoint, clips)
    if as_json:
        print_json({"moves": [_entry(move) | {"error": errors.get(move.clip.sha256)} for move in edited]})
    else:
        _print_moves([move for move in edited if move.clip.sha256 not in errors])
    if errors:
        raise SystemExit(1)


def _print_moves(edited: Sequence[MoveSummary]) -> None:
    for move in edited:
        text = f"{move.name}: {move.move}, {move.category}, {move.difficulty}, {move.energy} energy"
        print_output(f"{text}, {count_text(count_fields(move))}")


def _check_first_one(endpoint: Endpoint, annotations: Mapping[str, MoveAnnotation]) -> None:
    """Raise `Poison` where a time cannot be the count 1 of a clip, or would be that of several clips."""
    if len(annotations) > 1:
        raise Poison("--first-one is of one clip: give one MOVE", "usage")
    for problem in first_one_problems(endpoint, annotations).values():
        raise Poison(f"--first-one: {problem}", "invalid_annotations")


def annotate(endpoint: Endpoint, annotations: Mapping[str, MoveAnnotation]) -> list[MoveSummary]:
    """Publish annotations by clip, and return the moves when the library has them. Raises: `Retryable`.

    A line names those whose beats have another tempo than the annotated one.
    """
    from streams.operations.library_events import annotate_moves

    with kafka_watch(endpoint.kafka, print_line):
        asyncio.run(annotate_moves(endpoint.kafka, annotations))
    waiting, edited = dict(annotations), dict[str, MoveSummary]()

    def is_applied() -> bool:
        for clip in list(waiting):
            edited[clip] = MoveSummary.model_validate(endpoint.get(f"/moves/{clip}"))
            if edited[clip].annotation != waiting[clip]:
                return False
            del waiting[clip]
        return True

    wait_until_applied(is_applied, "changed")
    for move in edited.values():
        _warn_of_tempo(move)
    return list(edited.values())


def _warn_of_tempo(move: MoveSummary) -> None:
    annotated_bpm = move.annotation.tempo_bpm if move.annotation else None
    if annotated_bpm and abs(move.tempo_bpm / annotated_bpm - 1) > _MAX_TEMPO_DEVIATION:
        print_line(
            f"{move.name}: its beats have {move.tempo_bpm:.0f} bpm, not {annotated_bpm:g}: index its clip again to "
            "find them again; where its sound has a clear beat, they stay"
        )


def _edited(before: MoveAnnotation | None, changes: Mapping[str, Any], cleared: Sequence[str]) -> MoveAnnotation:
    """Return an annotation with some fields changed and others cleared. Raises: `Poison`."""
    unchanged = {} if before is None else before.model_dump(exclude=set(cleared), exclude_defaults=True)
    values = unchanged | dict(changes)
    try:
        return MoveAnnotation.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise Poison(f"{_option(str(first['loc'][0]))}: {first['msg']}", "invalid_annotations") from error


def _entry(move: MoveSummary) -> dict[str, Any]:
    fields = ("move", "category", "difficulty", "energy", "tempo_bpm")
    return {
        "clip": move.name,
        "sha256": move.clip.sha256,
        **{field: getattr(move, field) for field in fields},
        **count_fields(move),
        "annotation": move.annotation and move.annotation.model_dump(mode="json", exclude_defaults=True),
        "judged": move.judged and move.judged.model_dump(mode="json"),
    }
