"""`replay`: send the events of a topic again, for steps whose version has changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from infra.settings import Settings, load_settings
from streams.cli.output import command, print_json, print_output
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
    key: bytes
    execute: bool


@dataclass(frozen=True)
class _ReplayResult:
    survey: Survey
    measured: dict[str, float]
    partitions: int
    replay_id: str | None
    sent: int


@click.command()
@click.argument("topic")
@click.option("--from", "since", metavar=_BOUND, help="Begin at this offset of each partition, or at this time.")
@click.option("--to", "until", metavar=_BOUND, help="End before this offset of each partition, or before this time.")
@click.option("--song", metavar="SHA", help="Only this song or clip: its SHA-256, or at least its first 8 digits.")
@click.option("--to-step", metavar="STEP", help="The last step that processes the events; later steps skip them.")
@click.option("--execute", is_flag=True, help="Send the events. Without it, only print what would be sent.")
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
    """Send the events of TOPIC again, each once, so that steps with a new version process them.

    TOPIC is one that a step consumes. song-submitted keeps all songs, move-submitted all clips, the others 7 days.
    Times are ISO 8601 or an age such as 2h or 7d. Steps whose version has not changed use their stored results.
    The worker keeps running.
    """
    settings = load_settings()
    request = _request(settings, topic, since, until, song, to_step, execute)
    result = read_topics(settings, lambda history: _replay(history, request))
    report = _report(request, result, settings.step_processes)
    if as_json:
        print_json(report)
    else:
        _print_report(report)
    if result.sent:
        warn_without_worker(settings)


def _request(
    settings: Settings,
    topic: str,
    since: str | None,
    until: str | None,
    song: str | None,
    to_step: str | None,
    execute: bool,
) -> _Request:
    from streams.operations.replay import replayed_topic, song_prefix, steps_after
    from streams.operations.topic_history import parse_bound
    from streams.replay_limit import replay_key

    now = datetime.now().astimezone()
    found = replayed_topic(topic)
    return _Request(
        topic=found,
        since=None if since is None else parse_bound(since, now),
        until=None if until is None else parse_bound(until, now),
        song=None if song is None else song_prefix(song),
        steps=steps_after(found, to_step),
        to_step=to_step,
        key=replay_key(settings.media_dir) if to_step and execute else b"",
        execute=execute,
    )


async def _replay(history: TopicHistory, request: _Request) -> _ReplayResult:
    from streams.ids import new_request_id
    from streams.operations.replay import Replay, measured_seconds, survey
    from streams.operations.topic_history import producer_of

    ranges = await history.offset_ranges([request.topic.full_name], request.since, request.until)
    found = await survey(history, ranges, request.topic, request.song)
    measured = await measured_seconds(history, request.steps)
    partitions = len(await history.partitions([request.topic.full_name]))
    if not request.execute:
        return _ReplayResult(found, measured, partitions, None, 0)
    replay = Replay(new_request_id(), request.topic, request.steps[0].version, request.to_step, request.key)
    async with producer_of(history.kafka) as producer:
        sent = await replay.send(history, producer, ranges, found.newest.values())
    return _ReplayResult(found, measured, partitions, replay.id, sent)


def _report(request: _Request, result: _ReplayResult, step_processes: int) -> dict[str, Any]:
    from streams.operations.replay import estimated_seconds

    found, measured = result.survey, result.measured
    max_concurrent = min(step_processes, result.partitions)
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
        "at_once": max_concurrent,
        "estimated_seconds": estimated_seconds(found.records, request.steps, measured, max_concurrent),
        "replay_id": result.replay_id,
        "sent": result.sent,
    }


def _print_report(report: dict[str, Any]) -> None:
    print_output(
        f"{report['topic']}: {report['records']} records, {report['bytes']} bytes, "
        f"{report['songs']} songs or clips, {report['requests']} requests"
    )
    for step in report["steps"]:
        seconds = step["median_seconds"]
        duration = "unknown" if seconds is None else f"{seconds:.2f} s each"
        print_output(f"  {step['step']:18} version {step['version']:16} {duration}")
    estimate = report["estimated_seconds"]
    maximum = "unknown" if estimate is None else f"at most {estimate:.1f} s, {report['at_once']} in parallel"
    print_output(f"time: {maximum}; cached results take no time")
    if report["replay_id"] is None:
        print_output("nothing was sent; --execute sends the events")
    else:
        print_output(f"{report['sent']} records sent again by replay {report['replay_id']}")
