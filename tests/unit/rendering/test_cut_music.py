"""A plan may play parts of a song only: the times of the dance run on, and the joins are reported."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from agents.rendering.agent import STEP
from agents.rendering.audio import ensure_aac, ensure_cut_aac
from agents.step import Tools
from schemas.faults import Poison
from schemas.rendered import Rendered
from schemas.sequence_planned import MusicPart, SequencePlanned
from tests.unit.media.known_media import (
    RATE,
    click_samples,
    clicks_in,
    decoded_clicks,
    decoded_sound,
    write_wav,
)
from tests.unit.rendering.builders import FolderStore, make_tools, planned, result_of, segment
from tests.unit.rendering.conftest import Scene

SONG_BEATS = [round(0.4 + 0.5 * n, 3) for n in range(30)]
MUSIC = (MusicPart(start_s=1.4, end_s=2.9), MusicPart(start_s=5.9, end_s=7.4), MusicPart(start_s=9.4, end_s=10.9))


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return clicks on the beats over a soft tone whose waves meet at all beats."""
    tone = 0.05 * np.sin(2 * np.pi * 110 * np.arange(16 * RATE) / RATE)
    return write_wav(tmp_path_factory.mktemp("song") / "song.wav", click_samples(SONG_BEATS, 16.0) + tone)


@pytest.fixture
def event_and_tools(scene: Scene, song: Path, tmp_path: Path) -> tuple[SequencePlanned, Tools]:
    store = FolderStore()
    clip = scene.clips["30"]
    store.add(clip.path, "video")
    parts = [segment(clip, 0, [1.4 + 1.5 * n + 0.5 * beat for beat in range(4)]) for n in range(3)]
    event = planned(parts, [clip], store.add(song, "audio"))
    event = event.model_copy(update={"plan": type(event.plan).model_validate(dict(event.plan) | {"music": MUSIC})})
    return event, make_tools(tmp_path, store)


def test_the_beats_of_all_parts_fall_on_the_beats_of_the_dance(event_and_tools: tuple[SequencePlanned, Tools]) -> None:
    event, tools = event_and_tools
    result = result_of(event, tools)
    path = tools.output_dir / result.video.file
    assert result.video.duration_s == pytest.approx(4.5, abs=1e-4)
    assert decoded_clicks(path)[:8] == pytest.approx([0.5 * n for n in range(8)], abs=2e-3)
    assert [join.time_s for join in result.joins] == pytest.approx([1.5, 3.0], abs=1e-4)
    assert [join.shift_ms for join in result.joins] == pytest.approx([0, 0], abs=0.1)
    assert all(join.likeness > 0.8 and join.change < 0.5 for join in result.joins)
    rendered = STEP.event_after(event, result)
    assert isinstance(rendered, Rendered)
    assert rendered.joins == result.joins
    assert [part.song_beats for part in rendered.segments] == [part.song_beats for part in event.plan.segments]


def test_the_sound_of_a_cut_song_fades_out_as_that_of_another(event_and_tools: tuple[SequencePlanned, Tools]) -> None:
    event, tools = event_and_tools
    samples, start, rate = decoded_sound(tools.output_dir / result_of(event, tools).video.file)
    end = round((4.5 - start) * rate)
    assert np.abs(samples[end - 200 : end]).max() < 2e-3
    assert len(clicks_in(samples[:end], start, rate)) == 9


def test_a_cut_song_is_encoded_once_for_its_parts(event_and_tools: tuple[SequencePlanned, Tools]) -> None:
    event, tools = event_and_tools
    first = result_of(event, tools)
    made = {file: file.stat().st_ino for file in (tools.cache_dir / "audio").iterdir()}
    assert result_of(event, tools) == first
    assert {file: file.stat().st_ino for file in (tools.cache_dir / "audio").iterdir()} == made
    assert sorted(file.suffix for file in made) == [".json", ".m4a"]


def test_other_parts_are_another_file_and_a_song_without_a_cut_too(song: Path, tmp_path: Path) -> None:
    ways = (MUSIC, MUSIC[:2], (MUSIC[0], MUSIC[2]))
    paths = {ensure_cut_aac(song, "a" * 64, music, 128_000, tmp_path)[0] for music in ways}
    assert len({*paths, ensure_aac(song, "a" * 64, 128_000, tmp_path)}) == 4


@pytest.mark.parametrize("damage", [b"", b"{", b'[{"time_s": 1}]'])
def test_a_cut_song_whose_joins_are_not_known_is_made_again(song: Path, tmp_path: Path, damage: bytes) -> None:
    path, joins = ensure_cut_aac(song, "a" * 64, MUSIC, 128_000, tmp_path)
    content = path.read_bytes()
    path.with_suffix(".json").write_bytes(damage)
    assert ensure_cut_aac(song, "a" * 64, MUSIC, 128_000, tmp_path) == (path, joins)
    assert path.read_bytes() == content


def test_one_part_is_the_song_from_there(song: Path, tmp_path: Path) -> None:
    path, joins = ensure_cut_aac(song, "a" * 64, [MusicPart(start_s=1.4, end_s=5.9)], 192_000, tmp_path)
    assert joins == ()
    samples, start, rate = decoded_sound(path)
    assert start == 0
    assert len(samples) / rate == pytest.approx(4.5 + 0.5, abs=1024 / RATE)
    assert decoded_clicks(path) == pytest.approx([0.5 * n for n in range(10)], abs=1e-3)


def test_parts_may_begin_with_the_song_and_reach_beyond_its_end(song: Path, tmp_path: Path) -> None:
    music = (MusicPart(start_s=0.0, end_s=1.4), MusicPart(start_s=14.4, end_s=17.0))
    path, (join,) = ensure_cut_aac(song, "a" * 64, music, 192_000, tmp_path)
    samples, _, rate = decoded_sound(path)
    assert len(samples) / rate == pytest.approx(4.0 + 0.5, abs=1024 / RATE)
    assert join.time_s == pytest.approx(1.4)
    expected = [0.4, 0.9, *(time_s - 13.0 for time_s in SONG_BEATS if time_s >= 14.4)]
    assert decoded_clicks(path) == pytest.approx(expected, abs=2e-3)
    assert all(b > a for a, b in pairwise(decoded_clicks(path)))


def test_a_file_without_sound_is_refused(tmp_path: Path) -> None:
    song = tmp_path / "song.mp3"
    song.write_bytes(b"just some text, no song")
    with pytest.raises(Poison):
        ensure_cut_aac(song, "1" * 64, MUSIC, 128_000, tmp_path)
    assert not list(tmp_path.rglob("*.part"))
