"""The client submits songs and clips, waits for their outcomes, and reads the outcomes of all requests.

async with Client("127.0.0.1:9092") as client:  # or Client(KafkaConnection(...)) for a Kafka with a login
    request_id = await client.submit("song.mp3")
    outcome = await client.wait(request_id)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

from aiokafka import TopicPartition
from pydantic import ValidationError

from infra.kafka_connection import KafkaConnection
from schemas.base import Corrections, Model, Options, Priority
from schemas.faults import Poison, invalid_event
from schemas.move_indexed import MoveIndexed
from schemas.progress import Progress
from schemas.rendered import Rendered
from schemas.request_ended import RequestEnded
from schemas.song_submitted import SongSubmitted
from streams.client.arguments import Request, path_of, request_id_of, request_ids_of, requests_of
from streams.client.event_log import EventLog
from streams.client.follower import READ_S, Follower
from streams.client.kafka_log import KafkaLog
from streams.client.outcome_lookup import OutcomeLookup
from streams.client.outcomes import Outcome, outcome_of
from streams.client.result_stream import end_position, read_results
from streams.client.results import RequestResult, Update
from streams.client.songs import Song, SongStore, songs_in, source_of
from streams.client.updates import Updates
from streams.envelope import Message, Record, payload_of
from streams.ids import new_request_id
from streams.request_events import ALREADY_ENDED, Action, control_message, submission
from streams.topics import PROGRESS, REQUEST_ENDED, topic_of

_FOLLOWED: Mapping[str, type[Model]] = {
    topic_of(model).full_name: model for model in (Progress, RequestEnded, Rendered, MoveIndexed)
}
M = TypeVar("M", bound=Model)
_WATCHED = (PROGRESS.full_name, REQUEST_ENDED.full_name)
_LAST_PROGRESS_TIMEOUT_S = 2.0
_NO_OPTIONS, _NO_CORRECTIONS = Options(), Corrections()


class AnyClient:
    """What the client for Kafka and the fake in memory have in common: all of their methods."""

    def __init__(self, log: EventLog, songs: SongStore, source: str) -> None:
        self._log = log
        self._songs = songs
        self._source = source
        self._lookup = OutcomeLookup(log)
        self._updates = Updates(log)
        self._opened: dict[TopicPartition, int] = {}

    async def __aenter__(self) -> Self:
        await self._log.start()
        try:
            async with self._log.reader(_FOLLOWED) as reader:
                bounds = await reader.bounds(await reader.partitions())
        except BaseException:
            await self._log.stop()
            raise
        self._opened = {tp: end for tp, (_, end) in bounds.items()}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._updates.close()
        await self._lookup.close()
        await self._log.stop()

    async def submit(  # noqa: PLR0913 - the fields of a request
        self,
        song: Song,
        *,
        options: Options = _NO_OPTIONS,
        title: str | None = None,
        priority: Priority = "interactive",
        request_id: str | None = None,
        corrections: Corrections = _NO_CORRECTIONS,
    ) -> str:
        """Submit a song and return the id of the request when the broker has acknowledged it.

        `song`: the path of a file or the bytes of one, which are stored in the data folder; an http or https URL; or a
        `Source`. To submit the same request id twice has one effect. Raises: `Poison` for what is not a song,
        `Retryable`, `Unavailable` where it cannot be stored or sent now.
        """
        fields: dict[str, Any] = {"request_id": request_id, "title": title}
        if request_id is None:
            fields["request_id"] = new_request_id()
        fields |= {"priority": priority, "options": options, "corrections": corrections}
        return await self.submit_event(await self._song_event(song, fields))

    async def submit_folder(
        self, folder: str | Path, *, options: Options = _NO_OPTIONS, priority: Priority = "bulk"
    ) -> list[str]:
        """Submit all songs in a folder and the folders below it; return the ids of the requests, sorted by path.

        Raises: as `submit`; then none of the songs is submitted.
        """
        songs = await asyncio.to_thread(songs_in, path_of(folder))
        shared = {"options": options, "priority": priority}
        events = [await self._song_event(song, {"request_id": new_request_id(), **shared}) for song in songs]
        return await self.submit_events(events)

    async def submit_event(self, event: Request) -> str:
        """Publish a request and return its id when the broker has acknowledged it. A stored file's sha256 is the key.

        A `SequencePlanned` is a plan that a person edited, of a request of its own: it is rendered.

        Raises: `ValueError` if the request has no id; `Poison` if it is too large to be sent; `Retryable` (`kafka`).
        """
        [request_id] = await self.submit_events([event])
        return request_id

    async def submit_events(self, events: Iterable[Request]) -> list[str]:
        """Publish requests in their order, without waiting for each; return their ids. Raises: as `submit_event`."""
        requests = requests_of(events)
        await self._publish([submission(request, self._source) for request in requests])
        return [str(request.request_id) for request in requests]

    async def outcome(self, request_id: str) -> Outcome | None:
        """Return the outcome of a request, or None if it has none yet.

        At least the last 100,000 outcomes are searched. Raises: `Poison` for what is no id; `Retryable` (`kafka`).
        """
        found = await self._lookup.find(request_id_of(request_id))
        return None if found is None else found.outcome

    async def wait(self, request_id: str, *, timeout_s: float | None = None) -> Outcome:
        """Return the outcome of a request when it is done, also of one that has ended before.

        Raises: `RequestFailedError`, `RequestCancelledError`; `TimeoutError` after the seconds; `Poison` for what is no
        id; `Retryable` (`kafka`).
        """
        async with asyncio.timeout(timeout_s):
            return (await self._ended(request_id_of(request_id))).check_done()

    async def wait_all(self, request_ids: Collection[str], *, timeout_s: float | None = None) -> Mapping[str, Outcome]:
        """Return the outcomes of requests, whatever they are, when all have ended. Raises: as `wait`."""
        ids = request_ids_of(request_ids)
        async with asyncio.timeout(timeout_s):
            outcomes = await asyncio.gather(*[self._ended(request_id) for request_id in ids])
        return dict(zip(ids, outcomes, strict=True))

    async def watch(self, request_id: str) -> AsyncGenerator[Progress | Outcome, None]:
        """Yield the progress of a request since the client was opened, and at last its outcome.

        Of a request that has ended before, only the outcome. Progress may be dropped, the outcome is not. They are on
        two topics: the last progress is waited for at most 2 s after the outcome.
        """
        found = await self._lookup.find(request_id_of(request_id))
        if found is not None and self._was_before_opening(found.record):
            yield found.outcome
            return
        received, outcome = RequestResult(), None
        deadlines: dict[str, float] = {}
        async with self._log.reader(_WATCHED) as reader:
            follower = Follower(reader)
            await follower.start(self._opened)
            while outcome is None or not (received.has_last_progress or monotonic() >= deadlines[request_id]):
                for record in await follower.read(_read_s(deadlines)):
                    update = _progress_or_outcome(record, request_id)
                    if isinstance(update, Progress):
                        received.add(update)
                        yield update
                    elif update is not None:
                        outcome = update
                        received.add(outcome.ended)
                        deadlines.setdefault(request_id, monotonic() + _LAST_PROGRESS_TIMEOUT_S)
        yield outcome

    def results(self, from_position: str | None = None) -> AsyncGenerator[Outcome, None]:
        """Yield the outcomes of all requests, in order within a partition; wait for more at the end.

        `from_position`: the `position` of an outcome, to read on after it, or of `end_position`; None: from the first
        outcome that Kafka has. Outcomes are yielded at least once: repeats have the same `id`. A program that stores
        the position together with what it does has each effect once.

        Raises: `PositionError` for a position that cannot be read on from; `Retryable` (`kafka`).
        """
        return read_results(self._log, from_position)

    async def end_position(self) -> str:
        """Return the position after the last outcome by now: from there, `results` yields only what comes later."""
        return await end_position(self._log)

    async def cancel(self, request_id: str, *, timeout_s: float | None = None) -> bool:
        """Cancel a request and wait for its outcome. Return whether it is cancelled: False if it had ended before.

        Raises: `TimeoutError` if no worker answers within the seconds, the request is cancelled later then; `Retryable`
        (`kafka`).
        """
        message = self._control(request_id, "cancel")
        async with asyncio.timeout(timeout_s), self._updates.of(request_id) as queue:
            await self._publish([message])
            while True:
                update = _progress_or_outcome(_raised(await queue.get()), request_id)
                if isinstance(update, Progress) and update.reason == ALREADY_ENDED:
                    ended = await self.outcome(request_id)  # None if it is too long ago
                    return ended is not None and ended.state == "cancelled"
                if isinstance(update, Outcome):
                    return update.state == "cancelled"

    async def hold(self, request_id: str) -> None:
        """Hold a request: no further step begins to work on it until `resume`. Raises: `Retryable` (`kafka`)."""
        await self._publish([self._control(request_id, "hold")])

    async def resume(self, request_id: str) -> None:
        """Let a request go on that was held. Raises: `Retryable` (`kafka`)."""
        await self._publish([self._control(request_id, "resume")])

    async def follow(self, request_ids: Collection[str]) -> AsyncGenerator[Update, None]:
        """Yield all events on these requests since the client was opened, until each request is complete.

        A request with outcome `done` is complete when its outcome and result are received, any other when its outcome
        is. The last progress of the step that ended it may be dropped, so it is waited for at most 2 s.
        """
        results = {request_id: RequestResult() for request_id in request_ids_of(request_ids)}
        deadlines: dict[str, float] = {}
        async with self._log.reader(_FOLLOWED) as reader:
            follower = Follower(reader)
            await follower.start(self._opened)
            while results:
                for record in await follower.read(_read_s(deadlines)):
                    update = _followed(record, results)
                    if update is not None:
                        results[update.request_id].add(update)
                        yield update
                _drop_complete(results, deadlines)

    async def _ended(self, request_id: str) -> Outcome:
        async with self._updates.of(request_id) as queue:
            search = asyncio.create_task(self.outcome(request_id))
            search.add_done_callback(lambda _: queue.put_nowait(_NOTHING))
            try:
                while True:
                    record = _raised(await queue.get())
                    update = _progress_or_outcome(record, request_id)
                    if record is _NOTHING:
                        update = search.result()
                    if isinstance(update, Outcome):
                        return update
            finally:
                search.cancel()

    def _was_before_opening(self, record: Record) -> bool:
        return record.offset < self._opened.get(TopicPartition(record.topic, record.partition), 0)

    def _control(self, request_id: str, action: Action) -> Message:
        return control_message(request_id_of(request_id), action, self._source)

    async def _publish(self, messages: Sequence[Message]) -> None:
        for fault in await self._log.publish(messages):
            if fault is not None:
                raise fault

    async def _song_event(self, song: Song, fields: Mapping[str, Any]) -> SongSubmitted:
        source, name = await source_of(song, self._songs)
        return _valid(SongSubmitted, {**fields, "source": source, "title": fields.get("title") or name})


class Client(AnyClient):
    """A client of Kafka. `kafka`: a connection, or the address of a Kafka without login.

    `source`: the CloudEvents source of its events. `data_folder`: that of the service, for files and bytes; default:
    that of the settings, if workers of this Kafka use it. Opening raises `Retryable` (`kafka`).
    Raises: `Poison` for what is no address of a Kafka or no path.
    """

    def __init__(
        self, kafka: KafkaConnection | str, source: str = "/client", *, data_folder: str | Path | None = None
    ) -> None:
        connection = KafkaConnection.of(kafka)
        folder = None if data_folder is None else path_of(data_folder)
        super().__init__(KafkaLog(connection), SongStore(connection, folder), source)


def _valid(model: type[M], fields: Mapping[str, object]) -> M:
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise invalid_event(model, error) from error


_NOTHING = Record("", 0, 0, None, None)


def _raised(item: Record | Exception) -> Record:
    if isinstance(item, Exception):
        raise item
    return item


def _progress_or_outcome(record: Record, request_id: str) -> Progress | Outcome | None:
    if record.header("ce_correlationid") != request_id:
        return None
    if record.topic == REQUEST_ENDED.full_name:
        outcome = outcome_of(record)
        return outcome if outcome is not None and outcome.request_id == request_id else None
    try:
        progress = payload_of(record, Progress)
    except Poison:
        return None
    return progress if progress.request_id == request_id else None


def _followed(record: Record, results: Mapping[str, object]) -> Update | None:
    if record.header("ce_correlationid") not in results:
        return None
    try:
        update: Any = payload_of(record, _FOLLOWED[record.topic])
    except Poison:
        return None
    return update if update.request_id in results else None


def _read_s(deadlines: Mapping[str, float]) -> float:
    if not deadlines:
        return READ_S
    return max(0.001, min(READ_S, min(deadlines.values()) - monotonic()))


def _drop_complete(results: dict[str, RequestResult], deadlines: dict[str, float]) -> None:
    """Remove the requests that are complete, or that lack only the last progress and whose deadline has passed."""
    now = monotonic()
    for request_id, result in list(results.items()):
        if not result.has_outcome:
            continue
        if result.has_last_progress or now >= deadlines.setdefault(request_id, now + _LAST_PROGRESS_TIMEOUT_S):
            del results[request_id]
            deadlines.pop(request_id, None)
