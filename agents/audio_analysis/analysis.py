"""An audio or video file goes in; the analysis of its music comes out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from agents.arrays import Floats
from agents.audio_analysis.bars import bars_of
from agents.audio_analysis.beat_features import beat_features_of
from agents.audio_analysis.beat_grid import BeatGrid, beat_grid_of
from agents.audio_analysis.confidence import Confidence, confidence_of, doubts_of
from agents.audio_analysis.counts import counts_of
from agents.audio_analysis.decode import sound
from agents.audio_analysis.embedding import embedding_of
from agents.audio_analysis.energy import energy_of, level_of
from agents.audio_analysis.form import Form, form_of
from agents.audio_analysis.onsets import Onsets, onsets_of
from agents.audio_analysis.spectrum import FRAME_RATE, Spectrum, spectrum_of
from schemas.audio_analyzed import AudioAnalysis, Section
from schemas.faults import Poison

SHORTEST_S = 2.0
_SILENT = 0.01  # a frame's loudness some 85 dB below full scale: above a 16 bit file's dither, below any music
_LEAST_SOUND_S = 1.0


def _unheard(fraction: float) -> None:
    del fraction


def analyze(path: Path, report: Callable[[float], None] = _unheard) -> AudioAnalysis:
    """Tempo, beats, counts, sections, energy and embedding of a song, or of the sound of a clip.

    Reads what FFmpeg reads of mp3, m4a, flac, ogg, wav, mp4, mov, mkv and webm. Times are seconds
    from the container's start. `report` takes the finished fraction. The same file gives the same result.
    Raises `Poison`: `not_found`, `not_media`, `no_audio`, `too_short`, `too_long`, `silence`.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1, user_api="blas"):  # its threads cost twice the work they do on matrices this small
        return _analyze(path, report)


def _analyze(path: Path, report: Callable[[float], None]) -> AudioAnalysis:
    spectrum = spectrum_of(sound(path))
    _check(spectrum)
    report(0.7)
    onsets = onsets_of(spectrum)
    grid = beat_grid_of(onsets, spectrum)
    if grid is None:
        raise Poison("it holds fewer than four beats of music; give a longer piece", "too_short")
    report(0.9)
    return _analysis(spectrum, onsets, grid)


def _check(spectrum: Spectrum) -> None:
    if spectrum.duration_s < SHORTEST_S:
        heard = f"{spectrum.duration_s:.1f} s of sound"
        raise Poison(f"only {heard} can be decoded; give {SHORTEST_S:.0f} s at least", "too_short")
    if (spectrum.loudness() > _SILENT).sum() < _LEAST_SOUND_S * FRAME_RATE:
        raise Poison("it is silent, or nearly; give a piece of music", "silence")


def _analysis(spectrum: Spectrum, onsets: Onsets, grid: BeatGrid) -> AudioAnalysis:
    features = beat_features_of(grid.frames, onsets, spectrum)
    bars = bars_of(grid.frames, grid.meter.place, features, spectrum)
    form = form_of(bars, len(grid.frames))
    counts = counts_of(len(grid.frames), bars.first, form.starts)
    seconds = _rounded(grid.seconds(), 4)
    energy = energy_of(features)
    trust = confidence_of(grid, onsets, features, bars, form)
    edges_s = [0.0, *(seconds[edge] for edge in form.edges[1:-1]), round(spectrum.duration_s, 4)]
    sections = _sections(form, edges_s, energy, trust)
    return AudioAnalysis(
        duration_s=edges_s[-1],
        tempo_bpm=round(grid.tempo_bpm(), 3),
        beats=seconds,
        counts=tuple(counts.tolist()),
        downbeats=tuple(s for s, count in zip(seconds, counts, strict=True) if count in (1, 5)),
        sections=sections,
        energy=_rounded(energy, 4),
        energy_level=level_of(energy, grid.tempo_bpm()),
        **_confidences(trust, form),
        doubts=doubts_of(trust, sections),
        embedding=_rounded(embedding_of(spectrum, onsets, features, grid.tempo_bpm()), 7),
    )


def _sections(form: Form, edges_s: list[float], energy: Floats, trust: Confidence) -> tuple[Section, ...]:
    """Without gaps from 0 to the end."""
    confidence = trust.of_sections()
    return tuple(
        Section(
            start_s=edges_s[n],
            end_s=edges_s[n + 1],
            label=form.labels[n],
            rhythm=form.rhythms[n],
            repeat_group=form.repeat_groups[n],
            energy=round(float(energy[first:last].mean()), 4),
            confidence=round(float(confidence[n]), 4),
        )
        for n, (first, last) in enumerate(form.spans())
    )


def _confidences(trust: Confidence, form: Form) -> dict[str, Any]:
    """Each kind over the whole song, every beat counting alike."""
    kinds = {
        "confidence": trust.of_sections(),
        "beat_confidence": trust.beats,
        "downbeat_confidence": trust.downbeats,
        "count_confidence": trust.counts,
    }
    return {name: round(float(np.average(values, weights=np.diff(form.edges))), 4) for name, values in kinds.items()}


def _rounded(values: Floats, digits: int) -> tuple[float, ...]:
    """Python floats, rounded so that they are the same on machines whose last bits differ."""
    rounded: list[Any] = np.round(values.astype(float), digits).tolist()
    return tuple(rounded)
