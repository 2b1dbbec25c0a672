"""Compose songs and loops: turn a form into notes, a tempo map and the exact ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from data.generators.music.hardness import EASY, Hardness
from data.generators.music.patterns import Bar, band_hit, play
from data.generators.music.score import (
    BEATS_PER_BAR,
    BEATS_PER_EIGHT,
    Chord,
    Note,
    Rhythm,
    TempoMap,
    drifting,
    steady,
    with_tempo_changes,
)

ENERGY: dict[Rhythm, int] = {"stop": 0, "none": 1, "derecho": 2, "majao": 3, "mambo": 4}
_LOWEST_BASS = 33  # A1
_PROGRESSIONS: tuple[tuple[tuple[int, bool], ...], ...] = (
    ((0, True), (10, False), (8, False), (7, False)),
    ((0, True), (8, False), (3, False), (10, False)),
    ((0, True), (5, True), (10, False), (3, False)),
    ((8, False), (10, False), (0, True), (0, True)),
)


@dataclass(frozen=True)
class Section:
    """A part of a song with one rhythm and one texture; each chord lasts `bars_per_chord` bars."""

    label: str
    rhythm: Rhythm
    bars: int
    bars_per_chord: int = 1


@dataclass(frozen=True)
class SongSpec:
    """The description of a song: `lead_s` seconds of silence before the first beat, `drift` a fraction of the tempo."""

    name: str
    tempo_bpm: float
    form: tuple[Section, ...]
    seed: int
    lead_s: float
    drift: float = 0.0
    hardness: Hardness = EASY

    @property
    def beats(self) -> int:
        """Return the number of beats of the whole form."""
        return BEATS_PER_BAR * sum(section.bars for section in self.form)


@dataclass(frozen=True)
class Piece:
    """Notes with their tempo map; the first `beats` beats belong to the form."""

    notes: tuple[Note, ...]
    tempo: TempoMap
    beats: int


def compose_song(spec: SongSpec) -> Piece:
    """Return the notes of a song, with a final chord on the beat after its form."""
    rng = np.random.default_rng([spec.seed, 1])
    key = int(rng.integers(8))
    tempo = _tempo(spec, rng)
    notes = [note for bar in _bars(spec, key, rng) for note in play(bar, rng)]
    notes += band_hit(spec.beats, Chord(_LOWEST_BASS + key, minor=True), 2.5)
    return Piece(tuple(notes), tempo, spec.beats)


def _tempo(spec: SongSpec, rng: np.random.Generator) -> TempoMap:
    tempo = drifting(spec.tempo_bpm, spec.beats, spec.lead_s, spec.drift, rng)
    if not spec.hardness.rubato and not spec.hardness.ritardando:
        return tempo
    return with_tempo_changes(tempo, spec.hardness.bend(BEATS_PER_BAR * spec.form[0].bars, rng))


def compose_loop(tempo_bpm: float, beats: int, lead_in_s: float, seed: int) -> Piece:
    """Return a derecho without voice, in eights that begin at `lead_in_s`; music sounds before that too."""
    rng = np.random.default_rng([seed, 2])
    tempo = steady(tempo_bpm, beats, lead_in_s)
    before = int(np.ceil(lead_in_s * tempo_bpm / 60.0 / BEATS_PER_EIGHT))
    eights = before + int(np.ceil(beats / BEATS_PER_EIGHT))
    section = Section("loop", "derecho", bars=2 * eights, bars_per_chord=2)
    bars = _section_bars(section, -before * BEATS_PER_EIGHT, int(rng.integers(8)), before, rng)
    return Piece(tuple(note for bar in bars for note in play(bar, rng)), tempo, beats)


def _bars(spec: SongSpec, key: int, rng: np.random.Generator) -> Iterator[Bar]:
    beat = 0
    for section in spec.form:
        for bar in _section_bars(section, beat, key, 0, rng):
            yield replace(bar, hardness=spec.hardness)
        beat += BEATS_PER_BAR * section.bars


def _section_bars(section: Section, beat: int, key: int, tonic_offset: int, rng: np.random.Generator) -> Iterator[Bar]:
    """Yield the bars of a section; its chord progression is on the tonic at chord number `tonic_offset`."""
    progression = _progression(section.label)
    variant = int(rng.integers(2))
    motif = tuple(float(x) for x in rng.random(8))
    for index in range(section.bars):
        offset, minor = progression[(index // section.bars_per_chord - tonic_offset) % len(progression)]
        chord = Chord(_LOWEST_BASS + key + offset - (12 if offset > 6 else 0), minor)
        last = index == section.bars - 1 or (section.label == "loop" and index % 4 == 3)
        yield Bar(beat + BEATS_PER_BAR * index, section.rhythm, section.label, chord, index, last, variant, motif)


def _progression(label: str) -> tuple[tuple[int, bool], ...]:
    """Return the chord progression of a kind of section; all choruses share one, so that a chorus can be recognized."""
    order = {"intro": 0, "verse": 1, "chorus": 3, "mambo": 0, "break": 2, "outro": 0, "loop": 0}
    return _PROGRESSIONS[order[label]]


def counts_of_eight(form: tuple[Section, ...]) -> list[int]:
    """Return the count 1-8 of each beat; every section begins on 1, also after a break of one bar."""
    return [beat % BEATS_PER_EIGHT + 1 for section in form for beat in range(BEATS_PER_BAR * section.bars)]


def song_truth(spec: SongSpec, piece: Piece) -> dict[str, object]:
    """Return the ground truth: beats (seconds), beat in bar 1-4, count 1-8, and sections with rhythm and energy 0-4."""
    times = piece.tempo.times
    steps = np.diff(times)
    return {
        "id": spec.name,
        "seed": spec.seed,
        "bpm_nominal": spec.tempo_bpm,
        "bpm_median": round(float(60 / np.median(steps)), 3),
        "bpm_min": round(float(60 / steps.max()), 2),
        "bpm_max": round(float(60 / steps.min()), 2),
        "beats": [round(float(t), 4) for t in times[: spec.beats]],
        "beat_in_bar": [beat % BEATS_PER_BAR + 1 for beat in range(spec.beats)],
        "count8": counts_of_eight(spec.form),
        "sections": list(_section_truth(spec, piece)),
    }


def _section_truth(spec: SongSpec, piece: Piece) -> Iterator[dict[str, object]]:
    beat = 0
    for section in spec.form:
        end = beat + BEATS_PER_BAR * section.bars
        yield {
            "start": round(piece.tempo.at(beat), 4),
            "end": round(piece.tempo.at(end), 4),
            "label": section.label,
            "rhythm": section.rhythm,
            "energy": ENERGY[section.rhythm],
        }
        beat = end
