"""The worker of a data folder and its requests, for what goes on when that worker is replaced by another."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from infra.kafka_connection import KafkaConnection
from infra.settings import Settings
from schemas.faults import Retryable
from schemas.move_submitted import MoveSubmitted
from schemas.song_submitted import SongSubmitted
from streams.client import Client
from streams.kafka import kafka_faults
from streams.local.library import library_annotations
from streams.local.services import Endpoint, running_worker

MAX_SUBMITTED = 8  # requests of one folder or list at the same time: others of the stream get their turn

Request = MoveSubmitted | SongSubmitted


class WorkerAccess:
    """The worker that runs now. Each method raises `Retryable` while Kafka or the worker does not answer.

    `source`: of the events.
    """

    def __init__(self, settings: Settings, source: str) -> None:
        self._settings = settings
        self._source = source
        self._last_worker: Endpoint | None = None

    @contextmanager
    def worker(self) -> Iterator[Endpoint]:
        """Yield the worker; after a fault, the next call searches for one that runs."""
        worker = self._last_worker or running_worker(self._settings)
        self._last_worker = None
        if worker is None:
            raise Retryable(f"no worker runs on {self._settings.data_dir}", "worker")
        yield worker
        self._last_worker = worker

    def found(self, path: str) -> dict[str, Any] | None:
        """Return the page's JSON for a path, or None for status 404."""
        with self.worker() as worker:
            try:
                return worker.get(path)
            except LookupError:
                return None

    def outcome(self, request_id: str) -> Mapping[str, Any] | None:
        """Return the state of a request, or None if the worker does not know it."""
        return self.found(f"/requests/{quote(request_id, safe='')}")

    def library_version(self) -> str:
        """Return the version of the library, which has all that is published."""
        with self.worker() as worker:
            library_annotations(worker)  # the page answers when the library is complete
            return str(worker.get("/library")["version"])

    def submit(self, *requests: Request) -> None:
        """Publish requests; the broker has acknowledged them."""
        with self.worker() as worker:
            asyncio.run(submit(worker.kafka, self._source, *requests))


async def submit(kafka: KafkaConnection, source: str, *requests: Request) -> None:
    """Publish requests; the broker has acknowledged them. Raises: as `Client.submit_events`."""
    with kafka_faults(kafka):
        async with Client(kafka, source=source) as client:
            await client.submit_events(requests)
