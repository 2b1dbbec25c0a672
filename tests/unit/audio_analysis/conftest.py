"""One synthetic song, written and analysed once for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.audio_analysis.analysis import analyze
from schemas.audio_analyzed import AudioAnalysis
from tests.unit.audio_analysis.band import Song, play, write

FORM = (("none", 4), ("derecho", 8), ("stop", 1), ("majao", 8), ("mambo", 8), ("none", 2))


@pytest.fixture(scope="session")
def song() -> Song:
    """Return a minute of music: an intro without percussion, all rhythms, a break of four counts, 2 % tempo drift."""
    return play(FORM, 128.0, drift=0.02, seed=3)


@pytest.fixture(scope="session")
def song_file(song: Song, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the song as a WAV file."""
    return write(tmp_path_factory.mktemp("song") / "song.wav", song.samples, "pcm_s16le")


@pytest.fixture(scope="session")
def analysis(song_file: Path) -> AudioAnalysis:
    """Return the song's analysis."""
    return analyze(song_file)
