"""The declaration of a step: plain functions on plain data, and the tools they may use; independent of Kafka."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Generic, Literal, Protocol, TypeVar

from pydantic import ValidationError

from schemas.base import MediaRef, Model
from schemas.event_attributes import EventAttributes
from schemas.faults import invalid_event
from schemas.limits import MediaKind
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move
from schemas.request_ended import Ending

In = TypeVar("In", bound=Model)
Input = TypeVar("Input", bound=Model)
Result = TypeVar("Result", bound=Model)
Out = TypeVar("Out", bound=Model)

View = Literal["library"]


class MediaStore(Protocol):
    """Files addressed by their content."""

    def path(self, sha256: str) -> Path:
        """Return the file's path on this machine. Raises: `Poison` where the store does not have it."""

    def has(self, sha256: str) -> bool:
        """Return whether the store has the file."""

    def add(self, source: Path, kind: MediaKind) -> MediaRef:
        """Copy a file into the store. Raises: `Poison` for a file that is not a regular file or too large."""


class Download(Protocol):
    """A file that was fetched."""

    @property
    def path(self) -> Path:
        """Return the file's path."""

    @property
    def title(self) -> str | None:
        """Return the title that its source gives it, if it does."""


class Downloads(Protocol):
    """Files of the web."""

    def fetch(self, url: str, kind: MediaKind, report: Callable[[float], None]) -> AbstractContextManager[Download]:
        """Yield the file at a URL, which is removed at the end; `report` takes the received fraction.

        Raises: `Poison`: `url_not_allowed`, `download_failed`, `too_large`, `too_long`; `Retryable`: `no_network`,
        `download_failed`, `timeout`, `storage`; `Unavailable`: `disk_full`.
        """


class Library(Protocol):
    """The indexed moves."""

    def version(self) -> str:
        """Return a hash of the moves and their annotations."""

    def digests(self) -> Mapping[str, str]:
        """Return a hash of each move and its annotation, by the sha256 of its clip."""

    def read(self, clips: Sequence[str]) -> Sequence[Move]:
        """Return the moves of clips, by their sha256, except those that are not stored or cannot be read."""

    def unreadable(self) -> int:
        """Return the number of moves that were left out so far, as they cannot be read."""


class Webhook(Protocol):
    """A receiver of messages outside."""

    def post(self, message_id: str, body: bytes) -> int:
        """Send a message and return the HTTP status of its acceptance. Raises: `Poison` or `Retryable`."""


def no_report(fraction: float) -> None:
    """Ignore a progress report."""
    del fraction


def sub_progress(report: Callable[[float], None], start: float, end: float) -> Callable[[float], None]:
    """Return a progress callback for the part of the work from `start` to `end` of the whole, 0-1."""
    return lambda fraction: report(start + fraction * (end - start))


def throttled(report: Callable[[float], None], every_s: float) -> Callable[[float], None]:
    """Return a progress callback that forwards at most one report per `every_s` seconds, the first after `every_s`."""
    last = monotonic()

    def throttled_report(fraction: float) -> None:
        nonlocal last
        if monotonic() - last >= every_s:
            last = monotonic()
            report(fraction)

    return throttled_report


@dataclass(frozen=True)
class Retries:
    """How often work is tried again after a `Retryable` fault, and when.

    `attempts`: the most in all. `costly_attempts`: the most that end by a limit of time or memory, or with the death of
    their process. The wait after the first attempt is at most `first_wait_s`, after each further one twice as long, up
    to `longest_wait_s`; it is drawn between half and all of that.
    """

    attempts: int = 4
    costly_attempts: int = 2  # they cost minutes or the memory of a machine, and their faults mostly come again
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0


def _not_annotated(clip_sha256: str) -> None:
    del clip_sha256


def _always_available(tools: Tools) -> bool:
    del tools
    return True


def _always_valid(result: Model, tools: Tools) -> bool:
    del result, tools
    return True


