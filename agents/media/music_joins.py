"""Join parts of a song so that the joins are not heard, and measure how much the sound changes there.

A part ends and the next one begins on a beat. The next one is shifted by some milliseconds so that its waves continue
those of the first, and the two are cross-faded shortly before the beat, so that its stroke is of the next one only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np

from agents.arrays import Floats

MARGIN_S: Final = 0.5  # of sound before and after each part that is read, too
_COMPARED_S = (-0.15, 0.05)  # around the beat
_MAX_SHIFT_S = 0.008  # a whole period of 62 Hz; much less than what is heard as out of time
_SHIFT_COST = 0.1  # of the largest, in correlation
_FADE_S = 0.025
_FADE_PLACES_S = (-0.09, -0.035)  # from the beat to the start of the fade: it ends before a stroke that is shifted
_AROUND_S = 8.0
_FRAME_S, _HOP_S, _CHANGE_S = 0.023, 0.005, 0.02  # of the spectra; a change is measured over the last
_WINDOW_S = 0.04  # the largest change in it counts
_STRONG_PERCENT = 95
_BANDS = 24
_LOWEST_HZ, _HIGHEST_HZ = 50.0, 12_000.0
_FLOOR = 1e-3  # of the loudest band, below which a change is not heard


class Join(NamedTuple):
    """A join at a time of the joined sound, seconds; the other fields are those of `schemas.rendered.Join`."""

    time_s: float
    shift_ms: float
    likeness: float
    change: float


class _Place(NamedTuple):
    """Where the next part takes over.

    `shift`: samples by which it is taken later. `fade`: the first sample of the cross-fade, from the beat.
    """

    shift: int
    fade: int


def join(parts: Sequence[Floats], rate: int) -> tuple[Floats, list[Join]]:
    """Return the parts joined, (2, samples), with about the margin after the last one, and the joins.

    `parts`: (2, samples) each, with `MARGIN_S` before and after it. The sound starts where the first part does, and
    the parts follow each other at their lengths without margins.
    """
    margin = round(MARGIN_S * rate)
    lengths = [part.shape[1] - 2 * margin for part in parts]
    places = list(_places(parts, lengths, margin, rate))
    joined = np.concatenate(list(_pieces(parts, lengths, places, margin, rate)), axis=1)
    joins, time = [], 0
    for n, place in enumerate(places):
        time += lengths[n]
        change = _change(joined, time + place.fade, rate)
        likeness = _likeness(parts[n], parts[n + 1], margin, rate)
        joins.append(Join(time / rate, place.shift * 1000 / rate, likeness, change))
    return joined, joins


def _places(parts: Sequence[Floats], lengths: Sequence[int], margin: int, rate: int) -> Iterator[_Place]:
    shift = 0
    for n in range(1, len(parts)):
        end = lengths[n - 1] + shift  # of the part without its margin
        place = _place(_mono(parts[n - 1], end, margin), _mono(parts[n], 0, margin), margin, rate)
        yield place
        shift = place.shift


def _mono(part: Floats, beat: int, margin: int) -> Floats:
    """Return the mean of the channels around a beat, which has the index `margin` in it."""
    return np.asarray(part[:, beat : beat + 2 * margin].mean(axis=0, dtype=np.float64))


def _place(before: Floats, after: Floats, beat: int, rate: int) -> _Place:
    """Return where `after` takes over. `beat`: its index in both, mono."""
    shift = _best_shift(before, after, beat, rate)
    fades = np.arange(*(round(seconds * rate) for seconds in _FADE_PLACES_S))
    first, last = beat + int(fades[0]), beat + int(fades[-1]) + round(_FADE_S * rate)
    difference = before[first:last] - after[shift + first : shift + last]
    powers = np.convolve(difference**2, np.ones(round(_FADE_S * rate)), "valid")
    return _Place(shift, int(fades[int(powers[: len(fades)].argmin())]))


def _best_shift(before: Floats, after: Floats, beat: int, rate: int) -> int:
    """Return by how many samples `after` is taken later: the more, the more its waves must gain in likeness."""
    first, last = (round(seconds * rate) for seconds in _COMPARED_S)
    most = round(_MAX_SHIFT_S * rate)
    pattern = before[beat + first : beat + last]
    searched = after[beat + first - most : beat + last + most]
    products = np.correlate(searched, pattern, "valid")
    powers = np.convolve(searched**2, np.ones(len(pattern)), "valid")
    norms = np.sqrt(powers * float((pattern**2).sum()))
    correlations = products / np.maximum(norms, 1e-9)
    shifts = np.arange(-most, most + 1)
    return int(shifts[(correlations - _SHIFT_COST * np.abs(shifts) / most).argmax()])


def _pieces(
    parts: Sequence[Floats], lengths: Sequence[int], places: Sequence[_Place], margin: int, rate: int
) -> Iterator[Floats]:
    fade = round(_FADE_S * rate)
    at = margin  # the first sample of a part that is not yet joined
    for n, place in enumerate(places):
        shift = places[n - 1].shift if n else 0
        out = margin + lengths[n] + shift + place.fade
        into = margin + place.shift + place.fade
        yield parts[n][:, at:out]
        yield _cross_faded(parts[n][:, out : out + fade], parts[n + 1][:, into : into + fade])
        at = into + fade
    yield parts[-1][:, at:]


def _cross_faded(before: Floats, after: Floats) -> Floats:
    """Return one sound that becomes another, as loud in the middle as at its ends."""
    share = (np.arange(before.shape[1]) + 0.5) / before.shape[1]
    power = float(np.sqrt((before**2).sum() * (after**2).sum()))
    alike = max(0.0, float((before * after).sum()) / power) if power else 1.0
    loudness = np.sqrt(share**2 + (1 - share) ** 2 + 2 * alike * share * (1 - share))
    return np.asarray((before * (1 - share) + after * share) / loudness, before.dtype)


def _change(joined: Floats, fade: int, rate: int) -> float:
    """Return the change of the spectrum at a cross-fade, as a share of that at strong strokes of the music around."""
    around, window = round(_AROUND_S * rate), round(_WINDOW_S / _HOP_S)
    first = max(0, fade - around)
    changes = _changes(joined[:, first : fade + around].mean(axis=0), rate)
    middle = round((fade - first + _FADE_S * rate / 2) / rate / _HOP_S)
    start = max(0, middle - window // 2)
    at_join = changes[start : start + window]
    others = np.delete(changes, np.s_[max(0, start - window) : start + 2 * window])
    blocks = others[: len(others) // window * window].reshape(-1, window).max(axis=1, initial=0.0)
    strong = float(np.percentile(blocks, _STRONG_PERCENT)) if len(blocks) else 0.0
    return float(at_join.max(initial=0.0)) / max(strong, 1e-6)


def _likeness(before: Floats, after: Floats, margin: int, rate: int) -> float:
    """Return the correlation of the levels of what would have followed a part and of what follows in its place.

    A band's own mean level, over the end of the part before, counts for nothing.
    """
    levels = _levels(before[:, -round(_AROUND_S * rate) - margin :].mean(axis=0), rate)
    length = round(margin / rate / _HOP_S)
    mean = levels[:-length].mean(axis=0)
    would, follows = levels[-length:] - mean, _levels(after[:, margin : 2 * margin].mean(axis=0), rate)[:length] - mean
    power = float(np.sqrt((would**2).sum() * (follows**2).sum()))
    return float(np.clip((would * follows).sum() / power, -1.0, 1.0)) if power else 1.0


def _changes(mono: Floats, rate: int) -> Floats:
    """Return how much the spectrum around each frame differs from before to after it, the frames `_HOP_S` apart."""
    levels, lag = _levels(mono, rate), round(_CHANGE_S / _HOP_S)
    apart = np.abs(levels[lag:] - levels[:-lag]).mean(axis=1)
    return np.pad(apart, (lag // 2, lag - lag // 2))


def _levels(mono: Floats, rate: int) -> Floats:
    """Return the logarithms of the levels of each frame's bands, (frames, bands), the frames `_HOP_S` apart."""
    hop, size = round(_HOP_S * rate), round(_FRAME_S * rate)
    padded = np.pad(mono, size // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    powers = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2
    edges = np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1) * size / rate
    bands = np.maximum(np.diff(edges.astype(int), append=0)[:-1], 1)
    sums = np.cumsum(np.pad(powers, ((0, 0), (1, 0))), axis=1)
    starts = edges[:-1].astype(int)
    energy = np.sqrt((sums[:, starts + bands] - sums[:, starts]) / bands)
    levels: Floats = np.log(energy + _FLOOR * energy.max(initial=1e-9))
    return levels
