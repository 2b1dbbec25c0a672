"""Pictures in high dynamic range and interlaced ones, made from ordinary pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from tests.odd_media.marked import FPS, STRIP_SHARE, Rgb
from tests.odd_media.writer import Timed, Video

WHITE_NITS = 100.0  # of an ordinary picture's white where FFmpeg's filters convert it to HDR
BRIGHT_WHITE_NITS = 203.0  # by ITU-R BT.2408
_HLG_PEAK_NITS, _HLG_GAMMA = 1000.0, 1.2
_BT2020_OF_BT709 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
_BT2020_LUMA = np.array([0.2627, 0.6780, 0.0593])
_Light = NDArray[np.float32]


def hdr_video(transfer: str) -> Video:
    """Return HEVC of 10 bit that states BT.2020 and a transfer: `arib-std-b67` (HLG) or `smpte2084` (PQ)."""
    colours = f"colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc:range=limited:log-level=error"
    return Video("libx265", "yuv420p10le", options={"preset": "ultrafast", "crf": "16", "x265-params": colours})


def hlg(rgb: Rgb, white_nits: float = WHITE_NITS) -> av.VideoFrame:
    """Return the picture in HLG (ITU-R BT.2100) for a display of 1000 nits."""
    light = _nits(rgb, white_nits) / _HLG_PEAK_NITS
    luma = np.maximum(light @ _BT2020_LUMA, 1e-6)[..., None]
    scene = light * luma ** ((1 - _HLG_GAMMA) / _HLG_GAMMA)
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    high = a * np.log(np.maximum(12 * scene - b, 1e-6)) + c
    return _ten_bit(np.where(scene <= 1 / 12, np.sqrt(3 * scene), high))


def pq(rgb: Rgb, white_nits: float = WHITE_NITS) -> av.VideoFrame:
    """Return the picture in PQ (SMPTE ST 2084)."""
    power = (_nits(rgb, white_nits) / 10_000) ** 0.1593017578125
    return _ten_bit(((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375)


def converted(pictures: Iterable[Timed], change: Callable[[Rgb], av.VideoFrame | Rgb]) -> Iterator[Timed]:
    """Yield all pictures, changed."""
    for time_s, picture in pictures:
        yield time_s, change(picture)  # type: ignore[arg-type]


def interlaced(pictures: Iterable[Timed], first_field: int = 0) -> Iterator[Timed]:
    """Yield a frame for each two pictures, the lines of the earlier one in the first field (0: top) and the later's."""
    earlier: Timed | None = None
    with_order: Graph | None = None
    for timed in pictures:
        if earlier is None:
            earlier = timed
            continue
        woven = earlier[1].copy()  # type: ignore[union-attr]
        strip = round(len(woven) * STRIP_SHARE)  # of no use where it changes with each field
        below = strip + (strip + 1 - first_field) % 2  # the first line of the second field
        woven[below::2] = timed[1][below::2]  # type: ignore[index]
        frame = av.VideoFrame.from_ndarray(woven, format="rgb24").reformat(format="yuv420p")
        with_order = with_order or _with_field_order(frame, first_field)
        with_order.vpush(frame)
        yield earlier[0], with_order.vpull()
        earlier = None


def _with_field_order(frame: av.VideoFrame, first_field: int) -> Graph:
    """Return a graph that marks frames as interlaced, as encoders read it from them."""
    graph = Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1, FPS))
    order = graph.add("setfield", "bff" if first_field else "tff")
    graph.link_nodes(source, order, graph.add("buffersink")).configure()
    return graph


def interlaced_video(codec: str = "libx264") -> Video:
    """Return how interlaced pictures are encoded, H.264 or MPEG-2."""
    rate, flags = Fraction(FPS, 2), "+ildct+ilme"
    if codec == "libx264":
        return Video(rate=rate, options={"preset": "veryfast", "crf": "16", "flags": flags})
    return Video(codec, rate=rate, bit_rate=6_000_000, options={"flags": flags})


def _nits(rgb: Rgb, white_nits: float) -> _Light:
    return np.asarray(white_nits * (rgb / 255.0) ** 2.4 @ _BT2020_OF_BT709.T, np.float32)


def _ten_bit(values: NDArray[np.floating]) -> av.VideoFrame:
    """Return a frame of 4:2:0, 10 bit, limited range, of R'G'B' 0-1 in BT.2020."""
    luma = values @ _BT2020_LUMA
    blue, red = (values[..., 2] - luma) / 1.8814, (values[..., 0] - luma) / 1.4746
    frame = av.VideoFrame(values.shape[1], values.shape[0], "yuv420p10le")
    planes = (64 + 876 * luma, *(512 + 896 * _halved(plane) for plane in (blue, red)))
    for plane, content in zip(frame.planes, planes, strict=True):
        padded = np.zeros((plane.height, plane.line_size // 2), "<u2")
        padded[:, : content.shape[1]] = np.clip(np.round(content), 4, 1019)
        plane.update(padded.tobytes())
    return frame


def _halved(plane: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.asarray(plane.reshape(plane.shape[0] // 2, 2, plane.shape[1] // 2, 2).mean(axis=(1, 3)))
