"""Submit the songs of a list without following them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.faults import Fault
from streams.bulk.requests import SongRequest, SongRequests
from streams.files.songs import Song

_TOGETHER = 50  # requests that are published together


@dataclass(frozen=True)
class Submission:
    """What became of a song. `running`: its request was submitted before; `cached`: done before.

    `copy`: another song of the list has the same content, and its request is that of both.
    """

    song: Song
    status: Literal["submitted", "running", "cached", "copy", "failed"]
    request_id: str | None = None
    reason: str | None = None
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the submission as JSON values."""
        names = ("status", "request_id", "reason", "error")
        fields = {name: getattr(self, name) for name in names}
        return {"song": self.song.name, "alternative": self.song.alternative} | fields


def submit_songs(requests: SongRequests, songs: Sequence[Song]) -> Iterator[Submission]:
    """Publish the request of each song that is not done or in progress, and yield what became of each, in order.

    Raises: `Retryable` while Kafka or the worker does not answer; a song whose submission was yielded is submitted.
    """
    bases: set[str] = set()
    for start in range(0, len(songs), _TOGETHER):
        found = [_found(requests, song) for song in songs[start : start + _TOGETHER]]
        new: list[SongRequest] = []
        submissions: list[Submission] = []
        for request in found:
            if isinstance(request, Submission):
                submissions.append(request)
                continue
            submission = _submission(request, is_copy=request.base in bases)
            bases.add(request.base)
            submissions.append(submission)
            new += [request] if submission.status == "submitted" else []
        if new:
            requests.submit(*new)
        yield from submissions


def _found(requests: SongRequests, song: Song) -> SongRequest | Submission:
    try:
        source = requests.source(song)
    except Fault as fault:
        return Submission(song, "failed", reason=fault.reason, error=str(fault))
    return requests.find(song, source)


def _submission(request: SongRequest, *, is_copy: bool) -> Submission:
    if is_copy:
        return Submission(request.song, "copy", request.request_id)
    if request.state is None:
        return Submission(request.song, "submitted", request.request_id)
    return Submission(request.song, "cached" if request.is_done else "running", request.request_id)
