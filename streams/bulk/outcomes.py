"""The outcome of each song of a list, and the summary of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from streams.files.songs import Song

Status = Literal["done", "cached", "copy", "failed", "cancelled"]
_FIELDS = ("status", "request_id", "duration_s", "seconds", "reason", "error", "dead_letter_id", "copy_of")
_SONG_COLUMN = 40
_NAMES: dict[Status, str] = {
    "done": "done",
    "cached": "done before",
    "copy": "copies of others",
    "cancelled": "cancelled",
    "failed": "failed",
}


@dataclass(frozen=True)
class SongOutcome:
    """The outcome of a song. `cached`: nothing was computed, as the request was done before.

    `copy`: another song of the list, `copy_of`, has the same content, and its video is that of both. `seconds`: of the
    steps' work.
    """

    song: Song
    status: Status
    request_id: str | None = None
    video: Path | None = None
    duration_s: float | None = None
    seconds: float = 0.0
    reason: str | None = None
    error: str | None = None
    dead_letter_id: str | None = None
    copy_of: str | None = None

    @property
    def has_video(self) -> bool:
        """Return whether the song has its video."""
        return self.status in {"done", "cached", "copy"}

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        video = None if self.video is None else str(self.video)
        fields = {name: getattr(self, name) for name in _FIELDS}
        return {"song": self.song.name, "alternative": self.song.alternative, "video": video} | fields

    def __str__(self) -> str:
        """Return what became of the song, in a few words."""
        if self.error is not None:
            return self.error
        if self.status == "copy":
            return f"copy of {self.copy_of}"
        return "done before" if self.status == "cached" else f"{self.seconds:.2f} s"


@dataclass(frozen=True)
class Summary:
    """The outcomes of a list in its order, and the seconds that all of it took."""

    outcomes: Sequence[SongOutcome]
    seconds: float

    @property
    def without_video(self) -> list[SongOutcome]:
        """Return the outcomes of songs that failed or were cancelled."""
        return [outcome for outcome in self.outcomes if not outcome.has_video]

    def as_json(self) -> dict[str, Any]:
        """Return all outcomes and their counts as JSON values."""
        count = Counter(outcome.status for outcome in self.outcomes)
        counts = {status: count[status] for status in _NAMES}
        songs = [outcome.as_json() for outcome in self.outcomes]
        return {"songs": songs, "counts": counts, "seconds": round(self.seconds, 2)}

    def lines(self) -> Iterator[str]:
        """Yield a line for each video, a table of what failed and why, and the counts."""
        for outcome in self.outcomes:
            if outcome.video is not None and outcome.status != "copy":
                yield str(outcome.video)
        yield from _table(self.without_video)
        count = Counter(outcome.status for outcome in self.outcomes)
        counts = ", ".join(f"{count[status]} {name}" for status, name in _NAMES.items() if count[status])
        yield f"{len(self.outcomes)} songs in {self.seconds:.1f} s: {counts}"


def _table(outcomes: Sequence[SongOutcome]) -> Iterator[str]:
    rows = [("song", "reason", "error")] if outcomes else []
    rows += [(_shortened(found.song.name), found.reason or found.status, str(found.error)) for found in outcomes]
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:2]]
    for name, reason, error in rows:
        yield f"{name:{widths[0]}}  {reason:{widths[1]}}  {error}"


def _shortened(name: str) -> str:
    """Return the end of a name, which mostly tells it from others."""
    return name if len(name) <= _SONG_COLUMN else f"…{name[1 - _SONG_COLUMN :]}"
