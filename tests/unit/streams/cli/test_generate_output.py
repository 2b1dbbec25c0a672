"""`generate` prints the cuts with their grades, and how the parts of a cut song are joined."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.settings import load_settings
from schemas.base import MediaFacts, MediaRef, Options
from schemas.rendered import Join, Rendered, Video
from schemas.sequence_planned import Seam, ShownPart
from streams.cli.generate import _print_result

SHA = "a" * 64


@pytest.fixture
def rendered() -> Rendered:
    facts: dict[str, Any] = {"move": "dip", "clip": "dip_1", "clip_sha256": SHA, "stretch": 1.0, "clip_beats": (0, 2)}
    seam = Seam(grade="B", reason="the hold is unsure")
    return Rendered(
        request_id="r-1",
        song=MediaFacts(sha256=SHA, size_bytes=1, kind="audio", format="mp3", codec="mp3", duration_s=60),
        title="luna",
        options=Options(),
        tempo_bpm=120,
        library_version="v",
        segments=(
            ShownPart(**facts, song_beats=(1, 3), section="verse"),
            ShownPart(**facts, song_beats=(3, 5), section="verse", seam=seam, mirrored=True),
        ),
        video=Video(
            file="luna.mp4",
            media=MediaRef(sha256=SHA, size_bytes=1, kind="video"),
            duration_s=4,
            width=1280,
            height=720,
            frames=120,
            max_cut_error_ms=10,
        ),
        joins=(Join(time_s=2.0, shift_ms=-0.5, likeness=0.834, change=0.418),),
        warnings=("a doubt",),
    )


def test_json_has_the_cuts_and_the_joins(rendered: Rendered, capsys: pytest.CaptureFixture[str]) -> None:
    _print_result(load_settings(), rendered, {}, None, True)
    printed = json.loads(capsys.readouterr().out)
    assert [(move["mirrored"], move["section"]) for move in printed["moves"]] == [(False, "verse"), (True, "verse")]
    assert [move["seam"] for move in printed["moves"]] == [
        None,
        {"grade": "B", "reason": "the hold is unsure", "broken": []},
    ]
    assert printed["joins"] == [{"time_s": 2.0, "shift_ms": -0.5, "likeness": 0.834, "change": 0.418}]


def test_a_person_reads_how_the_music_is_joined(rendered: Rendered, capsys: pytest.CaptureFixture[str]) -> None:
    _print_result(load_settings(), rendered, {}, None, False)
    lines = capsys.readouterr().err.splitlines() or []
    assert "music joined at 2.0 s: likeness 0.83, change 0.42" in lines
    assert "warning: a doubt" in lines
