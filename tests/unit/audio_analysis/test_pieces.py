"""The pieces of music of a recording are found and analyzed one by one."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from agents.audio_analysis.analysis import analyze_pieces
from schemas.audio_analyzed import AudioAnalysis
from schemas.faults import Poison
from tests.odd_media import sounds
from tests.odd_media.marked import Samples, plain_sound
from tests.odd_media.writer import Sound, write
from tests.paths import DEMO

_SONGS = sorted((DEMO / "songs").glob("*.mp3"))


def _music(number: int, seconds: float, start_s: float = 20.0) -> Samples:
    return plain_sound(_SONGS[number], start_s + seconds)[:, round(start_s * 44_100) :]


def _written(folder: Path, *parts: Samples) -> Path:
    folder.mkdir(exist_ok=True)
    return write(folder / "class.wav", sounds=[Sound(np.concatenate(parts, axis=1), "pcm_s16le")])


def _edges(pieces: Iterable[AudioAnalysis]) -> list[float]:
    """Return the start and the end of each piece, seconds."""
    return [edge for piece in pieces for edge in (piece.music_start_s, piece.music_end_s or piece.duration_s)]


def test_two_songs_with_silence_between_are_two_pieces(tmp_path: Path) -> None:
    path = _written(tmp_path, sounds.silence(2), _music(0, 10), sounds.silence(1.5), _music(1, 12), sounds.silence(2))
    one, two = analyze_pieces(path)
    assert _edges([one, two]) == pytest.approx([2, 12, 13.5, 25.5], abs=0.3)
    assert one.beats[-1] < two.beats[0]


def test_each_piece_has_the_beats_of_its_song(tmp_path: Path) -> None:
    path = _written(tmp_path, _music(0, 12), sounds.silence(2), _music(1, 12))
    alone = [analyze_pieces(_written(tmp_path / name, _music(n, 12)))[0] for n, name in enumerate("ab")]
    for piece, single in zip(analyze_pieces(path), alone, strict=True):
        assert piece.tempo_bpm == pytest.approx(single.tempo_bpm, rel=0.01)


def test_talk_between_songs_is_no_piece(tmp_path: Path) -> None:
    path = _written(tmp_path, _music(0, 10), sounds.speech(6), _music(0, 10, 40.0))
    assert _edges(analyze_pieces(path)) == pytest.approx([0, 10, 16, 26], abs=2)


def test_a_short_stop_is_part_of_the_music(tmp_path: Path) -> None:
    path = _written(tmp_path, _music(0, 8), sounds.silence(0.4), _music(0, 8, 28.0))
    assert len(analyze_pieces(path)) == 1


def test_talk_alone_has_no_pieces(tmp_path: Path) -> None:
    assert analyze_pieces(_written(tmp_path, sounds.speech(20))) == ()


def test_silence_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Poison) as fault:
        analyze_pieces(_written(tmp_path, sounds.silence(10)))
    assert fault.value.reason == "silence"
