"""Join decoded frames to blocks of samples, with inverted channels turned back, and mix any channels to mono or stereo.

A channel whose polarity is inverted (a cable, a wrong export) cancels the others where they are added: in the analysis,
and in the loudspeaker of a phone that plays the video. It is turned for both, which changes nothing else that is heard.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt

from agents.arrays import Floats

if TYPE_CHECKING:
    from av.audio.fifo import AudioFifo
    from av.audio.frame import AudioFrame

_LARGEST = 65_536.0  # of floats with the scale of 16 bit integers, as some programs write them
_BLOCK_VALUES = 1 << 21  # of all channels; large, since each block costs new memory pages
_CORRELATION_STEP = 8  # every eighth sample is compared
_INVERTED, _NOT_INVERTED = -0.5, -0.2  # correlation with the loudest channel, to turn a channel and to stop turning it
_HALF_POWER = 0.5**0.5
_MAX_PLANES = 8
# Usual names of channels that a file gives without names, by their number: the same that FFmpeg takes.
_USUAL: dict[int, tuple[str, ...]] = {
    1: ("FC",),
    2: ("FL", "FR"),
    3: ("FL", "FR", "LFE"),
    4: ("FL", "FR", "FC", "BC"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
# Shares of the left and right channel: ITU-R BS.775. Of ambisonic sound its first channel is heard, which has it all.
_GAINS: dict[str, tuple[float, float]] = {
    "FL": (1, 0),
    "FR": (0, 1),
    "DL": (1, 0),
    "DR": (0, 1),
    "FLC": (1, 0),
    "FRC": (0, 1),
    "FC": (_HALF_POWER, _HALF_POWER),
    "BL": (_HALF_POWER, 0),
    "BR": (0, _HALF_POWER),
    "SL": (_HALF_POWER, 0),
    "SR": (0, _HALF_POWER),
    "LFE": (0, 0),
    "AMBI0": (1, 1),
}
_OTHER_GAINS = (0.5, 0.5)


@dataclass(frozen=True)
class Block:
    """Samples of all channels, (channels, samples) float32, -1 to 1; `channels`: their names as FFmpeg has them."""

    rate: int
    channels: tuple[str, ...]
    samples: Floats

    def mono(self) -> Floats:
        """Return the mean of the channels, (samples,)."""
        with_sound = [n for n, name in enumerate(self.channels) if not _is_direction(name)]
        return np.asarray(self.samples[with_sound].mean(0, dtype=np.float32))

    def stereo(self) -> Floats:
        """Return the channels mixed to left and right, (2, samples); softer where they could exceed full scale."""
        if self.channels == ("FL", "FR"):
            return self.samples
        if len(self.channels) == 1:
            return np.repeat(self.samples, 2, axis=0)
        gains = np.array([_gains(name) for name in self.channels], np.float32).T
        return np.asarray(gains / max(1.0, float(gains.sum(1).max())) @ self.samples)


def in_phase(frames: Iterable[AudioFrame]) -> Iterator[Block]:
    """Yield the frames' samples, those of one format joined, with inverted channels turned back."""
    for _, same_kind in groupby(frames, key=_format):
        polarity = _Polarity()
        for block in _blocks(same_kind):
            yield polarity.turned(block)


def readable(frames: Iterable[AudioFrame]) -> Iterator[AudioFrame]:
    """Yield the frames; those of eight planar channels with their samples in one plane.

    PyAV reads planes up to an empty place in FFmpeg's list of eight; where all are used it reads on and crashes.
    """
    from av.audio.resampler import AudioResampler

    packing: dict[tuple[str, str, int], AudioResampler] = {}
    for frame in frames:
        if not frame.format.is_planar or frame.layout.nb_channels < _MAX_PLANES:
            yield frame
            continue
        kind = _format(frame)
        if kind not in packing:
            packing = {kind: AudioResampler(frame.format.packed.name, frame.layout, frame.sample_rate)}
        yield from packing[kind].resample(frame)


def _format(frame: AudioFrame) -> tuple[str, str, int]:
    """Return what must be equal for frames to be joined: sample format, channel layout, sample rate."""
    return frame.format.name, frame.layout.name, frame.sample_rate


class _Polarity:
    """The polarity of the channels of one stream, from all blocks so far."""

    def __init__(self) -> None:
        self._products: Floats = np.zeros((0, 0))
        self._signs: Floats = np.zeros(0)

    def turned(self, block: Block) -> Block:
        """Return the block with the channels turned that are inverted towards the loudest one; it is changed."""
        if len(block.channels) > 1:
            self._add(block.samples)
            block.samples[self._signs < 0] *= -1
        return block

    def _add(self, samples: Floats) -> None:
        compared = samples[:, ::_CORRELATION_STEP].astype(float)
        with np.errstate(all="ignore"):  # samples may be no numbers, and channels silent
            compared -= compared.mean(1, keepdims=True)
            products = compared @ compared.T
            self._products = products if not self._products.size else self._products + products
            self._signs = self._next_signs()

    def _next_signs(self) -> Floats:
        """Return 1 or -1 for each channel, as many of them as before with their sign from before."""
        power = self._products.diagonal()
        correlation = self._products[int(power.argmax())] / np.sqrt(power * power.max())
        before = self._signs if self._signs.size else np.ones(len(power))
        signs = np.where(correlation < np.where(before < 0, _NOT_INVERTED, _INVERTED), -1.0, 1.0)
        return np.asarray(-signs if (power * before * signs).sum() < 0 else signs)


def _blocks(frames: Iterable[AudioFrame]) -> Iterator[Block]:
    from av.audio.fifo import AudioFifo

    fifo = AudioFifo()
    for frame in frames:
        frame.pts = None
        fifo.write(frame)
        if fifo.samples * frame.layout.nb_channels >= _BLOCK_VALUES:
            yield _block(fifo)
    if fifo.samples:
        yield _block(fifo)


def _block(fifo: AudioFifo) -> Block:
    frame = cast("AudioFrame", fifo.read())
    stored = frame.to_ndarray()
    values = stored if frame.format.is_planar else stored.reshape(-1, frame.layout.nb_channels).T
    return Block(frame.sample_rate, _names(frame), _scaled(values))


def _scaled(values: npt.NDArray[Any]) -> Floats:
    """Return float32, integers scaled to -1..1 (unsigned 8 bit minus 128)."""
    samples = np.array(_possible(values), np.float32, order="C")
    if values.dtype.kind != "f":
        samples -= 128.0 if values.dtype.kind == "u" else 0.0
        samples /= 128.0 if values.dtype.kind == "u" else float(np.iinfo(values.dtype).max) + 1.0
    return samples


def _possible(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return floats within +-65536, or NaN where they are not finite.

    Damaged files have values of any size, and the squares of large ones overflow in the analysis.
    """
    if values.dtype.kind != "f" or (values.min() >= -_LARGEST and values.max() <= _LARGEST):  # false for NaN
        return values
    return np.where(np.isfinite(values), np.clip(values, -_LARGEST, _LARGEST), np.nan)


def _names(frame: AudioFrame) -> tuple[str, ...]:
    names = tuple(channel.name for channel in frame.layout.channels)
    return _USUAL.get(len(names), names) if "NONE" in names else names


def _gains(name: str) -> tuple[float, float]:
    return (0, 0) if _is_direction(name) else _GAINS.get(name, _OTHER_GAINS)


def _is_direction(name: str) -> bool:
    """Return whether an ambisonic channel has no sound of its own, only the differences between directions."""
    return name.startswith("AMBI") and name != "AMBI0"
