"""Results and confidence for songs that are hard to track, and for music that is not bachata."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agents.audio_analysis.analysis import analyze
from data.generators.music.arrangement import Piece, compose_song, song_truth
from data.generators.music.hard import hard_songs, write_hard_song
from data.generators.music.others import OTHERS, OtherPiece, write_other_piece
from schemas.audio_analyzed import AudioAnalysis
from tests.unit.audio_analysis.band import Song, beat_f, play, write

_LONG = hard_songs(77, 12)[
    10
]  # rubato before the percussion, 172 BPM, where many trackers find two thirds of the tempo
SPEC = replace(_LONG, form=(*_LONG.form[:5], _LONG.form[-1]))  # a minute: intro, verse, break, chorus, mambo and outro


@pytest.fixture(scope="module")
def hard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Piece, AudioAnalysis]:
    return compose_song(SPEC), analyze(write_hard_song(SPEC, tmp_path_factory.mktemp("hard")))


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> dict[str, AudioAnalysis]:
    """Return the analyses of music other than bachata, by name."""
    folder = tmp_path_factory.mktemp("others")
    return {other.name: analyze(write_other_piece(_shorter(other), folder)) for other in OTHERS}


def _shorter(other: OtherPiece) -> OtherPiece:
    """Return half of a piece whose confidence does not depend on its length; a drone is played twice as fast."""
    if other.name == "drone":
        return replace(other, tempo_bpm=2 * other.tempo_bpm)
    return replace(other, bars=other.bars // 2) if other.name.startswith("dembow") else other


def test_a_song_with_tempo_drift_and_loud_guitars_is_tracked(hard: tuple[Piece, AudioAnalysis]) -> None:
    piece, found = hard
    beats = piece.tempo.times[: piece.beats]
    assert beat_f(beats, np.array(found.beats)) > 0.97
    truth = song_truth(SPEC, piece)
    assert found.tempo_bpm == pytest.approx(truth["bpm_median"], rel=0.005)
    ones = beats[np.array(truth["count8"]) == 1]
    assert beat_f(ones, np.array(found.beats)[np.array(found.counts) == 1]) > 0.9


def test_bachata_has_more_confidence_than_other_music(
    hard: tuple[Piece, AudioAnalysis], analysis: AudioAnalysis, others: dict[str, AudioAnalysis]
) -> None:
    highest = max(other.confidence for other in others.values())
    assert highest < 0.6 < min(hard[1].confidence, analysis.confidence)
    assert others["drone"].confidence < 0.2


def test_a_waltz_has_sure_beats_and_unsure_bars(others: dict[str, AudioAnalysis]) -> None:
    waltz = next(other for other in OTHERS if other.name.startswith("waltz"))
    found = others[waltz.name]
    assert found.tempo_bpm == pytest.approx(waltz.tempo_bpm, rel=0.01)
    assert found.downbeat_confidence < 0.5 < found.beat_confidence
    assert "downbeats" in {doubt.about for doubt in found.doubts}


def test_doubts_are_where_confidence_is_low(hard: tuple[Piece, AudioAnalysis]) -> None:
    found = hard[1]
    doubted = [doubt for doubt in found.doubts if doubt.about == "beats"]
    for section in found.sections:
        inside = any(d.start_s <= section.start_s and section.end_s <= d.end_s for d in doubted)
        assert not inside or section.confidence < 0.5
        assert inside or section.confidence >= 0.25  # unsure downbeats halve it


def test_noise_is_unsure_from_start_to_end(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).standard_normal(15 * 44100).astype(np.float32) * np.float32(0.1)
    found = analyze(write(tmp_path / "noise.wav", noise, "pcm_s16le"))
    beats = [doubt for doubt in found.doubts if doubt.about == "beats"]
    assert (beats[0].start_s, beats[-1].end_s) == (0.0, found.duration_s)


def test_a_break_of_one_bar_between_parts_is_detected(tmp_path: Path) -> None:
    song = play((("derecho", 8), ("stop", 1), ("derecho", 8), ("stop", 1), ("majao", 8)), 132, seed=5)
    found = analyze(write(tmp_path / "song.wav", song.samples, "pcm_s16le"))
    ones = np.array(found.beats)[np.array(found.counts) == 1]
    assert beat_f(song.beats[song.counts == 1], ones) > 0.95
    assert [section.label for section in found.sections].count("break") == 2


def test_repeated_music_has_the_same_repeat_group(tmp_path: Path) -> None:
    parts = ("derecho", "majao", "derecho", "majao")
    song = play([(rhythm, 8) for rhythm in parts], 126, seed=6)
    sections = analyze(write(tmp_path / "song.wav", song.samples, "pcm_s16le")).sections
    long_sections = [section for section in sections if section.end_s - section.start_s > 8]
    assert [section.rhythm for section in long_sections] == list(parts)
    groups = {
        rhythm: {section.repeat_group for section in long_sections if section.rhythm == rhythm} for rhythm in parts
    }
    assert all(len(same) == 1 for same in groups.values())
    assert len(set.union(*groups.values())) == 2


@pytest.mark.parametrize("bpm", [95, 180])
def test_the_slowest_and_the_fastest_bachata_are_tracked(bpm: int, tmp_path: Path) -> None:
    song: Song = play((("none", 4), ("derecho", 8), ("stop", 2), ("majao", 8)), bpm, drift=0.03, seed=bpm)
    found = analyze(write(tmp_path / "song.wav", song.samples, "pcm_s16le"))
    assert beat_f(song.beats, np.array(found.beats)) > 0.97
    assert found.tempo_bpm == pytest.approx(60 / np.median(np.diff(song.beats)), rel=0.01)
