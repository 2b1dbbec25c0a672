"""The colours of decoded frames: matrix, primaries and transfer, and a look-up table from HDR and wide gamut to BT.709.

Numbers of matrices, primaries and transfers are those of ITU-T H.273, tables 2 to 4.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from av.video.frame import VideoFrame

TABLE_FORMAT = "gbrpf32le"  # with planes of integers, FFmpeg's haldclut takes green for red
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_BT2020_MATRICES = (9, 10)
_BT709, _BT2020 = 1, 9
_PRIMARIES = {9: 9, 11: 12, 12: 12}  # others are so near to BT.709 that they are taken for it
_UNSPECIFIED = (0, 2, 3)
_PQ, _HLG = 16, 18
_HD_HEIGHT = 720

# The x and y of red, green and blue; the white of all is D65.
_CHROMATICITIES = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_WHITE = (0.3127, 0.3290)

_GAMMA = 2.4  # of the display, ITU-R BT.1886
_WHITE_NITS, _PEAK_NITS = 100.0, 1000.0  # of SDR; of HDR: what is brighter is shown as bright as this
_LINEAR_UP_TO = 0.3  # of the white of SDR: darker colours are as in the source
_TABLE_LEVEL = 6  # a cube of 36 x 36 x 36 colours

_Colours = npt.NDArray[np.float64]


class Gamut(NamedTuple):
    """Primaries and transfer that differ from those of BT.709 so much that colours must be converted."""

    primaries: int
    transfer: int


def matrix(frame: VideoFrame) -> str:
    """Return swscale's name of a YUV frame's matrix; where none is stated, that of its primaries or of its height."""
    gamut = wide_gamut(frame)
    if gamut is not None and gamut.primaries == _BT2020 and frame.colorspace in _UNSPECIFIED:
        return "bt2020"
    return _MATRICES.get(frame.colorspace, "bt709" if frame.height >= _HD_HEIGHT else "smpte170m")


def wide_gamut(frame: VideoFrame) -> Gamut | None:
    """Return the frame's primaries and transfer, None for usual ones."""
    transfer = frame.color_trc if frame.color_trc in (_PQ, _HLG) else _BT709
    is_2020 = transfer != _BT709 or frame.colorspace in _BT2020_MATRICES
    unstated = _BT2020 if is_2020 and frame.color_primaries in _UNSPECIFIED else _BT709
    gamut = Gamut(_PRIMARIES.get(frame.color_primaries, unstated), transfer)
    return None if gamut == (_BT709, _BT709) else gamut


@lru_cache(maxsize=2)
def table_to_bt709(gamut: Gamut) -> VideoFrame:
    """Return the picture of a look-up table (a Hald CLUT) from R'G'B' of `gamut` to those of BT.709 for SDR."""
    values = np.linspace(0.0, 1.0, _TABLE_LEVEL**2)
    blue, green, red = np.meshgrid(values, values, values, indexing="ij")
    colours = to_bt709(np.stack([red, green, blue], axis=-1), gamut)
    side = _TABLE_LEVEL**3
    return _picture(colours.reshape(side, side, 3))


def to_bt709(colours: npt.NDArray[Any], gamut: Gamut) -> _Colours:
    """Return R'G'B' of BT.709 for SDR, 0-1, for `colours`: R'G'B' of `gamut`, 0-1, shape (..., 3)."""
    light = _displayed_light(colours, gamut) @ _conversion(gamut.primaries).T
    if gamut.transfer != _BT709:
        light = _rolled_off(np.maximum(light, 0.0))
    return np.asarray(np.clip(light, 0.0, 1.0) ** (1 / _GAMMA))


def _displayed_light(colours: npt.NDArray[Any], gamut: Gamut) -> _Colours:
    """Return the light of a display, linear; 1 is the white of SDR."""
    if gamut.transfer == _PQ:
        return _pq_nits(colours) / _WHITE_NITS
    if gamut.transfer == _HLG:
        return _hlg_nits(colours, _to_xyz(gamut.primaries)[1]) / _WHITE_NITS
    return np.asarray(colours**_GAMMA, np.float64)


def _pq_nits(colours: npt.NDArray[Any]) -> _Colours:
    """Return the light in cd/m2. Formula: ITU-R BT.2100, table 4, EOTF."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = colours ** (1 / m2)
    return np.asarray(10_000.0 * (np.maximum(power - c1, 0.0) / (c2 - c3 * power)) ** (1 / m1))


def _hlg_nits(colours: npt.NDArray[Any], luma: _Colours) -> _Colours:
    """Return the light in cd/m2 of a display of 1000 cd/m2. Formula: ITU-R BT.2100, table 5, OETF and OOTF."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(colours <= 0.5, colours**2 / 3, (np.exp((colours - c) / a) + b) / 12)
    return np.asarray(_PEAK_NITS * scene * (scene @ luma)[..., np.newaxis] ** 0.2)


def _rolled_off(light: _Colours) -> _Colours:
    """Return the light with highlights compressed to 1 and hues unchanged. Formula: Mobius of FFmpeg's tonemap."""
    j, peak = _LINEAR_UP_TO, _PEAK_NITS / _WHITE_NITS
    a = -j * j * (peak - 1) / (j * j - 2 * j + peak)
    b = (j * j - 2 * j * peak + peak) / (peak - 1)
    brightest = np.maximum(light.max(axis=-1, keepdims=True), 1e-9)
    rolled = (b * b + 2 * b * j + j * j) / (b - a) * (brightest + a) / (brightest + b)
    return np.asarray(light * np.where(brightest <= j, 1.0, np.minimum(rolled, 1.0) / brightest))


def _conversion(primaries: int) -> _Colours:
    return np.asarray(np.linalg.inv(_to_xyz(_BT709)) @ _to_xyz(primaries))


def _to_xyz(primaries: int) -> _Colours:
    """Return the matrix from linear RGB to XYZ; its second row has the weights of luminance."""
    columns = np.array([_xyz(*xy) for xy in _CHROMATICITIES[primaries]]).T
    return np.asarray(columns * np.linalg.solve(columns, _xyz(*_WHITE)))


def _xyz(x: float, y: float) -> _Colours:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _picture(colours: _Colours) -> VideoFrame:
    height, width, _ = colours.shape
    frame = VideoFrame(width, height, TABLE_FORMAT)
    for plane, channel in zip(frame.planes, (1, 2, 0), strict=True):
        rows = np.zeros((height, plane.line_size // 4), np.float32)
        rows[:, :width] = colours[..., channel]
        plane.update(rows.tobytes())
    frame.pts, frame.time_base = 0, Fraction(1)
    return frame
