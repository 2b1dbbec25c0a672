"""Analyses of music whose beats, counts and parts are known to the sample."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from agents.audio_analysis.analysis import analyze
from schemas.audio_analyzed import AudioAnalysis
from tests.unit.audio_analysis.band import RATE, Song, beat_f, play, write

TWO_RHYTHMS = (("derecho", 8), ("majao", 8))


def ones(analysis: AudioAnalysis) -> np.ndarray:
    beats: np.ndarray = np.array(analysis.beats)[np.array(analysis.counts) == 1]
    return beats


def offsets_ms(song: Song, analysis: AudioAnalysis) -> np.ndarray:
    beats = np.array(analysis.beats)
    offsets: np.ndarray = 1000 * (beats[np.abs(song.beats[:, None] - beats).argmin(1)] - song.beats)
    return offsets


def analyzed(samples: np.ndarray, folder: Path) -> AudioAnalysis:
    return analyze(write(folder / "music.wav", samples, "pcm_s16le"))


def test_every_beat_is_detected_where_it_was_played(song: Song, analysis: AudioAnalysis) -> None:
    assert beat_f(song.beats, np.array(analysis.beats)) > 0.985
    assert np.abs(offsets_ms(song, analysis)).max() < 40
    assert abs(offsets_ms(song, analysis).mean()) < 5


def test_the_count_restarts_after_a_break_of_four_counts(song: Song, analysis: AudioAnalysis) -> None:
    truth = song.beats[song.counts == 1]
    assert beat_f(truth, ones(analysis)) > 0.96
    assert all(np.abs(ones(analysis) - one).min() < 0.07 for one in truth)


def test_downbeats_are_the_counts_one_and_five(analysis: AudioAnalysis) -> None:
    pairs = zip(analysis.beats, analysis.counts, strict=True)
    assert analysis.downbeats == tuple(beat for beat, count in pairs if count in {1, 5})


def test_sections_have_the_rhythm_and_label_of_what_is_played(song: Song, analysis: AudioAnalysis) -> None:
    middle = [(song.beats[a] + song.beats[b - 1]) / 2 for a, b in _spans(song)]
    found = [next(s for s in analysis.sections if s.start_s <= time < s.end_s) for time in middle]
    assert [s.rhythm for s in found] == ["none", "derecho", "none", "majao", "mambo", "none"]
    assert [s.label for s in found] == ["intro", "verse", "break", "chorus", "mambo", "outro"]


def test_sections_begin_where_the_rhythm_changes(song: Song, analysis: AudioAnalysis) -> None:
    starts = np.array([s.start_s for s in analysis.sections])
    assert all(np.abs(starts - song.beats[first]).min() < 0.07 for _, first in song.parts[1:])


def test_sections_cover_the_song_without_gaps(analysis: AudioAnalysis) -> None:
    sections = analysis.sections
    assert (sections[0].start_s, sections[-1].end_s) == (0.0, analysis.duration_s)
    assert all(a.end_s == b.start_s for a, b in pairwise(sections))


def test_energy_is_higher_where_more_instruments_play(song: Song, analysis: AudioAnalysis) -> None:
    energy, beats = np.array(analysis.energy), np.array(analysis.beats)
    intro, verse, pause, *_, mambo, _ = (
        energy[(beats > song.beats[a] - 0.1) & (beats < song.beats[b - 1] + 0.1)].mean() for a, b in _spans(song)
    )
    assert max(intro, pause) < 0.5 * verse
    assert verse < mambo


@pytest.mark.parametrize("bpm", [96, 111, 146, 174])
def test_tempo_is_correct_over_the_whole_range(bpm: int, tmp_path: Path) -> None:
    song = play(TWO_RHYTHMS, bpm, seed=bpm)
    found = analyzed(song.samples, tmp_path)
    assert found.tempo_bpm == pytest.approx(bpm, rel=0.004)
    assert beat_f(song.beats, np.array(found.beats)) > 0.98
    assert found.confidence > 0.8


@pytest.mark.parametrize(("start_s", "seconds"), [(10.1, 4.0), (9.35, 6.5), (27.0, 12.2)])
def test_beats_cover_a_clip_from_start_to_end(start_s: float, seconds: float, song: Song, tmp_path: Path) -> None:
    found = analyzed(song.excerpt(start_s, seconds), tmp_path)
    truth = song.beats[(song.beats >= start_s) & (song.beats < start_s + seconds)] - start_s
    beat_s = 60 / 128
    assert beat_f(truth, np.array(found.beats)) > 0.9
    assert found.beats[0] < beat_s
    assert seconds - 1.1 * beat_s < found.beats[-1] <= found.duration_s


@pytest.mark.parametrize("seconds", [4.0, 6.0, 9.0])
def test_beats_of_a_short_clip_are_on_the_strokes(seconds: float, song: Song, tmp_path: Path) -> None:
    start_s = float(song.beats[20]) - 0.2
    beats = np.array(analyzed(song.excerpt(start_s, seconds), tmp_path).beats)
    truth = song.beats[(song.beats >= start_s) & (song.beats < start_s + seconds)] - start_s
    assert abs(1000 * (beats[np.abs(truth[:, None] - beats).argmin(1)] - truth).mean()) < 6


def test_there_are_no_beats_in_the_silence_around_the_music(tmp_path: Path) -> None:
    song = play(TWO_RHYTHMS, 125, lead_s=3.0)
    found = analyzed(np.concatenate([song.samples, np.zeros(4 * RATE, np.float32)]), tmp_path)
    assert found.beats[0] == pytest.approx(3.0, abs=0.02)
    assert found.beats[-1] == pytest.approx(song.beats[-1] + 60 / 125, abs=0.05)


def test_beats_continue_through_a_silent_break(tmp_path: Path) -> None:
    song = play((("derecho", 4), ("stop", 2), ("derecho", 4)), 120)
    gaps = np.diff(analyzed(song.samples, tmp_path).beats)
    assert gaps.max() < 0.55
    assert gaps.min() > 0.45


def test_noise_has_low_confidence(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(20 * RATE).astype(np.float32) * np.float32(0.1)
    assert analyzed(noise, tmp_path).confidence < 0.15


def test_the_embedding_has_length_one_and_ignores_loudness(song: Song, analysis: AudioAnalysis, tmp_path: Path) -> None:
    quiet = analyzed(song.samples * np.float32(0.2), tmp_path)
    assert np.linalg.norm(analysis.embedding) == pytest.approx(1, abs=1e-5)
    assert np.dot(analysis.embedding, quiet.embedding) > 0.999


def test_excerpts_of_a_song_are_nearer_to_each_other_than_to_another_song(tmp_path: Path) -> None:
    derecho, mambo = play((("derecho", 16),), 118, seed=1), play((("mambo", 16),), 152, seed=2)
    early, late, other = (
        np.array(analyzed(music.excerpt(start_s, 9.0), tmp_path).embedding)
        for music, start_s in ((derecho, 1.0), (derecho, 14.0), (mambo, 5.0))
    )
    assert early @ late > 0.95
    assert early @ other < early @ late - 0.1


def test_the_same_file_gives_the_same_bytes(song_file: Path, analysis: AudioAnalysis) -> None:
    assert analyze(song_file).model_dump_json() == analysis.model_dump_json()


def test_progress_is_reported(song_file: Path) -> None:
    fractions: list[float] = []
    analyze(song_file, fractions.append)
    assert fractions == sorted(fractions)
    assert len(fractions) >= 2


def _spans(song: Song) -> list[tuple[int, int]]:
    firsts = [first for _, first in song.parts]
    return list(zip(firsts, [*firsts[1:], len(song.beats)], strict=True))


@pytest.mark.shared
@pytest.mark.parametrize("name", ["syn05_152", "syn06_124"])
def test_songs_of_another_band(name: str, shared: Path) -> None:
    import json

    truth = json.loads((shared / "songs" / f"{name}.json").read_text())
    beats, eight = np.array(truth["beats"]), np.array(truth["count8"])
    found = analyze(shared / "songs" / f"{name}.mp3")
    assert beat_f(beats, np.array(found.beats)) > 0.98
    assert beat_f(beats[eight == 1], ones(found)) > 0.92


@pytest.mark.shared
def test_clips_of_one_dance_have_one_tempo(shared: Path) -> None:
    """The clips are cut from one recording, and each is tracked separately."""
    folder = shared / "clips" / "Bachata_steps" / "body_roll"
    tempi = [analyze(path).tempo_bpm for path in sorted(folder.glob("*.mp4"))]
    assert max(tempi) - min(tempi) < 1.0
