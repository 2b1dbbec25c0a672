"""`dead-letters`: list, show and redrive events that failed permanently."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.settings import load_settings
from schemas.faults import Poison
from schemas.safe_text import escaped
from streams.cli.output import command, fail, print_json, print_line, print_lines, print_output
from streams.cli.read_topics import read_topics, warn_without_worker
from streams.cli.stored_bytes import escaped_bytes, parse_json
from streams.files.user_files import check_targets, write_out

if TYPE_CHECKING:
    from streams.envelope import Record
    from streams.operations.redrive import DeadLetterFilter, Redriven, Selection
    from streams.operations.topic_history import TopicHistory
    from streams.stage.dead_letters import DeadLetter

_MAX_KEY_CHARACTERS = 1000


def _filters(function: Any) -> Any:
    options = (
        click.option("--topic", metavar="NAME", help="Only dead letters of this topic, such as song-submitted."),
        click.option("--since", metavar="TIME", help="Only from this time on: ISO 8601, or an age such as 2h or 7d."),
        click.option("--reason", metavar="CODE", help="Only with this reason, such as invalid_event."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group(name="dead-letters")
def dead_letters() -> None:
    """List, show and redrive dead letters: copies of events that failed permanently, kept for 30 days."""


@dead_letters.command(name="list")
@_filters
@command
def list_letters(topic: str | None, since: str | None, reason: str | None, as_json: bool) -> None:
    """List dead letters, newest first."""
    letter_filter = _filter(topic, since, reason)
    letters, redriven = read_topics(load_settings(), lambda history: _find(history, letter_filter))
    if as_json:
        print_json({"letters": [_fields(letter, redriven) for letter in letters]})
        return
    if not letters:
        print_line("no dead letters")
    for letter in letters:
        print_output(_line(letter, redriven))


@dead_letters.command()
@click.argument("dead_letter_id", metavar="ID")
@click.option("--value", type=click.Path(path_type=Path, dir_okay=False), help="Write the value's bytes to this file.")
@command
def show(dead_letter_id: str, value: Path | None, as_json: bool) -> None:
    """Show a dead letter with all headers; the beginning of ID is enough if it is unique."""
    check_targets(filter(None, [value]))
    letter, record, redriven = read_topics(load_settings(), lambda history: _open(history, dead_letter_id))
    if value is not None:
        write_out(record.value or b"", value)
    if as_json:
        print_json(_fields(letter, redriven) | _record_fields(record))
        return
    print_output(_line(letter, redriven))
    for name, text in record.headers:
        _print_bytes(f"  {name}", text)
    _print_bytes("key", record.key)
    print_output("no value" if record.value is None else f"value, {len(record.value)} bytes:")
    print_lines(escaped_bytes(record.value or b""))


def _print_bytes(name: str, value: bytes | None) -> None:
    print_lines(f"{escaped(name)}: {'none' if value is None else escaped_bytes(value, _MAX_KEY_CHARACTERS)}")


@dead_letters.command()
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@_filters
@click.option("--all", "everything", is_flag=True, help="All that were not redriven before.")
@command
def redrive(
    letter_ids: tuple[str, ...],
    topic: str | None,
    since: str | None,
    reason: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Send dead letters to their topics again, unchanged, by ID or by options."""
    letter_filter = _filter(topic, since, reason)
    if bool(letter_ids) == (letter_filter.is_selective or everything):
        raise Poison("give either ids of dead letters, or --topic, --since, --reason or --all", reason="usage")
    settings = load_settings()
    selection, result = read_topics(settings, lambda history: _redrive(history, letter_filter, letter_ids))
    _print_result(selection, result, as_json)
    if result.sent:
        warn_without_worker(settings)


def _print_result(selection: Selection, result: Redriven, as_json: bool) -> None:
    sent, refused = result
    for letter in selection.foreign:
        claimed = letter.claimed_topic or ""
        print_line(f"not sent: {letter.id} is a dead letter of {letter.topic.name}, but its header names '{claimed}'")
    for letter in selection.unreadable:
        print_line(f"not sent: {letter.id} stands for records that cannot be read; send the originals again")
    for letter_id, why in refused.items():
        print_line(f"not sent: {letter_id}: {why}")
    strays = [letter.id for letter in selection.foreign]
    unreadable = [letter.id for letter in selection.unreadable]
    if not sent:
        _fail_if_refused(strays, unreadable, refused, as_json)
    if as_json:
        others = {"strays": strays, "unreadable": unreadable, "refused": refused}
        print_json({"redriven": len(sent), "ids": sent, **others, "sent_before": selection.sent_before})
        return
    before = f"; {selection.sent_before} skipped that were redriven before" if selection.sent_before else ""
    print_output(f"{len(sent)} dead letters redriven{before}")


