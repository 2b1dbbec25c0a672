"""Analyze the music of an audio or video file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.accents import accents_of
from agents.audio_analysis.bars import bars_of
from agents.audio_analysis.beat_features import beat_features_of
from agents.audio_analysis.beat_grid import BeatGrid, beat_grid_of
from agents.audio_analysis.confidence import Confidence, confidence_of, doubts_of
from agents.audio_analysis.counts import counts_of
from agents.audio_analysis.decode import decode_mono
from agents.audio_analysis.embedding import embedding_of
from agents.audio_analysis.energy import energy_of, level_of
from agents.audio_analysis.form import Form, form_of
from agents.audio_analysis.music_likeness import MusicLikeness, music_likeness_of
from agents.audio_analysis.music_span import music_span
from agents.audio_analysis.onsets import Onsets, onsets_of
from agents.audio_analysis.pieces import piece_spans
from agents.audio_analysis.spectrum import FRAME_RATE, Spectrum, spectrum_of
from agents.blas import one_blas_thread
from agents.step import no_report
from schemas.audio_analyzed import AudioAnalysis, Section
from schemas.digits import distinct_text
from schemas.faults import Poison

MIN_DURATION_S = 2.0
_MIN_SOUND_S = 1.0  # in total, of frames that are not silent
_SILENCE_LOUDNESS = 0.01  # per frame; some 85 dB below full scale: above a 16 bit file's dither, below any music


def analyze(path: Path, report: Callable[[float], None] = no_report, track: int = 0) -> AudioAnalysis:
    """Return tempo, beats, counts, sections, energy and embedding of a song, or of the audio of a clip.

    `path`: a file of the kinds in `agents/media/formats.py`. Times are seconds from the container's start. `report`
    receives the completed fraction, 0-1. The same file always gives the same result.
    Raises: `Poison` (`not_found`, `not_media`, `no_audio`, `too_short`, `too_long`, `silence`).
    """
    return _analyzed(decode_mono(path, track), report)[0]


def analyze_music(
    path: Path, report: Callable[[float], None] = no_report, track: int = 0, *, finds_ends: bool = False
) -> AudioAnalysis:
    """Return the same as `analyze`. Raises: the same; `Poison` (`no_beats`) for speech and noise.

    `finds_ends`: analyze only the part from the beginning to the end of the music, as `music_span` finds them.
    """
    analysis, likeness = _analyzed(decode_mono(path, track), report, finds_ends=finds_ends)
    if likeness.is_speech_or_noise():
        raise Poison("its sound is speech or noise, without a beat that can be followed; give music", "no_beats")
    return analysis


def analyze_pieces(
    path: Path, report: Callable[[float], None] = no_report, track: int = 0
) -> tuple[AudioAnalysis, ...]:
    """Return the analysis of each piece of music in a recording, in order, without the talk and the quiet between.

    Times are as for `analyze`: `music_start_s` and `music_end_s` are a piece's ends. Raises: as `analyze`.
    """
    with one_blas_thread():
        recording = spectrum_of(decode_mono(path, track))
        _check(recording)
        report(0.5)
        spans = piece_spans(onsets_of(recording), recording)
        pieces = []
        for number, (first, end) in enumerate(spans):
            pieces += _piece(recording, first, end)
            report(0.5 + 0.5 * (number + 1) / len(spans))
    return tuple(pieces)


def _piece(recording: Spectrum, first: int, end: int) -> list[AudioAnalysis]:
    """Return the analysis of a part of a recording; none of one without a beat, and of speech or noise."""
    part = recording.part(first, end)
    music = _Music(first, part, onsets_of(part))
    grid = beat_grid_of(music.onsets, part)
    if grid is None:
        return []
    analysis = _analysis(music, grid, recording.duration_s)
    return [] if music_likeness_of(part, analysis.beat_confidence).is_speech_or_noise() else [analysis]


def music_score(blocks: Iterable[Floats]) -> float:
    """Return how much a recording sounds like music, 0-1: as `MusicLikeness.score`; -1 for what cannot be analyzed."""
    try:
        return _analyzed(blocks, no_report)[1].score()
    except Poison:
        return -1.0


def _analyzed(
    blocks: Iterable[Floats], report: Callable[[float], None], *, finds_ends: bool = False
) -> tuple[AudioAnalysis, MusicLikeness]:
    with one_blas_thread():
        return _analysis_and_likeness(blocks, report, finds_ends)


def _analysis_and_likeness(
    blocks: Iterable[Floats], report: Callable[[float], None], finds_ends: bool
) -> tuple[AudioAnalysis, MusicLikeness]:
    recording = spectrum_of(blocks)
    _check(recording)
    report(0.7)
    music = _music_of(recording) if finds_ends else _Music(0, recording, onsets_of(recording))
    grid = beat_grid_of(music.onsets, music.spectrum)
    if grid is None:
        raise Poison("it contains fewer than four beats of music; use a longer piece", "too_short")
    report(0.9)
    analysis = _analysis(music, grid, recording.duration_s)
    return analysis, music_likeness_of(music.spectrum, analysis.beat_confidence)


@dataclass(frozen=True)
class _Music:
    """The part of a recording that is analyzed, from the frame `first` on."""

    first: int
    spectrum: Spectrum
    onsets: Onsets

    def edges_s(self, duration_s: float) -> tuple[float, float | None]:
        """Return the seconds in the recording at which it begins, and ends unless that is at the recording's end."""
        end_s = (self.first + len(self.spectrum.mel)) / FRAME_RATE
        return round(self.first / FRAME_RATE, 4), round(end_s, 4) if end_s < duration_s else None


