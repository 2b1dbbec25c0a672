"""Of several sound tracks the one with music is analysed and rendered."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from agents.audio_analysis.analysis import analyze, analyze_music
from agents.audio_analysis.music_likeness import music_likeness_of
from agents.audio_analysis.music_track import music_track
from agents.audio_analysis.spectrum import spectrum_of
from agents.media.probe import probe
from agents.rendering.audio import ensure_aac
from schemas.faults import Poison
from tests.odd_media import sounds
from tests.odd_media.marked import SOUND_HZ, Samples, plain_sound, song
from tests.odd_media.writer import Sound, write

_SECONDS = 12.5
_OTHERS: dict[str, Callable[[], Samples]] = {
    "silence": lambda: sounds.silence(_SECONDS),
    "speech": lambda: sounds.speech(_SECONDS),
    "noise": lambda: sounds.noise(_SECONDS),
    "clicks": lambda: sounds.clicks(_SECONDS),
    "short": lambda: sounds.speech(4.0),
    "late": lambda: sounds.late(sounds.speech(_SECONDS - 3), 3.0),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, ...]:
    """Return the beats of the music alone."""
    return analyze(write(tmp_path_factory.mktemp("plain") / "a.mka", sounds=[Sound(song(), "flac")])).beats


def _track(path: Path) -> int:
    return probe(path, "audio", music_track).sound_track


def _write(path: Path, tracks: Sequence[Samples], default: int | None = None, codec: str = "flac") -> Path:
    of_default = [None if default is None else n == default for n in range(len(tracks))]
    tracks_to_write = [Sound(track, codec, is_default=d) for track, d in zip(tracks, of_default, strict=True)]
    return write(path, sounds=tracks_to_write)


@pytest.mark.parametrize("other", _OTHERS)
@pytest.mark.parametrize("place", [0, 1])
def test_music_is_found_beside_other_sounds(other: str, place: int, plain: tuple[float, ...], tmp_path: Path) -> None:
    tracks = [_OTHERS[other](), _OTHERS[other]()]
    tracks[place] = song()
    path = _write(tmp_path / "song.mkv", tracks, default=1 - place)
    facts = probe(path, "audio", music_track)
    assert facts.sound_track == place
    assert facts.duration_s == pytest.approx(_SECONDS, abs=0.1)
    assert analyze(path, track=place).beats == pytest.approx(plain, abs=0.01)


def test_the_music_is_heard_in_the_video(tmp_path: Path) -> None:
    path = _write(tmp_path / "song.mkv", [_OTHERS["speech"](), song()])
    encoded = ensure_aac(path, "a" * 64, 192_000, tmp_path, track=_track(path))
    assert _correlation(plain_sound(encoded), song()) > 0.98


@pytest.mark.parametrize(("name", "codec"), [("song.mp4", "aac"), ("song.ts", "aac"), ("song.ts", "mp2")])
def test_a_video_with_several_languages_is_a_song(
    name: str, codec: str, plain: tuple[float, ...], tmp_path: Path
) -> None:
    tracks = [Sound(track, codec) for track in (_OTHERS["speech"](), _OTHERS["noise"](), song())]
    pictures = [(number / 10, np.full((90, 160, 3), number, np.uint8)) for number in range(round(10 * _SECONDS))]
    path = write(tmp_path / name, pictures, tracks)
    assert _track(path) == 2
    assert len(analyze(path, track=2).beats) == len(plain)


def test_sixteen_tracks_are_compared(tmp_path: Path) -> None:
    tracks = [sounds.speech(8.0, seed) for seed in range(16)]
    tracks[11] = song()
    assert _track(_write(tmp_path / "song.mka", tracks)) == 11


def test_the_default_track_is_preferred_where_both_are_music(tmp_path: Path) -> None:
    louder = (1.2 * song()).astype(np.float32)
    assert _track(_write(tmp_path / "a.mka", [song(), louder], default=1)) == 1
    assert _track(_write(tmp_path / "b.mka", [song(), louder], default=0)) == 0


def test_music_that_begins_after_a_long_speech_is_found(tmp_path: Path) -> None:
    """The middle of the file is heard first, where one track has ended."""
    long = np.tile(song(), 8)
    jingle = np.concatenate([song(), sounds.silence(87.5)], axis=1)
    speech, late = sounds.speech(100.0), sounds.late(long[:, : 60 * SOUND_HZ], 40.0)
    for number, tracks in enumerate(([speech, late], [jingle, long], [speech, jingle])):
        assert _track(_write(tmp_path / f"{number}.mka", tracks, codec="pcm_s16le")) == 1


def test_a_track_that_cannot_be_decoded_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "song.mkv", sounds=[Sound(song(), "ac3"), Sound(song(), "flac")])
    assert _track(sounds.of_unknown_codec(path)) == 1
    untaken = write(tmp_path / "untaken.mkv", sounds=[Sound(song(), "wavpack"), Sound(song(), "flac")])
    assert _track(untaken) == 1


def test_a_file_with_one_track_is_not_listened_to(tmp_path: Path) -> None:
    def fail(path: Path, tracks: Sequence[int]) -> int:
        raise AssertionError(path, tracks)

    assert probe(_write(tmp_path / "song.mka", [song()]), "audio", fail).sound_track == 0


@pytest.mark.parametrize(
    ("make", "seconds", "seed"),
    [(sounds.speech, 20.0, 1), (sounds.speech, 20.0, 7), (sounds.speech, 7.0, 3), (sounds.noise, 20.0, 2)],
)
def test_speech_and_noise_are_refused(
    make: Callable[[float, int], Samples], seconds: float, seed: int, tmp_path: Path
) -> None:
    with pytest.raises(Poison) as fault:
        analyze_music(_write(tmp_path / "song.mka", [make(seconds, seed)]))
    assert fault.value.reason == "no_beats"
    assert str(fault.value) == "its sound is speech or noise, without a beat that can be followed; give music"


def test_music_under_louder_speech_and_noise_and_a_click_track_are_taken(tmp_path: Path) -> None:
    over = {"speech": 2 * _OTHERS["speech"](), "noise": _OTHERS["noise"]()}
    for name, other in over.items():
        mixed = song() + other * np.float32(np.std(song()) / np.std(other))
        assert analyze_music(_write(tmp_path / f"{name}.mka", [mixed])).tempo_bpm == pytest.approx(124, abs=1)
    assert analyze_music(_write(tmp_path / "clicks.mka", [_OTHERS["clicks"]()])).tempo_bpm == pytest.approx(100, abs=1)


@pytest.mark.parametrize("start_s", [0.0, 4.0])
def test_the_demo_song_is_far_from_speech(start_s: float) -> None:
    mono = song()[0, round(start_s * SOUND_HZ) :: 2]
    likeness = music_likeness_of(spectrum_of([mono]), beat_confidence=0.0)
    assert likeness.notes > 0.54
    assert likeness.fullness > 0.95


def _correlation(one: Samples, other: Samples) -> float:
    samples = min(one.shape[1], other.shape[1])
    return float(np.corrcoef(one[0, :samples], other[0, :samples])[0, 1])
