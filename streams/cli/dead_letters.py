"""`dead-letters`: what failed for good, looked at and sent on its way again."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from infra.settings import load_settings
from schemas.faults import Poison
from streams.cli.output import command, fail, print_json, print_line
from streams.cli.read_topics import read_topics, warn_without_worker
from streams.cli.safe_text import escaped, escaped_bytes, parse_json

if TYPE_CHECKING:
    from streams.envelope import Record
    from streams.operations.redrive import LetterFilter, Selection
    from streams.operations.topic_history import TopicHistory
    from streams.stage.dead_letters import Letter

_KEY_CHARACTERS = 1000


def _filters(function: Any) -> Any:
    options = (
        click.option("--topic", metavar="NAME", help="Only letters of this topic, such as song-submitted."),
        click.option("--since", metavar="TIME", help="Only from this time on: ISO 8601, or an age such as 2h or 7d."),
        click.option("--reason", metavar="CODE", help="Only with this reason, such as invalid_event."),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.group(name="dead-letters")
def dead_letters() -> None:
    """What failed for good: the original events, kept for 30 days."""


@dead_letters.command(name="list")
@_filters
@command
def list_letters(topic: str | None, since: str | None, reason: str | None, as_json: bool) -> None:
    """List dead letters, newest first."""
    wanted = _filter(topic, since, reason)
    letters, redriven = read_topics(load_settings(), lambda history: _find(history, wanted))
    if as_json:
        print_json({"letters": [_fields(letter, redriven) for letter in letters]})
        return
    if not letters:
        print_line("no dead letters")
    for letter in letters:
        click.echo(_line(letter, redriven))


@dead_letters.command()
@click.argument("letter_id", metavar="ID")
@click.option("--value", type=click.Path(path_type=Path, dir_okay=False), help="Write the value's bytes to this file.")
@command
def show(letter_id: str, value: Path | None, as_json: bool) -> None:
    """Show all of dead letter ID; the beginning of the id is enough where no other begins so."""
    letter, record, redriven = read_topics(load_settings(), lambda history: _open(history, letter_id))
    if value is not None:
        value.write_bytes(record.value or b"")
    if as_json:
        print_json(_fields(letter, redriven) | _contents(record))
        return
    click.echo(_line(letter, redriven))
    for name, text in record.headers:
        click.echo(f"  {escaped(name)}: {escaped_bytes(text, _KEY_CHARACTERS)}")
    click.echo(f"key: {'none' if record.key is None else escaped_bytes(record.key, _KEY_CHARACTERS)}")
    click.echo("no value" if record.value is None else f"value, {len(record.value)} bytes:")
    click.echo(escaped_bytes(record.value or b""))


@dead_letters.command()
@click.argument("letter_ids", metavar="[ID]...", nargs=-1)
@_filters
@click.option("--all", "everything", is_flag=True, help="All that were not sent back before.")
@command
def redrive(
    letter_ids: tuple[str, ...],
    topic: str | None,
    since: str | None,
    reason: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Send dead letters back to the topics they came from, as they were when they failed."""
    wanted = _filter(topic, since, reason)
    if bool(letter_ids) == (wanted.names_something or everything):
        raise Poison("say which letters: either their ids, or --topic, --since, --reason or --all", reason="usage")
    settings = load_settings()
    choice, sent = read_topics(settings, lambda history: _redrive(history, wanted, letter_ids))
    _tell_result(choice, sent, as_json)
    if sent:
        warn_without_worker(settings)


def _tell_result(choice: Selection, sent: list[str], as_json: bool) -> None:
    for letter in choice.strays:
        claim = escaped(letter.says_topic or "")
        print_line(
            f"not sent: {escaped(letter.id)} lies among those of {letter.topic.name} and says it is of '{claim}'"
        )
    strays = [letter.id for letter in choice.strays]
    if strays and not sent:
        fail("no letter is sent: those named are of no topic they may go to", as_json, "stray", strays=strays)
    if as_json:
        print_json({"redriven": len(sent), "ids": sent, "strays": strays, "sent_before": choice.sent_before})
        return
    before = f"; {choice.sent_before} left out that were sent back before" if choice.sent_before else ""
    click.echo(f"{len(sent)} dead letters sent back{before}")


def _filter(topic: str | None, since: str | None, reason: str | None) -> LetterFilter:
    from streams.operations.redrive import LetterFilter, letters_topic
    from streams.operations.topic_history import parse_time

    return LetterFilter(
        topic=letters_topic(topic) if topic is not None else None,
        since=parse_time(since, datetime.now().astimezone()) if since is not None else None,
        reason=reason,
    )


async def _find(history: TopicHistory, wanted: LetterFilter) -> tuple[list[Letter], dict[str, str]]:
    from streams.operations.redrive import find_letters, redriven_times

    return await find_letters(history, wanted), await redriven_times(history)


async def _open(history: TopicHistory, name: str) -> tuple[Letter, Record, dict[str, str]]:
    from streams.operations.redrive import LetterFilter, letter_named, record_of

    letters, redriven = await _find(history, LetterFilter())
    letter = letter_named(letters, name)
    return letter, await record_of(history, letter), redriven


async def _redrive(history: TopicHistory, wanted: LetterFilter, names: tuple[str, ...]) -> tuple[Selection, list[str]]:
    from streams.operations.redrive import choose, redrive
    from streams.operations.topic_history import producer_of

    letters, redriven = await _find(history, wanted)
    choice = choose(letters, names, redriven)
    async with producer_of(history.bootstrap) as producer:
        return choice, await redrive(history, producer, choice.letters)


def _line(letter: Letter, redriven: Mapping[str, str]) -> str:
    when = f"{letter.failed_at.astimezone():%Y-%m-%d %H:%M:%S}"
    times = "? attempts" if letter.attempts is None else f"{letter.attempts} attempts"
    what = f"{letter.topic.name:16} {letter.step:17} {letter.reason:18} {times:11} {letter.error}"
    sent = f"  (sent back {redriven[letter.id]})" if letter.id in redriven else ""
    return escaped(f"{letter.id:16}  {when}  {what}{sent}")


def _fields(letter: Letter, redriven: Mapping[str, str]) -> dict[str, Any]:
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
    }


def _contents(record: Record) -> dict[str, Any]:
    return {
        "headers": [{"name": name, **_both(value)} for name, value in record.headers],
        "key": _both(record.key),
        "value": _both(record.value),
    }


def _both(value: bytes | None) -> dict[str, Any]:
    """The bytes in base64, what they say in JSON, if they do, and else what they say as text, if they do."""
    if value is None:
        return {"base64": None, "json": None, "text": None}
    try:
        found, text = parse_json(value), None
    except ValueError:
        found, text = None, _utf8(value)
    return {"base64": b64encode(value).decode(), "json": found, "text": text}


def _utf8(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
