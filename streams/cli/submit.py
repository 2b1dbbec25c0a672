"""`submit`: submit songs and return at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.kafka_connection import KafkaConnection, configured_kafka
from infra.settings import Settings, load_settings
from schemas.base import Options
from schemas.song_submitted import SongSubmitted
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.song_options import parallel_option, with_song_options
from streams.ids import new_request_id

if TYPE_CHECKING:
    from streams.bulk.requests import SongStream
    from streams.bulk.submit import Submission

_WORDS = {"running": "submitted before", "cached": "done before", "copy": "a copy of another song"}


@click.command()
@with_song_options
@click.option("--wait", is_flag=True, help="Follow the requests until their outcomes.")
@parallel_option
@command
def submit(
    songs: tuple[str, ...],
    playlists: tuple[Path, ...],
    options: Options,
    alternatives: int,
    wait: bool,
    parallel: int,
    as_json: bool,
) -> None:
    """Submit each SONG, and print the ids of the requests. SONG is a file, a folder, a playlist or a URL."""
    from streams.bulk.requests import SongRequests
    from streams.bulk.submit import submit_songs
    from streams.cli.bulk import generate_all, priority_of
    from streams.files.songs import alternatives_of, find_songs

    settings, found = load_settings(), find_songs(songs, playlists)
    wanted = alternatives_of(found.songs, alternatives)
    for warning in found.warnings:
        print_line(f"warning: {warning}")
    if wait:
        return generate_all(settings, wanted, options, parallel=parallel, as_json=as_json)
    submissions: list[Submission] = []
    with _song_stream(settings) as stream:
        requests = SongRequests(settings, options, priority_of(wanted), stream)
        for submission in submit_songs(requests, wanted):
            submissions.append(submission)
            _print(submission, as_json)
    if as_json:
        print_json({"songs": [submission.as_json() for submission in submissions]})
    if any(submission.status == "failed" for submission in submissions):
        raise SystemExit(1)
    return None


def _print(submission: Submission, as_json: bool) -> None:
    if submission.status == "failed":
        print_line(f"error: {submission.error}")
    elif not as_json:
        note = f" ({_WORDS[submission.status]})" if submission.status in _WORDS else ""
        print_output(f"{submission.request_id}  {submission.song.name}{note}")


@contextmanager
def _song_stream(settings: Settings) -> Iterator[SongStream]:
    """Yield the stream, which takes requests.

    With a Kafka that the settings name, workers may run on other machines only: none is started here.
    """
    from streams.cli.bulk import SOURCE
    from streams.local.services import running_worker, stream
    from streams.local.worker_access import WorkerAccess

    kafka = configured_kafka(settings)
    is_running = running_worker(settings) is not None
    if kafka is not None and not is_running:
        yield _WithoutWorker(kafka)
        return
    with stream(settings, print_line):
        yield WorkerAccess(settings, SOURCE)
    if not is_running:
        print_line("the songs are worked on while a worker runs: `bachata up`")


@dataclass(frozen=True)
class _WithoutWorker:
    """A Kafka without a worker on this machine: what was submitted before is not known, so that each request is new."""

    kafka: KafkaConnection
    run_id: str = field(default_factory=new_request_id)

    def submit(self, *requests: SongSubmitted) -> None:
        """Publish requests."""
        from streams.cli.bulk import SOURCE
        from streams.local.worker_access import submit

        asyncio.run(submit(self.kafka, SOURCE, *requests))

    def outcome(self, request_id: str) -> None:
        """Return None."""

    def library_version(self) -> str:
        """Return a text that no library has."""
        return self.run_id
