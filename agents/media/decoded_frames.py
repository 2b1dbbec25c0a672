"""Decode a video stream's frames in order of presentation, and tell the intact ones from those after damage."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any

from agents.media.container import decoded_or_none, packets

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream


def is_timed_by_decoding(container: InputContainer) -> bool:
    """Return whether the container has times of decoding only: frames in order of presentation have them in order."""
    return container.format.name == "avi"


def decoded_frames(
    container: InputContainer, stream: VideoStream, intact: Callable[[float], None]
) -> Iterator[VideoFrame]:
    """Yield the frames that decode and have a time, in order of presentation. `intact`: as for `timed_pictures`."""
    damage, in_order, waiting = _Damage(), is_timed_by_decoding(container), list[int]()
    for packet in packets(container, stream):
        frames = decoded_or_none(packet)
        if frames is None:
            damage.add(seconds_of(packet))
        elif in_order and packet.size and packet.dts is not None:
            heappush(waiting, packet.dts)
        if packet.is_keyframe and packet.is_discard:  # before the start of an edit list
            damage.start(seconds_of(packet))
        for frame in frames or ():
            frame.pts = heappop(waiting) if waiting else ticks_of(frame)
            if frame.time is not None:
                if not damage.reaches(frame, frame.time):
                    intact(frame.time)
                yield frame


def ticks_of(timed: Packet[Any] | VideoFrame) -> int | None:
    """Return the time of a packet or frame in its time base, that of its decoding where it has no other."""
    return timed.dts if timed.pts is None else timed.pts


def seconds_of(packet: Packet[Any]) -> float:
    """Return the time of a packet, that of its decoding where it has no other; NaN without either."""
    ticks = ticks_of(packet)
    return math.nan if ticks is None or packet.time_base is None else float(ticks * packet.time_base)


class _Damage:
    """Knows which pictures are wrong: those after a damaged one, up to the next keyframe."""

    def __init__(self) -> None:
        self._keyframe_s = math.inf
        self._damaged_s: list[float] = []

    def start(self, time_s: float) -> None:
        """Add the time of a keyframe that is decoded, and not shown."""
        self._keyframe_s = time_s

    def add(self, time_s: float) -> None:
        """Add the time of a packet that does not decode."""
        self._damaged_s.append(time_s)

    def reaches(self, frame: VideoFrame, time_s: float) -> bool:
        """Return whether the next frame of the stream is wrong."""
        if frame.key_frame:
            self._keyframe_s = time_s
            self._damaged_s = [damaged_s for damaged_s in self._damaged_s if damaged_s >= time_s]
        if frame.is_corrupt:
            self.add(time_s)
        return time_s < self._keyframe_s or any(damaged_s <= time_s for damaged_s in self._damaged_s)
