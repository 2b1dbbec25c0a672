"""Songs and clips in every container and codec that is taken: their facts, and their sound at the right time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from agents.audio_analysis.analysis import analyze
from agents.audio_analysis.decode import SAMPLE_RATE_HZ, decode_mono
from agents.media.formats import FORMATS
from agents.media.probe import probe
from agents.media.sniff import sniff
from schemas.faults import Poison
from tests.odd_media.containers import CLIPS, SONGS, write_clip, write_song
from tests.odd_media.marked import SHORT_S, SOUND_HZ, Samples, original, song
from tests.unit.media.test_sniff import JUNK

_SONG_S = 12.5
# What an encoder puts in front of the sound, where the container has no place to say so: 1024 samples of AAC, 2048 of
# WMA, 481 of MPEG layer 2, 256 of AC-3; half a sample of 8000 Hz belongs to the filter of AMR.
_DELAYS_MS = {
    "aac": 1024 / 44.1,
    "aac_latm": 1024 / 44.1,
    **dict.fromkeys(("wmav1", "wmav2"), 2010 / 44.1),
    **dict.fromkeys(("ac3", "eac3"), 5.35),
}


@cache
def expected(seconds: float) -> NDArray[np.float32]:
    sound: Samples = song() if seconds == _SONG_S else original().sound
    return np.asarray(soxr.resample(sound.mean(0), SOUND_HZ, SAMPLE_RATE_HZ), np.float32)


def lag_ms(path: Path, seconds: float) -> float:
    """Return how much later a file's sound is than the original."""
    actual: NDArray[Any] = np.concatenate(list(decode_mono(path)))
    size = 1 << 20
    product = np.fft.rfft(actual, size) * np.conj(np.fft.rfft(expected(seconds), size))
    best = int(np.argmax(np.fft.irfft(product)))
    return (best - size if best > size // 2 else best) / SAMPLE_RATE_HZ * 1000


@pytest.mark.parametrize("name", SONGS)
def test_a_song_in_every_container_and_codec_is_taken_and_lacks_nothing(tmp_path: Path, name: str) -> None:
    kind, path = SONGS[name], write_song(tmp_path, name)
    facts = probe(path, "audio")
    assert (facts.codec, facts.sample_rate) == (kind.codec, kind.rate)
    assert facts.channels == {"mono": 1, "stereo": 2}[kind.layout]
    assert facts.duration_s == pytest.approx(_SONG_S, abs=0.1)
    assert (facts.missing_s, facts.damaged_s) == (0, 0)
    assert lag_ms(path, _SONG_S) == pytest.approx(_delay_ms(name), abs=2)


def _delay_ms(name: str) -> float:
    if name == "song.mp2":
        return 481 / 44.1
    if name == "song.ts":
        return 481 / 48.0
    return _DELAYS_MS.get(SONGS[name].codec, 0.0) if Path(name).suffix not in {".m4a", ".caf"} else 0.0


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_in_every_container_and_codec_is_taken_and_lacks_nothing(tmp_path: Path, name: str) -> None:
    kind, path = CLIPS[name], write_clip(tmp_path, name)
    facts = probe(path, "video")
    assert (facts.codec, facts.width, facts.height) == (kind.codec, *kind.size)
    assert (facts.sample_rate, facts.has_audio) == (kind.rate, True)
    assert facts.duration_s == pytest.approx(SHORT_S, abs=0.02)
    assert facts.missing_s == 0
    assert facts.fps == pytest.approx(float(kind.video.rate), rel=0.001)
    assert abs(lag_ms(path, SHORT_S)) < 35


@pytest.fixture(scope="module")
def beats(tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    return list(analyze(write_song(tmp_path_factory.mktemp("original"), "s16.wav")).beats)


@pytest.mark.parametrize("name", ["song.aiff", "song.caf", "song.wma", "song.aac", "song.w64", "song.ac3", "song.ts"])
def test_the_beats_are_those_of_the_original(tmp_path: Path, beats: list[float], name: str) -> None:
    actual = list(analyze(write_song(tmp_path, name)).beats)
    assert len(actual) == len(beats)
    assert np.array(actual) - _delay_ms(name) / 1000 == pytest.approx(beats, abs=0.010)


@pytest.mark.parametrize("name", ["song.mp3", "song.flac", "song.aac", "song.aiff", "song.m4a", "song.ac3", "song.ts"])
@pytest.mark.parametrize("junk", ["id3", "ape", "zeros", "web-headers", "tags-of-all-kinds"])
def test_junk_in_front_of_a_song_does_not_move_its_sound(tmp_path: Path, name: str, junk: str) -> None:
    path = write_song(tmp_path, name)
    expected = probe(path, "audio")
    before = lag_ms(path, _SONG_S)
    path.write_bytes(JUNK[junk] + path.read_bytes())
    assert probe(path, "audio") == expected
    assert lag_ms(path, _SONG_S) == before


def test_a_clip_behind_junk_is_taken_and_refused_where_its_index_is_missing(tmp_path: Path) -> None:
    path = write_clip(tmp_path, "clip.mp4")
    expected = probe(path, "video")
    path.write_bytes(JUNK["id3"] + path.read_bytes())
    assert probe(path, "video") == expected
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(Poison, match="its index is missing"):
        probe(path, "video")


@pytest.mark.parametrize("name", ["song.mp3", "song.aac", "song.ac3", "song.ts", "song.m2ts", "song.vob", "song.mp2"])
def test_a_recording_that_begins_within_a_frame_is_taken(tmp_path: Path, name: str) -> None:
    path = write_song(tmp_path, name)
    path.write_bytes(path.read_bytes()[10_111:])
    facts = probe(path, "audio")
    assert facts.codec in {SONGS[name].codec, "mp2"}
    assert facts.channels == {"mono": 1, "stereo": 2}[SONGS[name].layout]
    assert _SONG_S - 3 < facts.duration_s < _SONG_S
    assert -3000 < lag_ms(path, _SONG_S) < 0


@pytest.mark.parametrize("name", ["clip.ts", "broadcast.ts", "camera.mts", "hevc.ts", "clip.mpg", "disc.vob"])
def test_a_clip_that_begins_within_a_packet_is_taken(tmp_path: Path, name: str) -> None:
    path = write_clip(tmp_path, name)
    path.write_bytes(path.read_bytes()[10_111:])
    if name == "hevc.ts":  # it has one keyframe only
        with pytest.raises(Poison, match="no keyframe, from which pictures can be decoded"):
            probe(path, "video")
        return
    facts = probe(path, "video")
    assert (facts.codec, facts.width, facts.height) == (CLIPS[name].codec, *CLIPS[name].size)
    assert SHORT_S - 2 < facts.duration_s < SHORT_S


def test_every_demuxer_has_a_song_or_a_clip(tmp_path: Path) -> None:
    songs = {sniff(write_song(tmp_path, name, 1.0)).demuxer for name in SONGS}
    assert songs | {"avi"} == {kind.demuxer for kind in FORMATS}