@dataclass(frozen=True)
class Tools:
    """Resources of the machine that work may use: folders and services, no options.

    Whatever can change a result is not a tool: it belongs in the input that `depends_on` returns.

    `media`: the media store. `cache_dir`: files that can be made again. `output_dir`: the videos. `allowed_roots`: the
    folders below which an event may name a path. `pose_model`: the MediaPipe bundle. `library`: only for steps that
    run on a thread of the worker. `annotation_of`: returns the annotation of a clip on `move-annotated`, by its sha256;
    only in the worker. `downloads`: None where nothing is fetched from the web. `webhook`: the receiver of
    outcomes, if there is one. `report`: takes the finished fraction, 0-1.
    """

    media: MediaStore
    cache_dir: Path
    output_dir: Path
    allowed_roots: tuple[Path, ...]
    pose_model: Path
    library: Library | None = None
    annotation_of: Callable[[str], MoveAnnotation | None] = _not_annotated
    downloads: Downloads | None = None
    webhook: Webhook | None = None
    report: Callable[[float], None] = no_report


@dataclass(frozen=True, kw_only=True)
class Job(Generic[Input, Result]):
    """Work that runs in a separate process. `work` raises `Poison`, `Retryable` or `Unavailable`.

    `timeout_s`: the longest time that it may take. `timeout_for`: returns a shorter one, seconds, for an input that
    tells how much work it is. `memory_mb`: the limit of its process's private memory, MiB, used or reserved; measured
    with `make bench-children`.
    """

    name: str
    takes: type[Input]
    result: type[Result]
    work: Callable[[Input, Tools], Result]
    timeout_s: float = 600.0
    timeout_for: Callable[[Input], float] | None = None
    memory_mb: int = 1024

    def timeout_of(self, job_input: Input) -> float:
        """Return how long the work on an input may take, seconds."""
        return self.timeout_s if self.timeout_for is None else min(self.timeout_s, self.timeout_for(job_input))


@dataclass(frozen=True, kw_only=True)
class Step(Job[Input, Result], Generic[In, Input, Result, Out]):
    """A step of the stream: a job that an event starts, and its properties for the step wrapper.

    `depends_on` makes the input of `work` from the event. Input and `version` are the cache key, so no option can
    change a result without changing its key. `revise` returns the input with what only its result can tell, such as an
    annotation of the clip that was found at a path; where that is another input, the work is done again with it, and
    that result counts. `is_valid`: whether a cached result can still be used. `discard`: removes the files of work
    whose request was cancelled, if they are not older than a time, seconds since 1970. `emit` makes the following
    event; it is not cached and may raise `Poison`. A step that delivers to the outside `produces` None and has no
    `emit`. `subject`: the sha256 of the song or clip of a result; it is the key of events. Views that a step `reads`
    are updated before it works, those it `writes` after, and both before `revise`. `ending` marks the last step of a
    request and returns the product of the request. `retries`: of work that fails. `with_attributes` adds those of the
    event to the input. A step that is not available with the tools of a worker consumes nothing there.
    """

    version: str
    consumes: type[In]
    produces: type[Out] | None
    depends_on: Callable[[In, Tools], Input]
    emit: Callable[[In, Result], Out] | None = None
    subject: Callable[[In, Result], str]
    revise: Callable[[Input, Result, Tools], Input] | None = None
    is_valid: Callable[[Result, Tools], bool] = _always_valid
    discard: Callable[[Input, Tools, float], None] | None = None
    runs_in: Literal["process", "thread"] = "process"
    reads: frozenset[View] = frozenset()
    writes: frozenset[View] = frozenset()
    ending: Callable[[Out], Ending] | None = None
    retries: Retries = Retries()
    with_attributes: Callable[[Input, EventAttributes], Input] | None = None
    is_available: Callable[[Tools], bool] = _always_available

    def __post_init__(self) -> None:
        """Check the declaration. Raises: `ValueError` for a contradiction."""
        if (self.produces is None) != (self.emit is None):
            raise ValueError(f"{self.name}: a step that produces an event has an `emit`, and no other has")
        if self.ending is not None and self.produces is None:
            raise ValueError(f"{self.name}: a step that produces nothing cannot end a request")
        if self.reads and self.runs_in == "process":
            raise ValueError(f"{self.name}: views are open in the worker: a step that reads one runs on a thread")

    def event_after(self, event: In, result: Result) -> Out:
        """Return the event that follows.

        Raises:
            Poison: (`invalid_event`) the event states facts of its media that the result contradicts.
            ValueError: the step produces no event.
        """
        if self.emit is None:
            raise ValueError(f"{self.name} produces no event")
        try:
            return self.emit(event, result)
        except ValidationError as error:
            raise invalid_event(type(event), error) from error

    @property
    def decides_request(self) -> bool:
        """Return whether the request fails when this step fails; false for a delivery: no other step depends on it."""
        return self.produces is not None
