"""Fit frames of any size, aspect ratio and rotation into the profile's size, with bars where needed."""

from __future__ import annotations

from av.filter import Graph
from av.video.frame import VideoFrame

from agents.media.render_quality import Profile

_TURNS: dict[int, tuple[tuple[str, str | None], ...]] = {
    0: (),
    90: (("transpose", "cclock"),),
    180: (("hflip", None), ("vflip", None)),
    270: (("transpose", "clock"),),
}
_UNSPECIFIED = 2
_HD_HEIGHT = 720


def fit_size(width: float, height: float, box: tuple[int, int]) -> tuple[int, int]:
    """Return the largest size with the same aspect ratio within `box`, in even pixels because 4:2:0 needs them."""
    factor = min(box[0] / width, box[1] / height)
    return tuple(
        min(side, max(2, 2 * round(length * factor / 2))) for length, side in zip((width, height), box, strict=True)
    )  # type: ignore[return-value]


class Letterbox:
    """Rotates, scales and pads frames one by one; size and format may change within the stream."""

    def __init__(self, profile: Profile, pixel_aspect: float) -> None:
        self._box = (profile.width, profile.height)
        self._pixel_aspect = pixel_aspect
        self._shape: tuple[object, ...] = ()
        self._graph = Graph()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame in the profile's size, with its time unchanged."""
        shape = (frame.width, frame.height, frame.format.name, frame.rotation, frame.colorspace, frame.color_range)
        if shape != self._shape:
            self._graph, self._shape = self._built(frame), shape
        self._graph.vpush(frame)
        return self._graph.vpull()

    def _built(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        nodes = [
            graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
        ]
        nodes += [graph.add(name, arguments) for name, arguments in self._filters(frame)]
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
        return graph

    def _filters(self, frame: VideoFrame) -> list[tuple[str, str | None]]:
        width, height = self._box
        w, h = self._fitted(frame)
        matrix = "bt709" if frame.colorspace == _UNSPECIFIED and frame.height >= _HD_HEIGHT else "auto"
        return [
            *_TURNS[_rotation(frame)],
            ("scale", f"{w}:{h}:flags=bicubic:in_color_matrix={matrix}:out_color_matrix=bt709:out_range=tv"),
            ("pad", f"{width}:{height}:-1:-1:color=black"),
            ("setsar", "1"),
            ("format", "yuv420p"),
        ]

    def _fitted(self, frame: VideoFrame) -> tuple[int, int]:
        width, height = frame.width * self._pixel_aspect, float(frame.height)
        return fit_size(*((height, width) if _rotation(frame) in (90, 270) else (width, height)), self._box)


def _rotation(frame: VideoFrame) -> int:
    return round(frame.rotation / 90) * 90 % 360
