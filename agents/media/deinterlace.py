"""Deinterlace the frames that are flagged as interlaced: one frame for each, at its time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import av
from av.filter import Graph
from av.video.frame import VideoFrame

from agents.media.display import frame_source

_MIN_SIDE = 4  # in pixels; FFmpeg's filter takes no smaller frames


def deinterlaced(frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield the frames in order, each at its time: interlaced ones deinterlaced, others unchanged."""
    open_filter: _Deinterlacer | None = None
    for frame in frames:
        if open_filter and not open_filter.takes(frame):
            yield from open_filter.rest()
            open_filter = None
        if not open_filter and frame.interlaced_frame and min(frame.width, frame.height) >= _MIN_SIDE:
            open_filter = _Deinterlacer(frame)
        yield from open_filter(frame) if open_filter else [frame]
    if open_filter:
        yield from open_filter.rest()


class _Deinterlacer:
    """FFmpeg's bwdif for frames of one size and format; it passes progressive ones on, and delays all by a frame."""

    def __init__(self, frame: VideoFrame) -> None:
        self._shape = _shape(frame)
        self._graph = Graph()
        self._graph.threads = 2
        bwdif = self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced")
        self._graph.link_nodes(frame_source(self._graph, frame), bwdif, self._graph.add("buffersink")).configure()

    def takes(self, frame: VideoFrame) -> bool:
        """Return whether the frame is like those before it."""
        return _shape(frame) == self._shape

    def __call__(self, frame: VideoFrame) -> Iterator[VideoFrame]:
        """Yield the frames that are complete now."""
        self._graph.vpush(frame)
        return self._complete()

    def rest(self) -> Iterator[VideoFrame]:
        """Yield the frames that are still delayed."""
        self._graph.vpush(None)
        return self._complete()

    def _complete(self) -> Iterator[VideoFrame]:
        while True:
            try:
                yield self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return


def _shape(frame: VideoFrame) -> tuple[object, ...]:
    return frame.width, frame.height, frame.format.name, frame.time_base, frame.colorspace, frame.color_range
