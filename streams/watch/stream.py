"""What the watcher needs of the stream: a worker, its library and its requests, and a process that opens media."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol
from urllib.parse import quote

from agents.media.look import LOOK, Contents, NamedFile
from infra.settings import Settings
from schemas.faults import Retryable
from schemas.move_annotated import MoveAnnotation
from schemas.move_submitted import MoveSubmitted
from schemas.song_submitted import SongSubmitted
from streams.client import Client
from streams.files.clip_names import NamedClip, named_clips
from streams.files.clips import StoredClip
from streams.files.user_files import real_path
from streams.jobs import Jobs
from streams.kafka import kafka_faults
from streams.local.services import Endpoint, running_worker
from streams.operations.library_events import annotate_moves

Request = MoveSubmitted | SongSubmitted


class Stream(Protocol):
    """The stream. Each method raises `Retryable` while Kafka or the worker does not answer."""

    def look(self, file: Path) -> Contents:
        """Return what a file has. Raises: `Poison` for one that does not open."""

    def rest(self) -> None:
        """End what `look` has started: there is nothing to look at for now."""

    def named(self, clip: StoredClip) -> AbstractContextManager[NamedClip]:
        """Return a context that yields the clip under its name, which other commands use until it ends."""

    def submit(self, request: Request) -> None:
        """Publish a request; the broker has acknowledged it."""

    def outcome(self, request_id: str) -> Mapping[str, Any] | None:
        """Return the state of a request, or None if the worker does not know it."""

    def move(self, sha256: str) -> Mapping[str, Any] | None:
        """Return a move of the library, or None."""

    def moves(self) -> list[Mapping[str, Any]]:
        """Return all moves of the library."""

    def is_usable(self) -> bool:
        """Return whether the library has a move to dance."""

    def annotate(self, annotations: Mapping[str, MoveAnnotation]) -> None:
        """Publish annotations of clips, by SHA-256."""


class LocalStream:
    """Implements `Stream` with the worker of this data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        self._jobs: Jobs | None = None

    def __enter__(self) -> LocalStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rest()
        self._runner.close()

    def rest(self) -> None:
        """End the process that opens media: there is nothing to open for now."""
        if self._jobs is not None:
            jobs, self._jobs = self._jobs, None
            self._runner.run(jobs.__aexit__())

    def look(self, file: Path) -> Contents:
        """Return what a file has, found out in a process with limits. Raises: `Poison`, `Retryable`."""
        self._jobs = self._jobs or Jobs()
        return self._runner.run(self._jobs.run(LOOK, NamedFile(path=str(real_path(file)))))

    @contextmanager
    def named(self, clip: StoredClip) -> Iterator[NamedClip]:
        """Yield the clip under its name."""
        with named_clips(self._settings, self._worker(), [clip]) as [named]:
            yield named

    def submit(self, request: Request) -> None:
        """Publish a request."""
        kafka = self._worker().kafka

        async def publish() -> None:
            with kafka_faults(kafka):
                async with Client(kafka, source="/watch") as client:
                    await client.submit(request)

        self._runner.run(publish())

    def outcome(self, request_id: str) -> Mapping[str, Any] | None:
        """Return the state of a request."""
        return self._found(f"/requests/{quote(request_id, safe='')}")

    def move(self, sha256: str) -> Mapping[str, Any] | None:
        """Return a move of the library."""
        return self._found(f"/moves/{sha256}")

    def moves(self) -> list[Mapping[str, Any]]:
        """Return all moves of the library."""
        found: list[Mapping[str, Any]] = self._worker().get("/moves")["moves"]
        return found

    def is_usable(self) -> bool:
        """Return whether the library has a move to dance."""
        return bool(self._worker().get("/library/usable")["usable"])

    def annotate(self, annotations: Mapping[str, MoveAnnotation]) -> None:
        """Publish annotations of clips."""
        self._runner.run(annotate_moves(self._worker().kafka, annotations))

    def _found(self, path: str) -> dict[str, Any] | None:
        try:
            return self._worker().get(path)
        except LookupError:
            return None

    def _worker(self) -> Endpoint:
        worker = running_worker(self._settings)
        if worker is None:
            raise Retryable(f"no worker runs on {self._settings.data_dir}", "worker")
        return worker
