"""The requests of songs, each found again by its song.

A request's id is made from what is requested, so that the same song with the same options is one request, whoever
submits it. An outcome is final: another attempt, after a failure or a cancellation, has an id of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Protocol

from infra.settings import Settings
from schemas.base import Options, Priority, Source
from schemas.rendered import Video
from schemas.song_submitted import SongSubmitted
from streams.files.songs import Song
from streams.ids import digest
from streams.steps import STEPS

State = Mapping[str, Any]
_STEPS = frozenset(step.name for step in STEPS if step.decides_request)


class SongStream(Protocol):
    """The stream. Each method raises `Retryable` while Kafka or the worker does not answer."""

    def submit(self, *requests: SongSubmitted) -> None:
        """Publish requests; the broker has acknowledged them."""

    def outcome(self, request_id: str) -> State | None:
        """Return the state of a request as the worker's page has it, or None if the worker does not know it."""

    def library_version(self) -> str:
        """Return the version of the library, which has all that is published."""


@dataclass(frozen=True)
class SongRequest:
    """A song and its request. `base`: the id of the first attempt; `state`: None for one that is not known yet."""

    song: Song
    event: SongSubmitted
    base: str
    state: State | None = None

    @property
    def request_id(self) -> str:
        """Return the id of the request."""
        return str(self.event.request_id)

    @property
    def is_done(self) -> bool:
        """Return whether it was done before."""
        return self.state is not None and self.state["outcome"] == "done"


@dataclass
class SongRequests:
    """Finds the requests of songs: those that are done or in progress, or new ones, which are not submitted yet.

    `stream`'s faults are raised by all methods but `source`.
    """

    settings: Settings
    options: Options
    priority: Priority
    stream: SongStream
    _sources: dict[Song, Source] = field(default_factory=dict)
    _library_version: str | None = None

    def source(self, song: Song) -> Source:
        """Return the source of a song, whose file is stored. Raises: as `Song.source`."""
        if song not in self._sources:
            self._sources[song] = song.source(self.settings)
        return self._sources[song]

    def find(self, song: Song, source: Source) -> SongRequest:
        """Return the request of a song: of its attempts the one that is done or in progress, else a new one."""
        self._library_version = self._library_version or self.stream.library_version()
        options = self.options
        if song.alternative:
            options = options.model_copy(update={"alternative": song.alternative})
        base = base_id(source, options, self._library_version)
        event = SongSubmitted(source=source, title=song.title, options=options, priority=self.priority)
        for request_id in attempt_ids(base):
            state = self.stream.outcome(request_id)
            if state is None or state["outcome"] is None or self._has_video(state):
                return SongRequest(song, event.model_copy(update={"request_id": request_id}), base, state)
        raise AssertionError("there is always an attempt that was not made")

    def submit(self, *requests: SongRequest) -> None:
        """Publish requests."""
        self.stream.submit(*(request.event for request in requests))

    def state(self, request: SongRequest) -> State | None:
        """Return the present state of a request."""
        return self.stream.outcome(request.request_id)

    def _has_video(self, state: State) -> bool:
        """Return whether a request is done and its video is there; its content is compared where it is copied."""
        if state["outcome"] != "done":
            return False
        video = Video.model_validate(state["video"])
        file = self.settings.output_dir / video.file
        return file.is_file() and file.stat().st_size == video.media.size_bytes


def base_id(source: Source, options: Options, library_version: str) -> str:
    """Return the id of the first attempt. Other steps or another library make another video, thus another request."""
    steps = "|".join(f"{step.name}:{step.version}" for step in STEPS)
    return f"song-{digest(source.model_dump_json(), options.model_dump_json(), library_version, steps)}"


def attempt_ids(base: str) -> Iterator[str]:
    """Yield the ids of all attempts at a request, in their order."""
    yield base
    for number in count(2):
        yield f"{base}.{number}"


def is_cached(state: State) -> bool:
    """Return whether all steps of a request used stored results."""
    steps = _steps_of(state)
    return bool(steps) and all(step["cached"] for step in steps)


def seconds_of(state: State) -> float:
    """Return the seconds that the steps of a request took."""
    return float(sum(step["seconds"] for step in _steps_of(state)))


def _steps_of(state: State) -> list[Any]:
    """Return the states of the steps that lead to the outcome, without its delivery."""
    return [step for name, step in state["steps"].items() if name in _STEPS]
