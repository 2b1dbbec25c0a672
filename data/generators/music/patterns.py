"""Generate the notes that each part of a bachata band plays in one bar."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from data.generators.music.hardness import EASY, Hardness
from data.generators.music.rhythms import BELL, RHYTHM_TABLES, Hits, RhythmTables
from data.generators.music.score import Chord, Note, Part, Rhythm


@dataclass(frozen=True)
class Bar:
    """A bar and all that determines its notes.

    `variant` 0 or 1 is drawn once per section, `motif` is eight weights in 0-1.
    """

    beat: int
    rhythm: Rhythm
    label: str
    chord: Chord
    index: int
    last: bool
    variant: int
    motif: tuple[float, ...]
    hardness: Hardness = EASY

    @property
    def tables(self) -> RhythmTables:
        """Return the rhythm tables of this band."""
        return RHYTHM_TABLES[self.hardness.patterns]


_REQUINTO_DENSITY: dict[Rhythm, float] = {"none": 0.9, "derecho": 0.5, "majao": 0.4, "mambo": 0.97, "stop": 0.0}


def play(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Yield all notes of a bar."""
    if bar.rhythm == "stop":
        yield from _stop(bar, rng)
        return
    yield from _percussion(bar, rng)
    yield from _bass(bar)
    yield from _segunda(bar, rng)
    yield from _requinto(bar, rng)
    yield from _singers(bar, rng)


def _drums(part: Part, bar: Bar, hits: Hits) -> Iterator[Note]:
    for offset, velocity in hits:
        yield Note(part, bar.beat + offset, 0.3, 60, velocity)


def _pattern_of_bar(hits: dict[Rhythm, tuple[Hits, ...]], bar: Bar) -> Hits:
    patterns = hits.get(bar.rhythm, ((),))
    return patterns[bar.index % len(patterns)]


def _percussion(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    fill = bar.last and bar.rhythm != "none"
    macho = _pattern_of_bar(bar.tables.macho, bar)
    light = tuple(hit for hit in macho if hit[1] > 0.4 or rng.random() > 0.08)
    yield from _drums("macho", bar, light)
    yield from _drums("hembra", bar, _pattern_of_bar(bar.tables.hembra, bar))
    if bar.rhythm == "majao":
        yield from _drums("macho", bar, tuple((b + 0.5, 0.4) for b in range(4) if rng.random() < 0.4))
    if bar.rhythm == "mambo" and bar.variant:
        yield from _drums("bell", bar, BELL)
    if fill:
        yield from _drums("macho", bar, ((3.25, 0.7), (3.5, 0.8)))
        yield from _drums("hembra", bar, ((3.75, 0.9),))
    yield from _drums("kick", bar, bar.tables.kick.get(bar.rhythm, ()))
    for offset, velocity, length in bar.tables.guira.get(bar.rhythm, ()):
        yield Note("guira", bar.beat + offset, length, 60, velocity)


def _bass(bar: Bar) -> Iterator[Note]:
    if bar.rhythm == "none":
        return
    for offset, interval, velocity, length in bar.tables.bass[bar.rhythm][bar.variant]:
        yield Note("bass", bar.beat + offset, length, bar.chord.root + interval, velocity)


def _segunda(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Yield an arpeggio in eighths, bass string on 1 and 3, and short chords before 3 and before 1."""
    order = (0, 1, 2, 1, 0, 2, 1, 2) if bar.rhythm != "mambo" else (0, 2, 1, 2, 0, 2, 2, 1)
    low = bar.chord.tones(1)
    for eighth, tone in enumerate(order):
        if (bar.rhythm == "majao" and eighth in (1, 5)) or _is_left_out(bar, rng):
            continue
        velocity = 0.66 if eighth in (0, 4) else 0.48
        yield Note("segunda", bar.beat + eighth / 2, 0.75, low[tone], velocity)
        if bar.rhythm != "none" and eighth in (3, 6, 7):
            yield from (Note("segunda", bar.beat + eighth / 2 + 0.02, 0.3, p, 0.4) for p in bar.chord.tones(2))


def _is_left_out(bar: Bar, rng: np.random.Generator) -> bool:
    return bar.rhythm == "none" and bar.hardness.missing > 0 and rng.random() < bar.hardness.missing


def _requinto(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Yield a riff on the chord's tones; it repeats the section's motif, so that the section is recognizable."""
    density = _REQUINTO_DENSITY[bar.rhythm] * (0.4 if _sings(bar) else 1.0)
    tones = (*bar.chord.tones(2), bar.chord.root + 36)
    for eighth, weight in enumerate(bar.motif):
        if weight > density:
            continue
        pitch = tones[int(weight * 37 + eighth + bar.index) % 4]
        velocity = 0.8 if eighth % 2 == 0 else 0.62 + bar.hardness.off_accent
        yield Note("requinto", bar.beat + eighth / 2 - _anticipation_beats(bar, rng), 0.8, pitch, velocity)
        if bar.rhythm == "mambo" and rng.random() < 0.3:
            yield Note("requinto", bar.beat + eighth / 2 + 0.25, 0.4, pitch + 2, 0.6)


def _anticipation_beats(bar: Bar, rng: np.random.Generator) -> float:
    """Return a sixteenth where the player anticipates, else 0; draw a random number only if the band anticipates."""
    return 0.25 if bar.hardness.early > 0 and rng.random() < bar.hardness.early else 0.0


def _sings(bar: Bar) -> bool:
    return bar.label in ("verse", "chorus") and not (bar.label == "verse" and bar.index % 4 == 3)


def _singers(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    if _sings(bar):
        yield from _melody(bar, rng)
    if bar.label == "chorus" or bar.rhythm == "none":
        yield from (Note("pad", bar.beat, 3.9, pitch, 0.5) for pitch in bar.chord.tones(1))


def _melody(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Yield a sung line that begins off the beat, on tones of the chord and their upper neighbours."""
    at = float(rng.choice((0.0, 0.5, 0.5, 1.0)))
    while at < 3.5:
        length = float(rng.choice((0.5, 0.5, 1.0, 1.5)))
        pitch = bar.chord.tones(2)[int(rng.integers(3))] + int(rng.choice((0, 0, 0, 2)))
        yield Note("voice", bar.beat + at, length * 0.95, pitch, 0.85 if bar.label == "chorus" else 0.7)
        at += length + float(rng.choice((0.0, 0.0, 0.5)))


def _stop(bar: Bar, rng: np.random.Generator) -> Iterator[Note]:
    """Yield the whole band on 1, then the voice alone, and a bongo roll that leads to the next section."""
    if bar.index == 0:
        for offset in (0.0, 1.5) if bar.variant else (0.0,):
            yield from band_hit(bar.beat + offset, bar.chord, 0.6)
    yield Note("voice", bar.beat + 1.5, 2.0, bar.chord.tones(2)[int(rng.integers(3))], 0.7)
    if bar.last:
        yield from _drums("macho", bar, tuple((3 + x, 0.6 + 0.4 * x) for x in (0.0, 0.25, 0.5, 0.75)))


def band_hit(beat: float, chord: Chord, beats: float) -> Iterator[Note]:
    """Yield the whole band at the same time."""
    yield Note("hembra", beat, 0.3, 60, 1.0)
    yield Note("guira", beat, 0.4, 60, 0.9)
    yield Note("bass", beat, beats, chord.root, 1.0)
    yield from (Note("segunda", beat, beats, pitch, 0.85) for pitch in chord.tones(2))
