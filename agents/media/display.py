"""How a decoded frame is displayed: upright, mirrored where its file says so, undistorted, in SDR colours of BT.709.

Poses, pictures and mezzanines all take their frames from here.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame

from agents.media.colours import TABLE_FORMAT, Gamut, matrix, table_to_bt709, wide_gamut

if TYPE_CHECKING:
    from av.filter.context import FilterContext

_Filter = tuple[str, str | None]

_THREADS = 2
_TABLE = "haldclut"
# By whether b and c of the display matrix are positive.
_TRANSPOSES = {
    (True, True): "cclock_flip",
    (True, False): "clock",
    (False, True): "cclock",
    (False, False): "clock_flip",
}


class _Orientation(NamedTuple):
    """The display matrix: a pixel at (x, y) is displayed at (a x + c y, b x + d y)."""

    a: float
    b: float
    c: float
    d: float

    @property
    def is_sideways(self) -> bool:
        """Return whether width and height are exchanged."""
        return abs(self.b) + abs(self.c) > abs(self.a) + abs(self.d)

    def filters(self) -> list[_Filter]:
        """Return the filters that turn and mirror a frame so, to the nearest quarter of a turn."""
        if self.is_sideways:
            return [("transpose", _TRANSPOSES[self.b > 0, self.c > 0])]
        return [(name, None) for name, factor in (("hflip", self.a), ("vflip", self.d)) if factor < 0]


_UPRIGHT = _Orientation(1.0, 0.0, 0.0, 1.0)


def displayed_size(frame: VideoFrame, aspect: float) -> tuple[float, float]:
    """Return the width and height of the frame as it is displayed. `aspect`: width to height of a pixel."""
    width, height = frame.width * aspect, float(frame.height)
    return (height, width) if _orientation(frame).is_sideways else (width, height)


def fit_size(width: float, height: float, box: tuple[int, int]) -> tuple[int, int]:
    """Return the largest size with the same aspect ratio within `box`, in even pixels because 4:2:0 needs them."""
    factor = min(box[0] / width, box[1] / height)
    return tuple(
        min(side, max(2, 2 * round(length * factor / 2))) for length, side in zip((width, height), box, strict=True)
    )  # type: ignore[return-value]


def frame_source(graph: Graph, frame: VideoFrame) -> FilterContext:
    """Add a source of frames like `frame` to a filter graph."""
    return graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)


class Display:
    """Turns, scales and pads frames one by one; size, format and colours may change within the stream.

    `box`: width and height of all that it returns, pixels; bars are black. `aspect`: width to height of a pixel.
    `mirrored`: left and right are exchanged in the frame as it would be displayed.
    """

    def __init__(
        self,
        box: tuple[int, int],
        aspect: float,
        pixels: Literal["yuv420p", "rgb24"] = "yuv420p",
        scaling: Literal["bicubic", "bilinear"] = "bicubic",
        *,
        mirrored: bool = False,
    ) -> None:
        self._box, self._aspect = box, aspect
        self._pixels, self._scaling = pixels, scaling
        self._mirrored = mirrored
        self._shape: tuple[object, ...] = ()
        self._orientation = _UPRIGHT
        self._graph = Graph()
        self._number = 0

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Return the frame as it is displayed, with its time unchanged."""
        stated = _matrix(frame)
        if stated or frame.key_frame:  # a coded stream may state the matrix with its keyframes only
            self._orientation = stated or _UPRIGHT
        shape = self._orientation, *_shape(frame)
        if shape != self._shape:
            self._graph, self._shape = self._built(frame), shape
        return self._filtered(frame)

    def _filtered(self, frame: VideoFrame) -> VideoFrame:
        pts, self._number = frame.pts, self._number + 1
        frame.pts = self._number  # with a look-up table, the graph loses a frame whose time is not after the last one's
        self._graph.vpush(frame, at=0)
        displayed = self._graph.vpull()
        frame.pts = displayed.pts = pts
        displayed.time_base = frame.time_base
        return displayed

    def _built(self, frame: VideoFrame) -> Graph:
        graph, gamut = Graph(), wide_gamut(frame)
        graph.threads = _THREADS
        source = frame_source(graph, frame)
        filters = [*self._scaled(frame, gamut), *self._orientation.filters(), *self._padded()]
        nodes = [graph.add(name, arguments) for name, arguments in filters]
        graph.link_nodes(source, *nodes, graph.add("buffersink"))
        if gamut:
            _load_table(graph, next(node for node in nodes if node.name == _TABLE), gamut)
        else:
            graph.configure()
        return graph

    def _scaled(self, frame: VideoFrame, gamut: Gamut | None) -> list[_Filter]:
        """Return the filters to the size and colours to be displayed; scaling first makes the others cheap."""
        width, height = self._size_before_turn(frame)
        input_matrix = "" if frame.format.is_rgb else f":in_color_matrix={matrix(frame)}"
        scale = f"{width}:{height}:flags={self._scaling}{input_matrix}"
        output = "out_color_matrix=bt709:out_range=tv" if self._pixels == "yuv420p" else ""
        # Scaling fails for primaries and transfers that it does not know, although it converts neither.
        unknown = ("setparams", "color_primaries=bt709:color_trc=bt709")
        if gamut is None:
            return [unknown, ("scale", f"{scale}:{output}"), ("format", self._pixels)]
        to_table: list[_Filter] = [unknown, ("scale", scale), ("format", TABLE_FORMAT), (_TABLE, "clut=first")]
        return [*to_table, ("scale", output), ("format", self._pixels)]

    def _size_before_turn(self, frame: VideoFrame) -> tuple[int, int]:
        width, height = frame.width * self._aspect, float(frame.height)
        if not self._orientation.is_sideways:
            return fit_size(width, height, self._box)
        width_after, height_after = fit_size(height, width, self._box)
        return height_after, width_after

    def _padded(self) -> list[_Filter]:
        width, height = self._box
        mirror: list[_Filter] = [("hflip", None)] if self._mirrored else []
        return [("pad", f"{width}:{height}:-1:-1:color=black"), ("setsar", "1"), *mirror]


def _load_table(graph: Graph, node: FilterContext, gamut: Gamut) -> None:
    """Configure the graph and give its filter the table, as the only frame of a second source."""
    table = table_to_bt709(gamut)
    source = frame_source(graph, table)
    source.link_to(node, 0, 1)
    graph.configure()
    source.push(table)
    source.push(None)


def _shape(frame: VideoFrame) -> tuple[object, ...]:
    colours = frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries
    return frame.width, frame.height, frame.format.name, *colours


def _orientation(frame: VideoFrame) -> _Orientation:
    return _matrix(frame) or _UPRIGHT


def _matrix(frame: VideoFrame) -> _Orientation | None:
    """Return the display matrix that a frame states, None for one that states none."""
    try:
        # Not `frame.side_data`: it would refer to the frame and the frame to it, so that frames pile up in memory.
        found: Any = SideDataContainer(frame).get("DISPLAYMATRIX")  # type: ignore[call-arg]
    except ValueError:  # PyAV does not know a kind of side data that the frame has, such as EXIF
        turn = math.radians(frame.rotation)
        return _Orientation(math.cos(turn), -math.sin(turn), math.sin(turn), math.cos(turn))
    if found is None:
        return None
    values = np.frombuffer(found, np.int32)
    return _Orientation(*(float(values[at]) for at in (0, 1, 3, 4)))
