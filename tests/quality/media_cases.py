"""What a case of `quality_media` is: a clip or a song, and what is right for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

from tests.odd_media.marked import SHORT_S, Original, original
from tests.quality.media_measures import beat_errors

Make = Callable[[Path], object]  # writes the file
_EDGE_S = 0.05
_TICK_S = 0.001
MAX_BEAT_S = 0.010


@dataclass(frozen=True)
class Refusal:
    """The reason code of a refusal, and words of its sentence."""

    reason: str
    words: str = ""


@dataclass(frozen=True)
class ClipCase:
    """A clip and what is right for it; times in seconds.

    `shows`: the pictures that a player shows, at their times in the original. `window`: the part of the original that
    can be used; `hole`: one that cannot. `eights`: how many are found. `first_s`: the original's time of the file's
    first picture. `pause`: where the file's clock jumps, and by how much. `flip`: how the file shows the original,
    OpenCV's code. `brighter`: by how much the luma may be above the original's. `late_s`: how late the sound is by its
    codec, where the container does not state it. `max_beat_s`: how far a beat may be off.
    """

    name: str
    make: Make
    shows: Callable[[], Original] = original
    tempo_bpm: float | None = None
    refused: Refusal | None = None
    warns: str = ""
    window: tuple[float, float] = (0.0, SHORT_S)
    hole: tuple[float, float] = (1e9, 1e9)
    eights: int = 1
    first_s: float = 0.0
    duration_s: float | None = None
    pause: tuple[float, float] = (1e9, 0.0)
    flip: int | None = None
    brighter: float = 0.0
    late_s: float = 0.0
    max_beat_s: float = MAX_BEAT_S
    is_marked: bool = True
    has_beats: bool = True

    def __str__(self) -> str:
        return self.name

    def is_in_hole(self, time_s: float) -> bool:
        """Return whether a time of the original has no picture."""
        return self.hole[0] <= time_s <= self.hole[1]

    def is_usable(self, start_s: float, end_s: float) -> bool:
        """Return whether a part of the original is inside the window, and has no part of the hole."""
        inside = self.window[0] - _EDGE_S <= start_s and end_s <= self.window[1] + _EDGE_S
        return inside and (end_s <= self.hole[0] + _EDGE_S or start_s >= self.hole[1] - _EDGE_S)


@dataclass(frozen=True)
class SongCase:
    """A song and what is right for it.

    `seconds`: how much of the original it has, from `start_s` on; `late_s`: how late it is, where that
    is not found by comparison. `max_beat_s`: how far a beat may be off.
    """

    name: str
    make: Make
    refused: Refusal | None = None
    warns: str = ""
    seconds: float = 12.5
    start_s: float = 0.0
    late_s: float | None = None
    max_beat_s: float = MAX_BEAT_S

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Timeline:
    """The times of a file beside those of its original. `offset_s`: the file's time of the original's time 0."""

    offset_s: float
    pause: tuple[float, float]

    def to_file(self, original_s: float) -> float:
        """Return the file's time of a time of the original."""
        return original_s + self.offset_s + (self.pause[1] if original_s >= self.pause[0] else 0.0)

    def to_original(self, file_s: float) -> float:
        """Return the original's time of a time of the file."""
        time_s, (at_s, seconds) = file_s - self.offset_s, self.pause
        return time_s - seconds if time_s >= at_s + seconds - _TICK_S else min(time_s, at_s)


def timeline_of(path: Path, case: ClipCase) -> Timeline:
    """Return the times of a case's file, by the time stamp of its first picture."""
    with av.open(str(path)) as reader:
        stream = reader.streams.video[0]
        first = min(ticks for packet in reader.demux(stream) if (ticks := _ticks(reader, packet)) is not None)
        start_s = (reader.start_time or 0) / av.time_base
        return Timeline(float(first * (stream.time_base or 0)) - start_s - case.first_s, case.pause)


def _ticks(reader: InputContainer, packet: av.Packet[Any]) -> int | None:
    """Return the time of a packet; of an AVI that of its decoding: the first is that of the first picture."""
    return packet.dts if reader.format.name == "avi" else packet.pts


def clip_beat_errors(
    case: ClipCase, timeline: Timeline, found: Sequence[float], original: Sequence[float]
) -> tuple[float, int]:
    """Return the errors of a file's beats, as `beat_errors`: those in the window, without those in the hole."""
    start, end = case.window
    expected = [beat for beat in original if start <= beat <= end and not case.is_in_hole(beat)]
    outside = [beat for beat in found if not case.is_in_hole(timeline.to_original(beat))]
    return beat_errors(outside, list(map(timeline.to_file, expected)), timeline.to_file(end))