def _fail_if_refused(strays: list[str], unreadable: list[str], refused: dict[str, str], as_json: bool) -> None:
    if refused:
        fail(f"no dead letter is sent: {next(iter(refused.values()))}", as_json, "letter_refused", refused=refused)
    if unreadable:
        error = "no dead letter is sent: their records cannot be read"
        fail(error, as_json, "unreadable_record", unreadable=unreadable)
    if strays:
        fail("no dead letter is sent: their headers name other topics", as_json, "stray", strays=strays)


def _filter(topic: str | None, since: str | None, reason: str | None) -> DeadLetterFilter:
    from streams.operations.redrive import DeadLetterFilter, dead_letter_topic
    from streams.operations.topic_history import parse_time

    return DeadLetterFilter(
        topic=dead_letter_topic(topic) if topic is not None else None,
        since=parse_time(since, datetime.now().astimezone()) if since is not None else None,
        reason=reason,
    )


async def _find(history: TopicHistory, letter_filter: DeadLetterFilter) -> tuple[list[DeadLetter], dict[str, str]]:
    from streams.operations.redrive import find_letters, redriven_times

    letters = await find_letters(history, letter_filter)
    return letters, await redriven_times(history, letters)


async def _open(history: TopicHistory, prefix: str) -> tuple[DeadLetter, Record, dict[str, str]]:
    from streams.operations.redrive import DeadLetterFilter, find_by_id, read_record

    letters, redriven = await _find(history, DeadLetterFilter())
    letter = find_by_id(letters, prefix)
    return letter, await read_record(history, letter), redriven


async def _redrive(
    history: TopicHistory, letter_filter: DeadLetterFilter, ids: tuple[str, ...]
) -> tuple[Selection, Redriven]:
    from streams.operations.redrive import redrive, select
    from streams.operations.topic_history import producer_of

    letters, redriven = await _find(history, letter_filter)
    selection = select(letters, ids, redriven)
    async with producer_of(history.kafka) as producer:
        return selection, await redrive(history, producer, selection.letters)


def _line(letter: DeadLetter, redriven: Mapping[str, str]) -> str:
    failed_at = f"{letter.failed_at.astimezone():%Y-%m-%d %H:%M:%S}"
    attempts = "? attempts" if letter.attempts is None else f"{letter.attempts} attempts"
    failure = f"{letter.topic.name:16} {letter.step:17} {letter.reason:18} {attempts:11} {letter.error}"
    sent = f"  (redriven {redriven[letter.id]})" if letter.id in redriven else ""
    return f"{letter.id:16}  {failed_at}  {failure}{sent}"


def _fields(letter: DeadLetter, redriven: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": letter.id,
        "failed_at": letter.failed_at.isoformat(timespec="milliseconds"),
        "topic": letter.topic.full_name,
        "partition": letter.partition,
        "offset": letter.offset,
        "step": letter.step,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "error": letter.error,
        "size_bytes": letter.size,
        "redrive_of": letter.redrive_of,
        "redriven_at": redriven.get(letter.id),
        "omitted_because": letter.omitted_because,
    }


def _record_fields(record: Record) -> dict[str, Any]:
    return {
        "headers": [{"name": name, **_decoded(value)} for name, value in record.headers],
        "key": _decoded(record.key),
        "value": _decoded(record.value),
    }


def _decoded(value: bytes | None) -> dict[str, Any]:
    """Return the bytes in base64, and decoded: as `json` if they are JSON, else as `text` if they are UTF-8."""
    if value is None:
        return {"base64": None, "json": None, "text": None}
    try:
        parsed, text = parse_json(value), None
    except ValueError:
        parsed, text = None, _text(value)
    return {"base64": b64encode(value).decode(), "json": parsed, "text": text}


def _text(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
