"""`replay`: send a topic's events again, for steps whose version changed since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from infra.settings import load_settings
from streams.cli.output import command, print_json
from streams.cli.read_topics import read_topics, warn_without_worker

if TYPE_CHECKING:
    from streams.operations.replay import Survey
    from streams.operations.topic_history import Bound, TopicHistory
    from streams.stage.runners import AnyStep
    from streams.topics import Topic

_BOUND = "OFFSET|TIME"


@dataclass(frozen=True)
class _Request:
    topic: Topic
    since: Bound
    until: Bound
    song: str | None
    steps: list[AnyStep]
    to_step: str | None
    execute: bool


@dataclass(frozen=True)
class _Answer:
    survey: Survey
    measured: dict[str, float]
    replay_id: str | None
    sent: int


@click.command()
@click.argument("topic")
@click.option("--from", "since", metavar=_BOUND, help="Only from here on: an offset of every partition, or a time.")
@click.option("--to", "until", metavar=_BOUND, help="Only up to here, this one not included.")
@click.option("--song", metavar="SHA", help="Only this song or clip: its sha256, or at least 8 digits of it.")
@click.option("--to-step", metavar="STEP", help="End with this step: the steps that follow it do not see the events.")
@click.option("--execute", is_flag=True, help="Send them. Without it, only say what would be sent.")
@command
def replay(
    topic: str,
    since: str | None,
    until: str | None,
    song: str | None,
    to_step: str | None,
    execute: bool,
    as_json: bool,
) -> None:
    """Send the events of TOPIC again, each once, so that steps with a new version work on them.

    TOPIC is one that a step reads, such as song-accepted. Times are ISO 8601 or an age such as 2h or 7d. What steps
    of the same version know already comes from their table. The worker goes on meanwhile.
    """
    settings = load_settings()
    request = _request(topic, since, until, song, to_step, execute)
    answer = read_topics(settings, lambda history: _replay(history, request))
    report = _report(request, answer, settings.children)
    if as_json:
        print_json(report)
    else:
        _show(report)
    if answer.sent:
        warn_without_worker(settings)


def _request(
    topic: str, since: str | None, until: str | None, song: str | None, to_step: str | None, execute: bool
) -> _Request:
    from streams.operations.replay import replayed_topic, song_prefix, steps_after
    from streams.operations.topic_history import parse_bound

    now = datetime.now().astimezone()
    found = replayed_topic(topic)
    return _Request(
        topic=found,
        since=None if since is None else parse_bound(since, now),
        until=None if until is None else parse_bound(until, now),
        song=None if song is None else song_prefix(song),
        steps=steps_after(found, to_step),
        to_step=to_step,
        execute=execute,
    )


async def _replay(history: TopicHistory, request: _Request) -> _Answer:
    from streams.ids import new_request_id
    from streams.operations.replay import Replay, measured_seconds, survey
    from streams.operations.topic_history import producer_of

    ranges = await history.offset_ranges([request.topic.full_name], request.since, request.until)
    found = await survey(history, ranges, request.topic, request.song)
    measured = await measured_seconds(history, request.steps)
    if not request.execute:
        return _Answer(found, measured, None, 0)
    replay = Replay(new_request_id(), request.topic, request.steps[0].version, request.to_step)
    async with producer_of(history.bootstrap) as producer:
        return _Answer(found, measured, replay.id, await replay.send(history, producer, ranges, found.newest.values()))


def _report(request: _Request, answer: _Answer, children: int) -> dict[str, Any]:
    from streams.operations.replay import estimated_seconds
    from streams.topics import PARTITIONS

    found, measured = answer.survey, answer.measured
    at_once = min(children, PARTITIONS)
    return {
        "topic": request.topic.full_name,
        "records": found.records,
        "bytes": found.size,
        "songs": len(found.songs),
        "requests": len(found.requests),
        "steps": [
            {"step": step.name, "version": step.version, "median_seconds": measured.get(step.name)}
            for step in request.steps
        ],
        "at_once": at_once,
        "estimated_seconds": estimated_seconds(found.records, request.steps, measured, at_once),
        "replay_id": answer.replay_id,
        "sent": answer.sent,
    }


def _show(report: dict[str, Any]) -> None:
    click.echo(
        f"{report['topic']}: {report['records']} records, {report['bytes']} bytes, "
        f"{report['songs']} songs or clips, {report['requests']} requests"
    )
    for step in report["steps"]:
        seconds = step["median_seconds"]
        takes = "unknown" if seconds is None else f"{seconds:.2f} s each"
        click.echo(f"  {step['step']:18} version {step['version']:16} {takes}")
    estimate = report["estimated_seconds"]
    most = "unknown" if estimate is None else f"at most {estimate:.1f} s, {report['at_once']} at a time"
    click.echo(f"time: {most}; what the tables still know takes no time")
    if report["replay_id"] is None:
        click.echo("nothing was sent; --execute sends them")
    else:
        click.echo(f"{report['sent']} records sent again by replay {report['replay_id']}")
