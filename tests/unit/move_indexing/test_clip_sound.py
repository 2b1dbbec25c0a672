"""A clip without beats says which of its sound's faults is the cause; a clip with several tracks is heard right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import av
import numpy as np
import pytest

from agents.audio_analysis.music_track import music_track
from agents.media.probe import probe
from agents.media.redraw import redraw
from agents.move_indexing.clip_beats import ClipBeats, clip_beats_of
from agents.step import no_report
from schemas.base import MediaFacts
from schemas.faults import Poison
from schemas.move_indexed import Window
from tests.odd_media import sounds
from tests.odd_media.marked import SHORT_S, plain_sound, unmarked_original
from tests.odd_media.writer import Sound, Timed, write

_WHAT_TO_DO = "give a clip with music, or annotate tempo_bpm, its beats per minute"


def _sounds(cause: str) -> list[Sound]:
    return {
        "no sound": [],
        "codec": [Sound(unmarked_original().sound, "wavpack")],
        "silent": [Sound(sounds.silence(SHORT_S))],
        "speech": [Sound(sounds.speech(SHORT_S))],
        "noise": [Sound(sounds.noise(SHORT_S))],
        "short": [Sound(unmarked_original().sound[:, :50_000])],
    }[cause]


@cache
def _small_pictures() -> list[Timed]:
    """Return every third picture of the demo clip, 160x90: what is tested is the sound."""
    return [(time_s, rgb[::4, ::4]) for time_s, rgb in unmarked_original().pictures[::3]]


def _clip(folder: Path, tracks: Sequence[Sound]) -> Path:
    return write(folder / "clip.mkv", _small_pictures(), tracks)


def _beats(path: Path, tempo_bpm: float | None = None) -> ClipBeats:
    facts = MediaFacts(sha256="0" * 64, size_bytes=1, kind="video", **dict(probe(path, "video", music_track)))
    windows = (Window(start_s=0.0, end_s=facts.duration_s),)
    return clip_beats_of(path, facts, tempo_bpm, windows)


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        ("no sound", "the clip has no sound"),
        ("codec", "its audio codec is wavpack, which is not taken"),
        ("silent", "the audio is silent, or nearly"),
        ("speech", "its sound is speech or noise, without a beat that can be followed"),
        ("noise", "its sound is speech or noise, without a beat that can be followed"),
        ("short", "only 1.1 s of audio can be decoded"),
    ],
)
def test_each_cause_has_its_sentence_and_a_key_that_works(cause: str, sentence: str, tmp_path: Path) -> None:
    path = _clip(tmp_path, _sounds(cause))
    with pytest.raises(Poison) as fault:
        _beats(path)
    assert (str(fault.value), fault.value.reason) == (f"{sentence}: {_WHAT_TO_DO}", "no_tempo")
    annotated = _beats(path, 126)
    assert annotated.tempo_bpm == 126
    assert annotated.warnings == (f"{sentence}: the beats follow the annotated 126 bpm from the first frame on",)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[float, ...]:
    """Return the beats of a clip with the music alone."""
    return _beats(_clip(tmp_path_factory.mktemp("plain"), [Sound(unmarked_original().sound)])).beats


@pytest.mark.parametrize("other", ["silent", "speech", "noise", "short", "codec"])
@pytest.mark.parametrize("place", [0, 1])
def test_the_track_with_music_is_heard_in_a_clip(
    other: str, place: int, plain: tuple[float, ...], tmp_path: Path
) -> None:
    tracks = _sounds(other) * 2
    tracks[place] = Sound(unmarked_original().sound)
    assert _beats(_clip(tmp_path, tracks)).beats == pytest.approx(plain, abs=0.01)


@pytest.mark.parametrize("codec", ["ac3", "eac3", "mp2", "libmp3lame", "flac", "libopus", "pcm_s16le"])
def test_usual_codecs_are_heard(codec: str, tmp_path: Path) -> None:
    rate = 48_000 if codec == "libopus" else 44_100
    beats = _beats(_clip(tmp_path, [Sound(unmarked_original().sound, codec, rate=rate)])).beats
    for beat in unmarked_original().beats[1:-1]:
        assert np.abs(np.array(beats) - beat).min() < 0.025


def test_a_drawn_clip_has_the_track_with_music(tmp_path: Path) -> None:
    path = _clip(tmp_path, [Sound(sounds.speech(SHORT_S)), Sound(unmarked_original().sound)])
    redraw(path, tmp_path / "drawn.mp4", lambda _: None, no_report, track=1)
    drawn, music = plain_sound(tmp_path / "drawn.mp4")[0], unmarked_original().sound[0]
    samples = min(len(drawn), len(music))
    assert np.corrcoef(drawn[:samples], music[:samples])[0, 1] > 0.95


def test_a_clip_whose_sound_is_not_taken_is_drawn_without(tmp_path: Path) -> None:
    redraw(_clip(tmp_path, _sounds("codec")), tmp_path / "drawn.mp4", lambda _: None, no_report)
    with av.open(str(tmp_path / "drawn.mp4")) as drawn:
        assert [stream.type for stream in drawn.streams] == ["video"]