def _music_of(recording: Spectrum) -> _Music:
    onsets = onsets_of(recording)
    first, end = music_span(onsets, recording)
    if end - first == len(recording.mel):
        return _Music(0, recording, onsets)
    part = recording.part(first, end)
    return _Music(first, part, onsets_of(part))


def _check(spectrum: Spectrum) -> None:
    if spectrum.duration_s < MIN_DURATION_S:
        found = distinct_text(spectrum.duration_s, MIN_DURATION_S)
        raise Poison(
            f"only {found} s of audio can be decoded; use a file of at least {MIN_DURATION_S:.0f} s",
            "too_short",
        )
    if (spectrum.loudness() > _SILENCE_LOUDNESS).sum() < _MIN_SOUND_S * FRAME_RATE:
        raise Poison("the audio is silent, or nearly; use a file with music", "silence")


def _analysis(music: _Music, grid: BeatGrid, duration_s: float) -> AudioAnalysis:
    spectrum, onsets = music.spectrum, music.onsets
    start_s, end_s = music.edges_s(duration_s)
    features = beat_features_of(grid.frames, onsets, spectrum)
    bars = bars_of(grid.frames, grid.meter.bar_positions, features, spectrum)
    form = form_of(bars, len(grid.frames))
    counts = counts_of(len(grid.frames), bars.first_beats, form.starts)
    seconds = _rounded(start_s + grid.seconds(), 4)
    energy = energy_of(features)
    confidence = confidence_of(grid, onsets, features, bars, form)
    edges_s = [0.0, *(seconds[edge] for edge in form.edges[1:-1]), round(duration_s, 4)]
    sections = _sections(form, edges_s, energy, confidence)
    return AudioAnalysis(
        duration_s=edges_s[-1],
        music_start_s=start_s,
        music_end_s=end_s,
        tempo_bpm=round(grid.tempo_bpm(), 3),
        beats=seconds,
        counts=tuple(counts.tolist()),
        downbeats=tuple(s for s, count in zip(seconds, counts, strict=True) if count in (1, 5)),
        sections=sections,
        energy=_rounded(energy, 4),
        energy_level=level_of(energy, grid.tempo_bpm()),
        **_confidences(confidence, form),
        doubts=doubts_of(confidence, sections),
        accents=accents_of(grid.frames, seconds, counts.tolist(), sections, spectrum),
        embedding=_rounded(embedding_of(spectrum, onsets, features, grid.tempo_bpm()), 7),
    )


def _sections(form: Form, edges_s: list[float], energy: Floats, confidence: Confidence) -> tuple[Section, ...]:
    """Return the sections, without gaps from 0 to the end."""
    of_section = confidence.of_sections()
    return tuple(
        Section(
            start_s=edges_s[n],
            end_s=edges_s[n + 1],
            label=form.labels[n],
            rhythm=form.rhythms[n],
            repeat_group=form.repeat_groups[n],
            energy=round(float(energy[first:last].mean()), 4),
            confidence=round(float(of_section[n]), 4),
        )
        for n, (first, last) in enumerate(form.spans())
    )


def _confidences(confidence: Confidence, form: Form) -> dict[str, Any]:
    """Return the whole song's confidences: the mean over its beats, all with equal weight."""
    kinds = {
        "confidence": confidence.of_sections(),
        "beat_confidence": confidence.beats,
        "downbeat_confidence": confidence.downbeats,
        "count_confidence": confidence.counts,
    }
    return {name: round(float(np.average(values, weights=np.diff(form.edges))), 4) for name, values in kinds.items()}


def _rounded(values: Floats, digits: int) -> tuple[float, ...]:
    """Return Python floats, rounded so that machines whose last bits differ give the same values."""
    rounded: list[Any] = np.round(values.astype(float), digits).tolist()
    return tuple(rounded)
