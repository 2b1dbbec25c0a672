"""Songs and clips in every container and codec that is taken: their facts, and their sound at the right time."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.fft
import soxr
from numpy.typing import NDArray

from agents.audio_analysis.analysis import analyze
from agents.audio_analysis.decode import SAMPLE_RATE_HZ, decode_mono
from agents.media.formats import FORMATS
from agents.media.probe import probe
from agents.media.sniff import sniff
from schemas.base import ProbedMedia
from schemas.faults import Poison
from tests.odd_media.containers import CLIPS, SONGS
from tests.odd_media.marked import SOUND_HZ, Samples, original, song
from tests.unit.media.media_builders import FORMAT_CLIP_S, MadeOnce
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


_FFT_SIZE = 1 << 19  # samples: that of the sound, and twice the largest lag


@cache
def expected(seconds: float) -> NDArray[Any]:
    """Return the spectrum of the original."""
    sound: Samples = song() if seconds == _SONG_S else original().sound[:, : round(seconds * SOUND_HZ)]
    return np.asarray(scipy.fft.rfft(soxr.resample(sound.mean(0), SOUND_HZ, SAMPLE_RATE_HZ), _FFT_SIZE))


def lag_ms(path: Path, seconds: float) -> float:
    """Return how much later a file's sound is than the original."""
    actual: NDArray[Any] = np.concatenate(list(decode_mono(path)))
    product = scipy.fft.rfft(actual, _FFT_SIZE) * np.conj(expected(seconds))
    best = int(np.argmax(scipy.fft.irfft(product)))
    return (best - _FFT_SIZE if best > _FFT_SIZE // 2 else best) / SAMPLE_RATE_HZ * 1000


@pytest.mark.parametrize("name", SONGS)
def test_a_song_in_every_container_and_codec_is_taken_and_lacks_nothing(song_of: MadeOnce, name: str) -> None:
    kind, path = SONGS[name], song_of(name)
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
def test_a_clip_in_every_container_and_codec_is_taken_and_lacks_nothing(clip_of: MadeOnce, name: str) -> None:
    kind, path = CLIPS[name], clip_of(name)
    facts = probe(path, "video")
    assert (facts.codec, facts.width, facts.height) == (kind.codec, *kind.size)
    assert (facts.sample_rate, facts.has_audio) == (kind.rate, True)
    assert facts.duration_s == pytest.approx(FORMAT_CLIP_S, abs=0.02)
    assert facts.missing_s == 0
    assert facts.fps == pytest.approx(float(kind.video.rate), rel=0.001)
    assert abs(lag_ms(path, FORMAT_CLIP_S)) < 35


@pytest.fixture(scope="module")
def beats(song_of: MadeOnce) -> list[float]:
    return list(analyze(song_of("s16.wav")).beats)


@pytest.mark.parametrize("name", ["song.aiff", "song.caf", "song.wma", "song.aac", "song.w64", "song.ac3", "song.ts"])
def test_the_beats_are_those_of_the_original(song_of: MadeOnce, beats: list[float], name: str) -> None:
    actual = list(analyze(song_of(name)).beats)
    assert len(actual) == len(beats)
    assert np.array(actual) - _delay_ms(name) / 1000 == pytest.approx(beats, abs=0.010)


@cache
def facts_and_lag_ms(path: Path) -> tuple[ProbedMedia, float]:
    return probe(path, "audio"), lag_ms(path, _SONG_S)


@pytest.mark.parametrize("name", ["song.mp3", "song.flac", "song.aac", "song.aiff", "song.m4a", "song.ac3", "song.ts"])
@pytest.mark.parametrize("junk", ["id3", "ape", "zeros", "web-headers", "tags-of-all-kinds"])
def test_junk_in_front_of_a_song_does_not_move_its_sound(
    tmp_path: Path, song_of: MadeOnce, name: str, junk: str
) -> None:
    plain, path = song_of(name), tmp_path / name
    path.write_bytes(JUNK[junk] + plain.read_bytes())
    assert facts_and_lag_ms(path) == facts_and_lag_ms(plain)


def test_a_clip_behind_junk_is_taken_and_refused_where_its_index_is_missing(tmp_path: Path, clip_of: MadeOnce) -> None:
    plain, path = clip_of("clip.mp4"), tmp_path / "clip.mp4"
    path.write_bytes(JUNK["id3"] + plain.read_bytes())
    assert probe(path, "video") == probe(plain, "video")
    path.write_bytes(path.read_bytes()[:100_000])
    with pytest.raises(Poison, match="its index is missing"):
        probe(path, "video")


@pytest.mark.parametrize("name", ["song.mp3", "song.aac", "song.ac3", "song.ts", "song.m2ts", "song.vob", "song.mp2"])
def test_a_recording_that_begins_within_a_frame_is_taken(tmp_path: Path, song_of: MadeOnce, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(song_of(name).read_bytes()[10_111:])
    facts = probe(path, "audio")
    assert facts.codec in {SONGS[name].codec, "mp2"}
    assert facts.channels == {"mono": 1, "stereo": 2}[SONGS[name].layout]
    assert _SONG_S - 3 < facts.duration_s < _SONG_S
    assert -3000 < lag_ms(path, _SONG_S) < 0


@pytest.mark.parametrize("name", ["clip.ts", "broadcast.ts", "camera.mts", "hevc.ts", "clip.mpg", "disc.vob"])
def test_a_clip_that_begins_within_a_packet_is_taken(tmp_path: Path, clip_of: MadeOnce, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(clip_of(name).read_bytes()[10_111:])
    if name == "hevc.ts":  # it has one keyframe only
        with pytest.raises(Poison, match="no keyframe, from which pictures can be decoded"):
            probe(path, "video")
        return
    facts = probe(path, "video")
    assert (facts.codec, facts.width, facts.height) == (CLIPS[name].codec, *CLIPS[name].size)
    assert FORMAT_CLIP_S - 2 < facts.duration_s < FORMAT_CLIP_S


def test_every_demuxer_has_a_song_or_a_clip(song_of: MadeOnce) -> None:
    songs = {sniff(song_of(name)).demuxer for name in SONGS}
    assert songs | {"avi"} == {kind.demuxer for kind in FORMATS}
