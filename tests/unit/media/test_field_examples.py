"""Tests on the example files of `field` in the shared folder, each of a kind that people have."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from agents.audio_analysis.analysis import analyze, analyze_music
from agents.audio_analysis.music_track import music_track
from agents.media.decode import open_video
from agents.media.probe import probe
from agents.media.sampled_frames import sample_frames
from agents.media.windows import windows_of
from agents.move_indexing.clip_beats import clip_beats_of
from schemas.base import MediaFacts
from schemas.faults import Poison
from schemas.limits import MediaKind
from schemas.move_indexed import Window, window_at
from tests.odd_media.marked import Original, plain_sound, song
from tests.odd_media.writer import Sound, write
from tests.quality.field_cases import CLIPS, FIELD, SONGS
from tests.quality.media_cases import ClipCase, SongCase, clip_beat_errors, timeline_of
from tests.quality.media_measures import DisplayedPicture, Reference, beat_errors, combing, in_box, lag_s
from tests.quality.song_cases import FIELD_START_S

pytestmark = pytest.mark.skipif(not FIELD.is_dir(), reason=f"there are no example files in {FIELD}")
_MAX_BEAT_S = 0.010
_TAKEN_CLIPS = [case for case in CLIPS if not case.refused]
BeatsOf = Callable[[Callable[[], Original] | None], tuple[float, ...]]
_SAMPLED_HZ = 2.0


@cache
def _reference(shows: Callable[[], Original], flip: int | None) -> Reference:
    return Reference(shows(), flip)


@pytest.fixture(scope="module")
def beats_of(tmp_path_factory: pytest.TempPathFactory) -> BeatsOf:
    """Return a function that gives the beats found in an original's sound; without one, in the song's beginning."""
    folder = tmp_path_factory.mktemp("originals")

    @cache
    def beats(shows: Callable[[], Original] | None) -> tuple[float, ...]:
        samples = shows().sound if shows else song(start_s=FIELD_START_S)
        return analyze(write(folder / "sound.wav", (), [Sound(samples, "pcm_s16le")])).beats

    return beats


def _facts(path: Path, kind: MediaKind) -> MediaFacts:
    found = probe(path, kind, music_track)
    return MediaFacts(sha256="0" * 64, size_bytes=path.stat().st_size, kind=kind, **dict(found))


def _windows(path: Path) -> tuple[Window, ...]:
    with open_video(path) as video:
        return windows_of([time_s for time_s, _ in video.frames])


def _file(case: ClipCase | SongCase, folder: Path) -> Path:
    path = folder / case.name
    case.make(path)
    return path


@pytest.mark.parametrize("case", _TAKEN_CLIPS, ids=str)
def test_the_pictures_of_a_clip_are_those_of_its_original(case: ClipCase, tmp_path: Path) -> None:
    path, reference = _file(case, tmp_path), _reference(case.shows, case.flip)
    timeline = timeline_of(path, case)
    lumas = [(frame.time_s, cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY)) for frame in sample_frames(path, _SAMPLED_HZ)]
    displayed = [DisplayedPicture(time_s, in_box(luma)) for time_s, luma in lumas]
    outside_holes = [picture for picture in displayed if not case.is_in_hole(timeline.to_original(picture.time_s))]
    look = reference.look(outside_holes, lambda picture: timeline.to_original(picture.time_s))
    assert look.correlation > 0.95
    assert abs(look.mean) < 12
    assert abs(look.p95) < 20
    assert combing([np.asarray(luma) for _, luma in lumas]) < 1


@pytest.mark.parametrize("case", _TAKEN_CLIPS, ids=str)
def test_the_beats_of_a_clip_are_those_of_its_original_where_it_has_pictures(
    case: ClipCase, tmp_path: Path, beats_of: BeatsOf
) -> None:
    path = _file(case, tmp_path)
    timeline, facts, windows = timeline_of(path, case), _facts(path, "video"), _windows(path)
    found = clip_beats_of(path, facts, None, windows).beats
    assert windows[0].start_s == pytest.approx(timeline.to_file(case.window[0]), abs=0.05)
    assert windows[-1].end_s == pytest.approx(timeline.to_file(case.window[1]), abs=0.05)
    assert len(windows) == (2 if case.pause[1] else 1)
    assert all(window_at(windows, beat) is not None for beat in found)
    error, missed = clip_beat_errors(case, timeline, found, beats_of(case.shows))
    assert error < _MAX_BEAT_S
    assert not missed


def test_a_clip_without_sound_is_refused_with_the_cause(tmp_path: Path) -> None:
    path = FIELD / "clips" / "no-sound.mp4"
    with pytest.raises(Poison, match=r"the clip has no sound: .* annotate tempo_bpm") as refused:
        clip_beats_of(path, _facts(path, "video"), None, (Window(start_s=0.0, end_s=5.4),))
    assert refused.value.reason == "no_tempo"


@pytest.mark.parametrize("case", SONGS, ids=str)
def test_the_beats_of_a_song_are_those_of_its_original(case: SongCase, tmp_path: Path, beats_of: BeatsOf) -> None:
    path = _file(case, tmp_path)
    facts = _facts(path, "audio")
    delay_s = lag_s(plain_sound(path), song(case.seconds, case.start_s))
    assert facts.duration_s == pytest.approx(case.seconds + max(0.0, delay_s), abs=0.1)
    found = analyze_music(path, track=facts.sound_track).beats
    error, missed = beat_errors(found, [beat + delay_s for beat in beats_of(None)], case.seconds)
    assert error < _MAX_BEAT_S
    assert not missed
