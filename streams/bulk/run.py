"""Submit the songs of a list, some at a time, and follow each until its outcome.

A process that was killed leaves nothing to clean up: the requests' ids follow from the songs, and the worker knows the
states of requests, so that another run goes on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic, sleep
from typing import Protocol

from schemas.faults import Fault, Poison, Retryable
from schemas.rendered import Video
from streams.bulk.outcomes import SongOutcome, Status, Summary
from streams.bulk.requests import SongRequest, SongRequests, State, is_cached, seconds_of
from streams.files.songs import Song
from streams.files.user_files import video_file
from streams.files.video_copies import copy_into, video_name
from streams.local.worker_access import MAX_SUBMITTED

_POLL_S, _PAUSE_S = 0.2, 1.0


class Display(Protocol):
    """Displays a run."""

    def progressed(self, request: SongRequest, state: State) -> None:
        """Display the state of a request that has no outcome."""

    def ended(self, outcome: SongOutcome) -> None:
        """Display an outcome."""


class BulkRun:
    """The run of a list of songs. `in_progress`: the requests without an outcome, by the place of the song in the list.

    `out`: a folder for copies of the videos. `parallel`: the most requests at the same time.
    """

    def __init__(
        self,
        requests: SongRequests,
        songs: Sequence[Song],
        display: Display,
        *,
        out: Path | None = None,
        parallel: int = MAX_SUBMITTED,
    ) -> None:
        self.in_progress: dict[int, SongRequest] = {}
        self._requests = requests
        self._songs = songs
        self._display = display
        self._out = out
        self._parallel = parallel
        self._next = 0
        self._unpublished: dict[int, SongRequest] = {}  # of those in progress
        self._first: dict[str, int] = {}  # of the songs with the same content, by the base of their ids
        self._copies: list[tuple[int, int]] = []  # a copy, and the first song with its content
        self._outcomes: dict[int, SongOutcome] = {}

    @property
    def is_finished(self) -> bool:
        """Return whether each song has its outcome."""
        return len(self._outcomes) == len(self._songs)

    @property
    def outcomes(self) -> list[SongOutcome]:
        """Return the outcomes that are known, in the order of the list."""
        return [self._outcomes[number] for number in sorted(self._outcomes)]

    @property
    def submitted(self) -> list[SongRequest]:
        """Return the requests that are published and have no outcome yet."""
        return [request for number, request in self.in_progress.items() if number not in self._unpublished]

    def run(self) -> Summary:
        """Return when each song has its outcome. What is away, as Kafka or the worker, is waited for."""
        started = monotonic()
        while not self.is_finished:
            try:
                self.cycle()
                sleep(_POLL_S if self.in_progress else 0.0)
            except Retryable:  # of the stream: the faults of a song are its outcome
                sleep(_PAUSE_S)
        return Summary(self.outcomes, monotonic() - started)

    def cycle(self) -> None:
        """Do all that can be done now. Raises: `Retryable` while Kafka or the worker is away; then call it again."""
        self._submit()
        self._follow()
        if self._next == len(self._songs) and not self.in_progress:
            for number, first in self._copies:
                self._end(number, _of_copy(self._songs[number], self._outcomes[first]))

    def _submit(self) -> None:
        """Submit the next songs, as many as may be in progress; those that were done before have their outcome."""
        while self._next < len(self._songs) and len(self.in_progress) < self._parallel:
            number, song = self._next, self._songs[self._next]
            try:
                source = self._requests.source(song)
            except Fault as fault:
                error = str(fault).removeprefix(f"{song.file}: ")  # the song is named beside it
                self._end(number, SongOutcome(song, "failed", reason=fault.reason, error=error))
            else:
                self._start(number, self._requests.find(song, source))
            self._next += 1
        self._publish()

    def _start(self, number: int, request: SongRequest) -> None:
        first = self._first.get(request.base)
        if first is not None:
            self._copies.append((number, first))
            return
        if request.is_done and request.state is not None:
            self._end(number, self._outcome(request, request.state, is_cached=True))
        else:
            self.in_progress[number] = request
            if request.state is None:
                self._unpublished[number] = request
        self._first[request.base] = number

    def _publish(self) -> None:
        """Publish the new requests together: to connect for each takes longer than to publish."""
        try:
            if self._unpublished:
                self._requests.submit(*self._unpublished.values())
            self._unpublished.clear()
        except Poison:  # one by one, so that only what is refused fails
            for number in list(self._unpublished):
                self._publish_alone(number)

    def _publish_alone(self, number: int) -> None:
        request = self._unpublished[number]
        try:
            self._requests.submit(request)
        except Poison as fault:
            del self.in_progress[number]
            self._end(number, SongOutcome(request.song, "failed", reason=fault.reason, error=str(fault)))
        del self._unpublished[number]

    def _follow(self) -> None:
        for number, request in list(self.in_progress.items()):
            state = self._requests.state(request)
            if state is None:
                continue
            if state["outcome"] is None:
                self._display.progressed(request, state)
            else:
                outcome = self._outcome(request, state, is_cached=is_cached(state))
                del self.in_progress[number]
                self._end(number, outcome)

    def _end(self, number: int, outcome: SongOutcome) -> None:
        self._outcomes[number] = outcome
        self._display.ended(outcome)

    def _outcome(self, request: SongRequest, state: State, *, is_cached: bool) -> SongOutcome:
        """Return the outcome of a request that has ended; failed where its video cannot be copied."""
        song, request_id = request.song, request.request_id
        if state["outcome"] != "done":
            error = str(state["error"] or f"the request was {state['outcome']}")
            letter = state.get("dead_letter_id")
            return SongOutcome(
                song, state["outcome"], request_id, reason=state.get("reason"), error=error, dead_letter_id=letter
            )
        try:
            video = Video.model_validate(state["video"])
            file = self._delivered(song, state, video)
        except Fault as fault:
            return SongOutcome(song, "failed", request_id, reason=fault.reason, error=str(fault))
        status: Status = "cached" if is_cached else "done"
        return SongOutcome(song, status, request_id, file, video.duration_s, seconds_of(state))

    def _delivered(self, song: Song, state: State, video: Video) -> Path:
        if self._out is None:
            return self._requests.settings.output_dir / video.file
        file = video_file(self._requests.settings, video)
        return copy_into(file, self._out, video_name(_file_title(song, state)), video.media.sha256)


def _file_title(song: Song, state: State) -> str:
    title = song.title or str(state["subject"])
    return f"{title} ({song.alternative + 1})" if song.alternative else title


def _of_copy(song: Song, first: SongOutcome) -> SongOutcome:
    status: Status = "copy" if first.has_video else first.status
    return replace(first, song=song, status=status, copy_of=first.song.name)
