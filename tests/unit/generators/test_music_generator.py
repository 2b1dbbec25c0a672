"""Test that the ground truth of the synthetic bachata matches its sound."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.generators.music.arrangement import Section, SongSpec, compose_loop, compose_song, song_truth
from data.generators.music.encoding import write_mp3, write_wav
from data.generators.music.loop import make_loop
from data.generators.music.mixing import mix
from data.generators.music.score import drifting
from data.generators.music.songs import SONGS

RATE = 44_100


@pytest.fixture(scope="module")
def loop() -> tuple[np.ndarray, dict[str, object]]:
    return make_loop(126, 20, 0.5, 3)


def test_a_loop_begins_on_a_one_at_its_lead_in(loop: tuple[np.ndarray, dict[str, object]]) -> None:
    samples, truth = loop
    assert truth["tempo_bpm"] == 126
    assert truth["beats"] == [round(0.5 + k * 60 / 126, 4) for k in range(20)]
    assert truth["counts"] == [k % 8 + 1 for k in range(20)]
    assert samples.shape == (round((0.5 + 20 * 60 / 126) * RATE), 2)


def test_a_loop_is_never_silent(loop: tuple[np.ndarray, dict[str, object]]) -> None:
    samples, _ = loop
    parts = np.array_split(samples, round(len(samples) / RATE / 0.25))
    assert min(np.sqrt(np.mean(part**2)) for part in parts) > 0.02
    assert 0.5 < np.abs(samples).max() < 0.8


def test_the_same_loop_is_byte_identical(tmp_path: Path, loop: tuple[np.ndarray, dict[str, object]]) -> None:
    write_wav(tmp_path / "a.wav", loop[0])
    write_wav(tmp_path / "b.wav", make_loop(126, 20, 0.5, 3)[0])
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert (file.getframerate(), file.getnchannels(), file.getnframes()) == (RATE, 2, len(loop[0]))


def test_another_seed_is_another_loop(loop: tuple[np.ndarray, dict[str, object]]) -> None:
    assert not np.array_equal(make_loop(126, 20, 0.5, 4)[0], loop[0])


def test_onsets_are_on_the_beats(loop: tuple[np.ndarray, dict[str, object]]) -> None:
    """Compare the rise of loudness at the beats with that a quarter of a beat later."""
    samples, truth = loop
    loudness = np.sqrt(np.mean(samples.mean(axis=1)[: len(samples) // 441 * 441].reshape(-1, 441) ** 2, axis=1))
    rise = np.maximum(np.diff(loudness), 0)
    beats = np.array(truth["beats"])

    def around(times: np.ndarray) -> float:
        return float(
            np.mean([rise[max(0, round(t * 100) - 3) : round(t * 100) + 3].max() for t in times if t * 100 < len(rise)])
        )

    assert around(beats) > 2 * around(beats + 0.25 * 60 / 126)


def test_the_low_drum_is_on_four_and_eight() -> None:
    piece = compose_loop(126, 32, 0.5, 3)
    low = {note.beat % 4 for note in piece.notes if note.part == "hembra" and note.velocity == 1.0}
    assert low == {3.0}


def test_an_mp3_preserves_the_timing(tmp_path: Path, loop: tuple[np.ndarray, dict[str, object]]) -> None:
    import soundfile

    write_mp3(tmp_path / "a.mp3", loop[0], 96)
    write_mp3(tmp_path / "b.mp3", loop[0], 96)
    assert (tmp_path / "a.mp3").read_bytes() == (tmp_path / "b.mp3").read_bytes()
    decoded, rate = soundfile.read(tmp_path / "a.mp3")
    assert (rate, len(decoded)) == (RATE, len(loop[0]))
    ours, theirs = loop[0].mean(axis=1), decoded.mean(axis=1)
    lags = np.fft.irfft(np.fft.rfft(theirs) * np.conj(np.fft.rfft(ours)))
    assert min(int(lags.argmax()), len(lags) - int(lags.argmax())) <= 2


@given(
    tempo=st.floats(90, 180),
    drift=st.floats(0, 0.03),
    bars=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=25, deadline=None)
def test_the_ground_truth_of_any_song_is_consistent(tempo: float, drift: float, bars: list[int], seed: int) -> None:
    form = tuple(Section("verse", "derecho", count) for count in bars)
    spec = SongSpec("any", tempo, form, seed, lead_s=0.3, drift=drift)
    piece = compose_song(spec)
    truth: dict[str, list] = song_truth(spec, piece)  # type: ignore[assignment, type-arg]
    assert len(truth["beats"]) == len(truth["count8"]) == len(truth["beat_in_bar"]) == spec.beats
    steps = 60 / np.diff(piece.tempo.times)
    assert np.all(np.abs(steps / tempo - 1) <= drift + 1e-9)
    for before, after in zip(truth["sections"], truth["sections"][1:], strict=False):
        assert before["end"] == after["start"]
    for section in truth["sections"]:
        assert truth["count8"][truth["beats"].index(section["start"])] == 1
    assert all((count - 1) % 4 + 1 == bar for count, bar in zip(truth["count8"], truth["beat_in_bar"], strict=True))


def test_the_demo_songs_have_every_kind_of_section_and_one_drifts() -> None:
    for song in SONGS:
        assert {"intro", "verse", "chorus", "mambo", "outro"} <= {section.label for section in song.form}
        assert 60 < song.beats * 60 / song.tempo_bpm < 90
    assert any(song.drift for song in SONGS)
    assert any(section.rhythm == "stop" for song in SONGS for section in song.form)


def test_notes_outside_the_piece_are_cut() -> None:
    piece = compose_loop(120, 4, 0.0, 1)
    assert mix(piece, 0.5, 1).shape == (RATE // 2, 2)


def test_a_steady_tempo_has_no_drift() -> None:
    times = drifting(120, 8, 1.0, 0.0, np.random.default_rng(0)).times
    assert times == pytest.approx(1.0 + 0.5 * np.arange(9))
