"""Test that the ground truth of hard songs and of pieces that are not bachata matches their sound."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.generators.music.arrangement import Piece, Section, SongSpec, compose_song, song_truth
from data.generators.music.hard import hard_songs, write_hard_song
from data.generators.music.hardness import EASY, Hardness
from data.generators.music.mixing import mix, track
from data.generators.music.others import OTHERS, write_other_piece
from data.generators.music.songs import SONGS
from tests.paths import DEMO

RATE = 44_100
PERCUSSION = {"macho", "hembra", "guira", "bell", "kick"}
FREE = Section("intro", "none", 4)
DERECHO = Section("verse", "derecho", 4)
HARD = replace(hard_songs(5, 3)[1].hardness, rubato=0.05, ritardando=0.04, lofi=False)


def song(*form: Section, hardness: Hardness = HARD, drift: float = 0.0) -> SongSpec:
    return SongSpec("any", 120, form, seed=4, lead_s=0.5, drift=drift, hardness=hardness)


def beats_of(piece: Piece, part: str) -> list[float]:
    return [note.beat for note in piece.notes if note.part == part and note.beat < piece.beats]


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        ("luna_124", "4e6bb3c8227f50c2a49588ba3879477692af6501ce6330499b418b3bfc3ff95e"),
        ("orilla_132", "8fc979a302f1350104e2f42b4a101e3f1298c9a216c863c012f44e1f93233343"),
    ],
)
def test_hard_songs_leave_the_demo_songs_unchanged(name: str, notes: str) -> None:
    spec = next(spec for spec in SONGS if spec.name == name)
    piece = compose_song(spec)
    stored = json.loads((DEMO / "songs" / f"{name}.json").read_text())
    assert {**stored, **song_truth(spec, piece)} == stored
    assert hashlib.sha256(repr(piece.notes).encode()).hexdigest() == notes


def test_the_percussion_begins_with_its_section_in_the_ground_truth() -> None:
    spec = song(FREE, DERECHO)
    piece = compose_song(spec)
    drums = replace(piece, notes=tuple(note for note in piece.notes if note.part in PERCUSSION))
    level = np.abs(mix(drums, 12.0, spec.seed, spec.hardness)).max(axis=1)
    section_start_s = song_truth(spec, piece)["sections"][1]["start"]  # type: ignore[index]
    assert np.flatnonzero(level > 0.05)[0] / RATE == pytest.approx(section_start_s, abs=3 * spec.hardness.jitter_s)


def test_the_intro_has_rubato_and_ritardando_and_the_verse_has_not() -> None:
    tempo = 60 / np.diff(compose_song(song(FREE, DERECHO)).tempo.times) / 120
    assert 0.07 < np.ptp(tempo[:10]) <= 0.10 + 1e-9
    assert tempo[16:] == pytest.approx(1.0)
    rubato_only = replace(HARD, ritardando=0.0)
    unhurried = 60 / np.diff(compose_song(song(FREE, DERECHO, hardness=rubato_only)).tempo.times) / 120
    assert (unhurried - tempo)[:16] == pytest.approx([0.0] * 10 + [0.04 * n / 6 for n in range(1, 7)])


def test_the_parts_have_the_levels_of_the_hardness() -> None:
    piece = compose_song(song(DERECHO, hardness=EASY))
    for part, decibel in (("macho", -6.6), ("guira", -6.6), ("voice", 5.6), ("bass", -2.5), ("requinto", 1.9)):
        easy, hard = (
            float(np.sqrt(np.mean(track(piece, part, 8 * RATE, 1, hardness) ** 2)))  # type: ignore[arg-type]
            for hardness in (EASY, replace(HARD, jitter_s=0.004, voice_jitter_s=0.004))
        )
        assert 20 * np.log10(hard / easy) == pytest.approx(decibel, abs=0.4)


def test_players_deviate_by_the_jitter_of_the_hardness() -> None:
    sharp, loose = (
        track(compose_song(song(DERECHO, hardness=EASY)), "macho", 8 * RATE, 1, replace(EASY, jitter_s=jitter))
        for jitter in (0.0, 0.015)
    )
    late = (np.flatnonzero(np.abs(part) > 0.2)[0] / RATE - 0.5 for part in (sharp, loose))
    assert next(late) == pytest.approx(0.0, abs=0.003)
    assert 0.001 < abs(next(late)) < 0.05


def test_guitars_anticipate_and_omit_notes() -> None:
    easy, hard = (compose_song(song(FREE, FREE, hardness=hardness)) for hardness in (EASY, HARD))
    assert len(beats_of(hard, "segunda")) < 0.7 * len(beats_of(easy, "segunda"))
    ahead = [beat for beat in beats_of(hard, "requinto") if beat % 0.5 == 0.25]
    assert 0.15 < len(ahead) / len(beats_of(hard, "requinto")) < 0.55
    assert not [beat for beat in beats_of(easy, "requinto") if beat % 0.5]


def test_each_band_has_its_own_patterns() -> None:
    street, modern = (
        compose_song(song(DERECHO, hardness=Hardness(patterns=patterns))) for patterns in ("street", "modern")
    )
    assert [beat for beat in beats_of(street, "hembra") if beat % 4 == 3] == [3, 11]
    assert {beat % 4 for beat in beats_of(modern, "kick")} == {0, 2}
    assert not beats_of(street, "kick")


def test_an_old_recording_has_one_channel_and_no_treble() -> None:
    spec = song(DERECHO, hardness=replace(HARD, lofi=True))
    samples = mix(compose_song(spec), 4.0, spec.seed, spec.hardness)
    assert samples.shape == (4 * RATE, 1)
    power = np.abs(np.fft.rfft(samples[:, 0])) ** 2
    assert power[4 * 15_000 :].sum() < 1e-2 * power.sum()


def test_the_same_hard_song_is_byte_identical(tmp_path: Path) -> None:
    spec = replace(hard_songs(5, 12)[4], form=(FREE, DERECHO))
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files.append(write_hard_song(spec, tmp_path / name))
    assert files[0].read_bytes() == files[1].read_bytes()
    assert json.loads(files[0].with_suffix(".json").read_text())["hardness"]["lofi"]


@given(seed=st.integers(0, 2**31), count=st.integers(2, 14))
@settings(max_examples=20, deadline=None)
def test_hard_songs_are_reproducible_with_consistent_ground_truth(seed: int, count: int) -> None:
    specs = hard_songs(seed, count)
    assert specs == hard_songs(seed, count)
    assert (specs[0].tempo_bpm, specs[-1].tempo_bpm, len(specs)) == (95, 180, count)
    for spec in specs:
        piece = compose_song(spec)
        truth: dict[str, list] = song_truth(spec, piece)  # type: ignore[assignment, type-arg]
        assert 65 < truth["beats"][-1] < 140
        assert np.all(np.diff(truth["beats"]) > 0)
        assert 0 < spec.drift <= 0.03
        assert all(truth["count8"][truth["beats"].index(section["start"])] == 1 for section in truth["sections"])


def test_a_set_has_breaks_of_one_two_and_four_bars_and_verses_without_percussion() -> None:
    sections = [section for spec in hard_songs(5, 12) for section in spec.form]
    assert {section.bars for section in sections if section.rhythm == "stop"} == {1, 2, 4}
    assert any(section.label == "verse" and section.rhythm == "none" for section in sections)
    assert {spec.hardness.patterns for spec in hard_songs(5, 12)} == {"textbook", "street", "modern"}


def test_other_pieces_have_their_own_beats(tmp_path: Path) -> None:
    waltz = replace(OTHERS[0], bars=2)
    truth = json.loads(write_other_piece(waltz, tmp_path).with_suffix(".json").read_text())
    assert truth["beat_in_bar"] == [1, 2, 3, 1, 2, 3]
    assert truth["beats"] == [pytest.approx(0.4 + 0.6 * beat) for beat in range(6)]
    assert [other.name for other in OTHERS if not other.beats] == ["drone"]
