"""Write a song with a click on each beat as a WAV file, the song itself at a lower level."""

from __future__ import annotations

import wave
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agents.arrays import Floats, Ints
from agents.audio_analysis.decode import within_length
from agents.media.decode import open_audio
from infra.base.atomic_file import replacing
from schemas.audio_analyzed import AudioAnalysis
from schemas.faults import Poison

if TYPE_CHECKING:
    from av import AudioFrame

_SONG_GAIN = 0.5
_FULL_SCALE = 32_767
_CLICK_S, _DECAY_S = 0.045, 0.009
# (Hz, peak) of the clicks: with the song at half scale none of them clips.
_ONE, _FIVE, _OTHER = (1976.0, 0.45), (1480.0, 0.32), (988.0, 0.18)


@dataclass(frozen=True)
class _Clicks:
    """The clicks of a song.

    `onsets` and `stops` (beats,): samples, increasing, without overlap; `counts` (beats,): 1-8; `sounds`: the samples
    of a click, by count.
    """

    onsets: Ints
    stops: Ints
    counts: tuple[int, ...]
    sounds: dict[int, Floats]

    def within(self, start: int, samples: int) -> Floats:
        """Return the clicks from sample `start` of the song on, (samples,)."""
        mixed = np.zeros(samples)
        first = int(np.searchsorted(self.stops, start, "right"))
        for n in range(first, int(np.searchsorted(self.onsets, start + samples))):
            a, b = max(start, int(self.onsets[n])), min(start + samples, int(self.stops[n]))
            mixed[a - start : b - start] = self.sounds[self.counts[n]][a - self.onsets[n] : b - self.onsets[n]]
        return mixed


def write_click(path: Path, analysis: AudioAnalysis, target: Path, track: int = 0) -> None:
    """Write 16 bit stereo at 44100 or 48000 Hz, as long as the song, which is 6 dB softer.

    The clicks of the 1 are highest in pitch and loudest, then those of the 5. Time 0 is the container's start, as in
    the analysis; a click begins on the sample nearest to its beat.
    Raises: `Poison`, as `decode_mono` does (`not_found`, `not_media`, `no_audio`, `too_long`).
    """
    from agents.media.resample import stereo

    with open_audio(path, track) as song, replacing(target) as temporary:
        rate = song.output_rate_hz
        frames = within_length(stereo(song.frames, rate))
        with wave.open(str(temporary), "wb") as writer:
            writer.setparams((2, 2, rate, 0, "NONE", ""))
            for block in _mixed(frames, _clicks(analysis, rate)):
                writer.writeframesraw(block)
            samples = writer.tell()
        if not samples:
            raise Poison("no audio in it can be decoded; use a file with music", "no_audio")


def _mixed(frames: Iterable[AudioFrame], clicks: _Clicks) -> Iterator[bytes]:
    """Yield the WAV file's data, one block for each frame."""
    start = 0
    for frame in frames:
        mixed = _attenuated(frame.to_ndarray()) + clicks.within(start, frame.samples)
        start += frame.samples
        yield np.round(mixed * _FULL_SCALE).astype("<i2").T.tobytes()


def _attenuated(song: npt.NDArray[Any]) -> Floats:
    """Return the song at half scale, clipped so that it cannot mask a click.

    Lossy formats decode beyond full scale, and floats may be NaN.
    """
    return np.asarray(_SONG_GAIN * np.clip(np.nan_to_num(song), -1, 1))


def _clicks(analysis: AudioAnalysis, rate: int) -> _Clicks:
    sounds = {count: _sound(*_tone(count), rate) for count in range(1, 9)}
    onsets = np.round(np.array(analysis.beats, float) * rate).astype(np.int64)
    stops = onsets + len(sounds[1])
    stops[:-1] = np.minimum(stops[:-1], onsets[1:])
    return _Clicks(onsets, stops, analysis.counts, sounds)


def _tone(count: int) -> tuple[float, float]:
    return {1: _ONE, 5: _FIVE}.get(count, _OTHER)


def _sound(hertz: float, peak: float, rate: int) -> Floats:
    """Return the samples of a wooden click, loud from the first sample, silent at the end."""
    t = np.arange(round(_CLICK_S * rate)) / rate
    oscillation = np.cos(2 * np.pi * hertz * t) * np.exp(-t / _DECAY_S)
    return np.asarray(peak * oscillation * (1 - t / _CLICK_S))
