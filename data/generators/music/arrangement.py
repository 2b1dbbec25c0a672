"""A form comes in; a piece comes out: its notes, its tempo map and the exact truth about both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from data.generators.music.hardness import EASY, Hardness
from data.generators.music.patterns import Bar, play, strike
from data.generators.music.score import (
    BEATS_A_BAR,
    BEATS_AN_EIGHT,
    Chord,
    Note,
    Rhythm,
    TempoMap,
    bent,
    drifting,
    steady,
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
    """A stretch of bars in which one thing happens. A chord lasts `bars_a_chord` bars."""

    label: str
    rhythm: Rhythm
    bars: int
    bars_a_chord: int = 1


@dataclass(frozen=True)
class SongSpec:
    """What a song is to be. `lead_s` of silence come before the first beat; `drift` is a share of the tempo."""

    name: str
    tempo_bpm: float
    form: tuple[Section, ...]
    seed: int
    lead_s: float
    drift: float = 0.0
    hardness: Hardness = EASY

    @property
    def beats(self) -> int:
        """All beats of the form."""
        return BEATS_A_BAR * sum(section.bars for section in self.form)


@dataclass(frozen=True)
class Piece:
    """Notes and the tempo map they are played by; `beats` of them belong to the form."""

    notes: tuple[Note, ...]
    tempo: TempoMap
    beats: int


def compose_song(spec: SongSpec) -> Piece:
    """The notes of a song, with a last chord on the beat after its form."""
    rng = np.random.default_rng([spec.seed, 1])
    key = int(rng.integers(8))
    tempo = _tempo(spec, rng)
    notes = [note for bar in _bars(spec, key, rng) for note in play(bar, rng)]
    notes += strike(spec.beats, Chord(_LOWEST_BASS + key, minor=True), 2.5)
    return Piece(tuple(notes), tempo, spec.beats)


def _tempo(spec: SongSpec, rng: np.random.Generator) -> TempoMap:
    tempo = drifting(spec.tempo_bpm, spec.beats, spec.lead_s, spec.drift, rng)
    if not spec.hardness.rubato and not spec.hardness.ritardando:
        return tempo
    return bent(tempo, spec.hardness.bend(BEATS_A_BAR * spec.form[0].bars, rng))


def compose_loop(tempo_bpm: float, beats: int, lead_in_s: float, seed: int) -> Piece:
    """A derecho without voice, in eights that begin on `lead_in_s`; music sounds before that too."""
    rng = np.random.default_rng([seed, 2])
    tempo = steady(tempo_bpm, beats, lead_in_s)
    before = int(np.ceil(lead_in_s * tempo_bpm / 60.0 / BEATS_AN_EIGHT))
    eights = before + int(np.ceil(beats / BEATS_AN_EIGHT))
    section = Section("loop", "derecho", bars=2 * eights, bars_a_chord=2)
    bars = _section_bars(section, -before * BEATS_AN_EIGHT, int(rng.integers(8)), before, rng)
    return Piece(tuple(note for bar in bars for note in play(bar, rng)), tempo, beats)


def _bars(spec: SongSpec, key: int, rng: np.random.Generator) -> Iterator[Bar]:
    beat = 0
    for section in spec.form:
        for bar in _section_bars(section, beat, key, 0, rng):
            yield replace(bar, hardness=spec.hardness)
        beat += BEATS_A_BAR * section.bars


def _section_bars(section: Section, beat: int, key: int, skew: int, rng: np.random.Generator) -> Iterator[Bar]:
    """The bars of a section; its progression begins anew `skew` chords in, so that it starts on the tonic there."""
    progression = _progression(section.label)
    variant = int(rng.integers(2))
    motif = tuple(float(x) for x in rng.random(8))
    for index in range(section.bars):
        offset, minor = progression[(index // section.bars_a_chord - skew) % len(progression)]
        chord = Chord(_LOWEST_BASS + key + offset - (12 if offset > 6 else 0), minor)
        last = index == section.bars - 1 or (section.label == "loop" and index % 4 == 3)
        yield Bar(beat + BEATS_A_BAR * index, section.rhythm, section.label, chord, index, last, variant, motif)


def _progression(label: str) -> tuple[tuple[int, bool], ...]:
    """Each kind of section has its own, so that a chorus is known again when it comes back."""
    order = {"intro": 0, "verse": 1, "chorus": 3, "mambo": 0, "break": 2, "outro": 0, "loop": 0}
    return _PROGRESSIONS[order[label]]


def counts_of_eight(form: tuple[Section, ...]) -> list[int]:
    """The count 1-8 of each beat. Every section begins on 1, also after a break of one bar."""
    return [beat % BEATS_AN_EIGHT + 1 for section in form for beat in range(BEATS_A_BAR * section.bars)]


def song_truth(spec: SongSpec, piece: Piece) -> dict[str, object]:
    """What is exactly so: beats (seconds), beat in bar 1-4, count 1-8, and sections with rhythm and energy 0-4."""
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
        "beat_in_bar": [beat % BEATS_A_BAR + 1 for beat in range(spec.beats)],
        "count8": counts_of_eight(spec.form),
        "sections": list(_section_truth(spec, piece)),
    }


def _section_truth(spec: SongSpec, piece: Piece) -> Iterator[dict[str, object]]:
    beat = 0
    for section in spec.form:
        end = beat + BEATS_A_BAR * section.bars
        yield {
            "start": round(piece.tempo.at(beat), 4),
            "end": round(piece.tempo.at(end), 4),
            "label": section.label,
            "rhythm": section.rhythm,
            "energy": ENERGY[section.rhythm],
        }
        beat = end
