"""What the watcher needs of the stream: a worker, its library and its requests, and a process that opens media."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Set
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from agents.media.probe_file import PROBE_FILE, Contents, NamedFile
from infra.settings import Settings
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveSummary
from streams.files.clip_names import NamedClip, named_clips
from streams.files.clips import StoredClip
from streams.files.user_files import real_path
from streams.jobs import Jobs
from streams.local.library import library_annotations
from streams.local.worker_access import Request, WorkerAccess
from streams.operations.library_events import annotate_moves

_SOURCE = "/watch"  # of the events


class StreamAccess(Protocol):
    """The stream. Each method raises `Retryable` while Kafka or the worker does not answer."""

    def probe(self, file: Path) -> Contents:
        """Return what a file has. Raises: `Poison` for one that does not open."""

    def stop_probing(self) -> None:
        """End the process that `probe` has started."""

    def named(self, clip: StoredClip) -> AbstractContextManager[NamedClip]:
        """Return a context that yields the clip under its name, which other commands use until it ends."""

    def submit(self, request: Request) -> None:
        """Publish a request; the broker has acknowledged it."""

    def outcome(self, request_id: str) -> Mapping[str, Any] | None:
        """Return the state of a request, or None if the worker does not know it."""

    def move(self, sha256: str) -> MoveSummary | None:
        """Return a move of the library, or None."""

    def check_caught_up(self) -> None:
        """Return if the library has all moves that were published before. Raises: `Retryable` if it has not yet."""

    def library_clips(self) -> Set[str]:
        """Return the SHA-256 of all clips of the library, which has caught up."""

    def annotations(self) -> dict[str, MoveAnnotation]:
        """Return the annotations that hold, by the SHA-256 of the clip, also of clips without a move now."""

    def is_usable(self) -> bool:
        """Return whether the library has a move to dance."""

    def annotate(self, annotations: Mapping[str, MoveAnnotation]) -> None:
        """Publish annotations of clips, by SHA-256."""


class LocalStreamAccess:
    """Implements `StreamAccess` with the worker of this data folder."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._runner = asyncio.Runner()
        self._jobs: Jobs | None = None
        self._access = WorkerAccess(settings, _SOURCE)

    def __enter__(self) -> LocalStreamAccess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_probing()
        self._runner.close()

    def stop_probing(self) -> None:
        """End the process that opens media."""
        if self._jobs is not None:
            jobs, self._jobs = self._jobs, None
            self._runner.run(jobs.__aexit__())

    def probe(self, file: Path) -> Contents:
        """Return what a file has, found out in a process with limits. Raises: `Poison`, `Retryable`."""
        path = str(real_path(file))
        if not _is_utf8(path):
            raise Poison("its name is no text in UTF-8: rename it", "not_a_file")
        self._jobs = self._jobs or Jobs()
        return self._runner.run(self._jobs.run(PROBE_FILE, NamedFile(path=path)))

    @contextmanager
    def named(self, clip: StoredClip) -> Iterator[NamedClip]:
        """Yield the clip under its name."""
        with self._access.worker() as worker:
            names = named_clips(self._settings, worker, [clip])
        with names as [named]:
            yield named

    def submit(self, request: Request) -> None:
        """Publish a request."""
        self._access.submit(request)

    def outcome(self, request_id: str) -> Mapping[str, Any] | None:
        """Return the state of a request."""
        return self._access.outcome(request_id)

    def move(self, sha256: str) -> MoveSummary | None:
        """Return a move of the library."""
        found = self._access.found(f"/moves/{sha256}")
        return None if found is None else MoveSummary.model_validate(found)

    def check_caught_up(self) -> None:
        """Return if the library has caught up."""
        self.is_usable()  # the page answers when it has

    def library_clips(self) -> Set[str]:
        """Return the SHA-256 of all clips."""
        self.check_caught_up()
        with self._access.worker() as worker:
            return frozenset(worker.get("/library/clips")["clips"])

    def annotations(self) -> dict[str, MoveAnnotation]:
        """Return the annotations that hold."""
        with self._access.worker() as worker:
            return library_annotations(worker)

    def is_usable(self) -> bool:
        """Return whether the library has a move to dance."""
        with self._access.worker() as worker:
            return bool(worker.get("/library/usable")["usable"])

    def annotate(self, annotations: Mapping[str, MoveAnnotation]) -> None:
        """Publish annotations of clips."""
        with self._access.worker() as worker:
            self._runner.run(annotate_moves(worker.kafka, annotations, _SOURCE))


def _is_utf8(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True
