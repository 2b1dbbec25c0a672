"""The accents of songs: the hits with which breaks begin."""

from __future__ import annotations

import json

import pytest

from agents.audio_analysis.analysis import analyze_music
from tests.paths import DEMO, SHARED


@pytest.mark.parametrize(("song", "starts"), [("luna_124", []), ("orilla_132", [37.47])])
def test_the_breaks_of_the_demo_songs(song: str, starts: list[float]) -> None:
    accents = analyze_music(DEMO / "songs" / f"{song}.mp3").accents
    assert [accent.time_s for accent in accents] == pytest.approx(starts, abs=0.02)


@pytest.mark.parametrize("name", ["syn01_128", "syn06_124", "syn08_132"])
def test_each_stop_of_a_song_is_an_accent(name: str) -> None:
    path = SHARED / "songs" / f"{name}.mp3"
    if not path.exists():
        pytest.skip("the shared songs are not here")
    sections = json.loads(path.with_suffix(".json").read_text())["sections"]
    stops = [section["start"] for section in sections if section["rhythm"] == "stop"]
    found = [accent.time_s for accent in analyze_music(path).accents]
    assert stops
    assert all(min(abs(time - stop) for time in found) < 0.05 for stop in stops)
