"""What a step is: plain functions on plain data, and the tools they are lent; nothing of how events reach them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, Protocol, TypeVar

from schemas.base import Difficulty, MediaRef, Payload
from schemas.move_indexed import MoveCard

In = TypeVar("In", bound=Payload)
Result = TypeVar("Result", bound=Payload)
Out = TypeVar("Out", bound=Payload)


class MediaStore(Protocol):
    """Files by their content."""

    def path(self, sha256: str) -> Path:
        """The file's place on this machine. Raises `Poison` where the store does not have it."""

    def has(self, sha256: str) -> bool:
        """Whether the store has it."""

    def add(self, source: Path, kind: Literal["audio", "video"]) -> MediaRef:
        """Copy a file into the store. Raises `Poison` for what is no plain file or too large."""


class Hit(Protocol):
    """A move the library found, and its cosine similarity to the query (0 without a query)."""

    @property
    def move(self) -> MoveCard:
        """The move."""

    @property
    def similarity(self) -> float:
        """Cosine similarity, -1 to 1."""


class Library(Protocol):
    """The moves that are indexed."""

    def version(self) -> str:
        """A hash of the moves and their annotations."""

    def search(
        self,
        *,
        vector: Sequence[float] | None = None,
        tempo_bpm: tuple[float, float] | None = None,
        difficulties: Sequence[Difficulty] = (),
        energies: Sequence[str] = (),
        limit: int = 10,
    ) -> Sequence[Hit]:
        """The best moves that pass all filters, best first, ties by clip; an empty filter lets all pass."""


def _ignore(fraction: float) -> None:
    del fraction


def part(report: Callable[[float], None], start: float, end: float) -> Callable[[float], None]:
    """A reporter for a part of the work, which goes from `start` to `end` of the whole, 0-1."""
    return lambda share: report(start + share * (end - start))


def _always(result: Payload, tools: Tools) -> bool:
    del result, tools
    return True


@dataclass(frozen=True)
class Tools:
    """What a step may use of the machine it runs on.

    `media` is the store; `cache_dir` holds what can be made again; `output_dir` the videos; `allowed_roots` the
    folders below which an event may name a path; `pose_model` the MediaPipe bundle; `library` is there for steps
    that run in the worker; `report` takes the finished fraction, 0-1.
    """

    media: MediaStore
    cache_dir: Path
    output_dir: Path
    allowed_roots: tuple[Path, ...]
    pose_model: Path
    library: Library | None = None
    report: Callable[[float], None] = _ignore


@dataclass(frozen=True, kw_only=True)
class Errand(Generic[In, Result]):
    """Work for a child process: what it takes and what it gives. `work` raises `Poison` or `Retryable`."""

    name: str
    consumes: type[In]
    result: type[Result]
    work: Callable[[In, Tools], Result]
    timeout_s: float = 600.0


@dataclass(frozen=True, kw_only=True)
class Step(Errand[In, Result], Generic[In, Result, Out]):
    """A step: an errand that an event asks for, what its result depends on, and what it says.

    `known_by` gives everything the result depends on besides the step's version: the same values give the same
    result, which is then taken from the table. `holds` says whether a remembered result can still be used.
    `emit` may raise `Poison`. `ends` marks the last step of a way: its success is the request's outcome.
    """

    version: str
    produces: type[Out]
    known_by: Callable[[In, Tools], Mapping[str, Any]]
    emit: Callable[[In, Result], Out]
    key: Callable[[Out], str]
    place: Literal["child", "worker"] = "child"
    ends: bool = False
    holds: Callable[[Result, Tools], bool] = _always
