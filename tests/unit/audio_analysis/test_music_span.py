"""The music of a recording is found between silence, applause, talk and noise, which are not danced to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agents.arrays import Floats
from agents.audio_analysis.analysis import analyze, analyze_music
from agents.audio_analysis.corrections import corrected
from agents.audio_analysis.decode import decode_mono
from agents.audio_analysis.music_span import music_span
from agents.audio_analysis.onsets import onsets_of
from agents.audio_analysis.spectrum import FRAME_RATE, spectrum_of
from agents.audio_analysis.warnings import warnings_of
from agents.dance.dance_grid import dance_grid_of
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import Corrections, Options
from tests.odd_media.song_ends import ENDS, RATE_HZ, with_ends
from tests.paths import DEMO, SHARED
from tests.unit.audio_analysis.band import write

_EIGHT_S = 8 * 60 / 124
_BEFORE_S, _AFTER_S = 14.0, 10.0
_SONGS = (*sorted((DEMO / "songs").glob("*.mp3")), *sorted((SHARED / "songs").glob("*.mp3")))


@pytest.fixture(scope="module")
def music() -> Floats:
    """Return the first 48 s of a demo song: an intro of guitars alone, verse and chorus."""
    return np.concatenate(list(decode_mono(DEMO / "songs" / "luna_124.mp3")))[: 48 * RATE_HZ]


def _span_s(samples: Floats) -> tuple[float, float]:
    spectrum = spectrum_of([samples.astype(np.float32)])
    first, end = music_span(onsets_of(spectrum), spectrum)
    return first / FRAME_RATE, end / FRAME_RATE


@pytest.mark.parametrize(
    ("kind", "before_s", "after_s"),
    [*((kind, _BEFORE_S, _AFTER_S) for kind in ENDS), ("applause", 0.0, _AFTER_S), ("silence", _BEFORE_S, 0.0)],
)
def test_the_music_is_found_within_one_eight(kind: str, before_s: float, after_s: float, music: Floats) -> None:
    start_s, end_s = _span_s(with_ends(music, kind, before_s, after_s))
    assert start_s == pytest.approx(before_s, abs=_EIGHT_S)
    assert end_s == pytest.approx(before_s + len(music) / RATE_HZ, abs=_EIGHT_S)


@pytest.mark.parametrize("level", [0.05, 2.0])
def test_applause_may_be_soft_or_louder_than_the_music(level: float, music: Floats) -> None:
    applause = level * with_ends(music, "applause", _AFTER_S, 0.0)[: int(_AFTER_S * RATE_HZ)]
    start_s, end_s = _span_s(np.concatenate([applause, music, applause]))
    assert start_s == pytest.approx(_AFTER_S, abs=_EIGHT_S)
    assert end_s == pytest.approx(_AFTER_S + len(music) / RATE_HZ, abs=_EIGHT_S)


@pytest.mark.parametrize("song", _SONGS, ids=lambda path: path.stem)
def test_nothing_of_a_whole_song_is_left_out(song: Path) -> None:
    samples = np.concatenate(list(decode_mono(song)))
    start_s, end_s = _span_s(samples)
    assert start_s == 0.0
    assert end_s == pytest.approx(len(samples) / RATE_HZ, abs=0.1)


def test_breaks_and_holes_in_the_middle_do_not_end_the_music(music: Floats) -> None:
    with_hole = music.copy()
    with_hole[20 * RATE_HZ : 26 * RATE_HZ] = 0
    assert _span_s(with_hole) == _span_s(music)


def test_a_song_that_fades_out_ends_when_it_is_no_longer_heard(music: Floats) -> None:
    fade = np.ones(len(music))
    fade[-12 * RATE_HZ :] = 10 ** (np.linspace(0, -80, 12 * RATE_HZ) / 20)
    _, end_s = _span_s(music * fade)
    assert 36 + 4 < end_s < 48 - 3


def test_less_than_two_seconds_of_silence_stay(music: Floats) -> None:
    silence = np.zeros(RATE_HZ)  # the song itself begins with 0.6 s of it
    assert _span_s(np.concatenate([silence, music, silence]))[0] == 0.0


def test_what_is_no_music_at_all_is_not_left_out(music: Floats) -> None:
    noise = with_ends(music, "applause", 30.0, 0.0)[: 30 * RATE_HZ]
    assert _span_s(noise) == pytest.approx((0.0, 30.0), abs=0.1)


@pytest.fixture(scope="module")
def live(music: Floats, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a file of the music, and one of it between applause."""
    folder = tmp_path_factory.mktemp("live")
    sounds = {"plain": music, "live": with_ends(music, "applause", _BEFORE_S, _AFTER_S)}
    plain, live = (write(folder / f"{name}.wav", sound, "pcm_s16le", RATE_HZ) for name, sound in sounds.items())
    return plain, live


@pytest.fixture(scope="module")
def found(live: tuple[Path, Path]) -> AudioAnalysis:
    """Return the analysis of the music between applause."""
    return analyze_music(live[1], finds_ends=True)


def test_the_beats_are_those_of_the_music_alone(found: AudioAnalysis, live: tuple[Path, Path]) -> None:
    alone = analyze(live[0])
    moved = np.array(alone.beats) + _BEFORE_S
    distance = np.abs(np.array(found.beats)[:, None] - moved).min(1)
    assert np.median(distance) < 0.01
    assert (distance < 0.05).mean() > 0.9
    assert found.tempo_bpm == pytest.approx(alone.tempo_bpm, rel=0.005)
    assert (found.sections[0].start_s, found.sections[-1].end_s) == (0.0, found.duration_s)
    assert found.duration_s == pytest.approx(_BEFORE_S + 48 + _AFTER_S, abs=0.01)


@pytest.mark.parametrize("duration", ["full", "30s", "1min"])
def test_no_applause_is_danced_to(duration: str, found: AudioAnalysis) -> None:
    times = dance_grid_of(found, Options(duration=duration)).times  # type: ignore[arg-type]
    assert times[0] > _BEFORE_S - _EIGHT_S / 2
    assert times[-1] < _BEFORE_S + 48 + _EIGHT_S / 2
    if duration == "full":
        assert times[0] < _BEFORE_S + _EIGHT_S
        assert times[-1] > _BEFORE_S + 48 - _EIGHT_S


def test_a_line_says_what_is_left_out(found: AudioAnalysis, live: tuple[Path, Path]) -> None:
    assert warnings_of(found)[0].startswith("the music begins at 0:1")
    assert "and ends at 1:0" in warnings_of(found)[0]
    whole = analyze_music(live[0], finds_ends=True)
    assert (whole.music_start_s, whole.music_end_s) == (0.0, None)
    assert not any("the music begins" in line for line in warnings_of(whole))


def test_beats_that_a_person_taps_outside_the_music_belong_to_it(found: AudioAnalysis) -> None:
    taps = tuple(2.0 + 0.484 * n for n in range(8))
    changed = corrected(found, Corrections(beats=taps))
    assert changed.music_start_s == 2.0
    assert dance_grid_of(changed, Options(duration="full")).times[0] == pytest.approx(2.0)
