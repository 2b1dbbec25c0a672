"""Requests for songs in models of the stream: the name of a kind says what a step's work does with the song.

And the step that accepts the songs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agents.step import Step, Tools
from schemas.base import MediaFacts, Source
from schemas.faults import Poison, Retryable, Unavailable
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.ids import digest


@dataclass(frozen=True)
class SongRequest:
    """A request for a song: `song` numbers the songs of a kind, `request` the requests for one song."""

    kind: str
    song: int
    request: int

    @property
    def sha256(self) -> str:
        """Return the id of the song."""
        return digest(self.kind, str(self.song)) * 2

    @property
    def request_id(self) -> str:
        """Return the id of the request."""
        return f"{self.kind.replace(' ', '-')}-{self.song}-{self.request}"

    @property
    def value(self) -> bytes | None:
        """Return the event as bytes."""
        return SongSubmitted(source=Source(sha256=self.sha256), request_id=self.request_id).model_dump_json().encode()


Facts = Callable[[Source, Tools], MediaFacts]
Accepts = Callable[[SongSubmitted, MediaFacts], SongAccepted]


def accepting_step(name: str, work: Facts, emit: Accepts, **changes: Any) -> Step[Any, Any, Any, Any]:
    """Return a step that accepts songs by this work; `changes`: its other fields."""
    fields: dict[str, Any] = {"version": "1", "takes": Source, "result": MediaFacts, "runs_in": "thread"} | changes
    return Step(
        name=name,
        consumes=SongSubmitted,
        produces=SongAccepted,
        depends_on=lambda event, tools: event.source,
        work=work,
        emit=emit,
        subject=lambda event, song: song.sha256,
        **fields,
    )


def facts_of(sha256: str, size_bytes: int = 1) -> MediaFacts:
    """Return the facts of a song without a file."""
    return MediaFacts(sha256=sha256, size_bytes=size_bytes, kind="audio", format="f", codec="c", duration_s=1.0)


def raise_fault_of(kind: str, attempt: int) -> None:
    """Raise the fault of a kind: "poison" always, "flaky 3" and "away 3" up to attempt 3, all others never."""
    name, _, number = kind.partition(" ")
    if name == "poison":
        raise Poison("never", reason="no_audio")
    if name == "flaky" and attempt <= int(number):
        raise Retryable("not now", reason="kafka")
    if name == "away" and attempt <= int(number):
        raise Unavailable("away", reason="move_index")
