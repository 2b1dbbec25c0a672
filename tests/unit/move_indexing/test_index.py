from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.move_indexing.agent import STEP
from agents.move_indexing.index import move_name
from agents.move_indexing.motion.version import VERSION
from agents.playable import COUNT_SURE
from agents.step import Tools
from infra.downloads import WebDownloads
from infra.downloads.hosts import AllowedHosts
from schemas.base import Source
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move
from schemas.move_submitted import MoveSubmitted
from streams.testing import work_of
from tests.file_server import file_server, response
from tests.unit.media.media_builders import MakeClip


def _event(path: Path, clip: str = "basic_side_1", **annotated: Any) -> MoveSubmitted:
    annotation = MoveAnnotation(**{"move": "basic", **annotated}) if annotated else None
    return MoveSubmitted(source=Source(path=str(path)), clip=clip, request_id="r1", annotation=annotation)


def test_a_clip_becomes_a_move(rendered_clips: Path, tools: Tools, tmp_path: Path) -> None:
    path = Path(shutil.copy(rendered_clips / "lady_right_turn.mp4", tmp_path))
    submitted = _event(path, tempo_bpm=125.0, category="turns").model_copy(update={"pose_rate_hz": 6.0})
    move = work_of(STEP, submitted, tools)
    event = STEP.event_after(submitted, move)
    assert (event.move.move, event.move.category, event.request_id) == ("basic", "turns", "r1")
    assert event.move.judged is not None
    assert (event.move.judged.move, event.move.judged.category) == ("basic_side", "basic_side")
    assert type(event.move) is Move
    assert event.move.dancers.both >= 0.9
    assert event.move.embedding_version == VERSION
    assert event.move.motion is not None
    assert event.move.motion.couple is not None
    assert event.move.motion.couple.face_to_face > 0.5
    assert event.move.motion.lead is not None
    assert event.move.motion.follow is not None
    assert min(event.move.motion.lead.detected, event.move.motion.follow.detected) > 0.9
    assert event.move.motion.follow.turns > 1.5 * event.move.motion.lead.turns
    assert event.move.tempo_bpm == pytest.approx(128, abs=0.5)
    assert event.move.beats[0] == pytest.approx(0.4, abs=0.02)
    assert event.move.counts == tuple(n % 8 + 1 for n in range(len(event.move.counts)))
    assert event.move.count_confidence > COUNT_SURE
    assert [eight.start_beat for eight in event.move.eights] == [0, 8]
    assert len(event.move.eights[0].start_pose) == len(event.move.eights[0].end_pose) == 52
    assert event.move.look is not None
    assert (len(event.move.look.lead), len(event.move.look.follow), len(event.move.look.room)) == (12, 12, 160)
    assert np.linalg.norm(event.move.embedding) == pytest.approx(1, abs=1e-5)
    assert STEP.subject(_event(path), move) == move.clip.sha256
    assert STEP.is_valid(move, tools)
    assert type(event).model_validate_json(event.model_dump_json()) == event
    assert STEP.result.model_validate_json(move.model_dump_json()) == move
    assert list((tools.cache_dir / "mezzanines" / move.clip.sha256).glob("balanced-*.mp4"))


def test_dancers_are_detected_with_the_values_of_the_event(couple_clip: Path, tools: Tools, tmp_path: Path) -> None:
    path = Path(shutil.copy(couple_clip, tmp_path))
    event = _event(path, tempo_bpm=120.0).model_copy(update={"pose_rate_hz": 5.0, "pose_confidence": 0.35})
    with pytest.raises(Poison, match="no whole eight"):  # it lasts two seconds
        work_of(STEP, event, tools)
    [found] = (tools.cache_dir / "dancers").rglob("*.npz")
    assert found.name.startswith("5.0hz-0.35-")
    with np.load(found) as arrays:
        assert len(arrays["times"]) == 10


def test_a_clip_without_dancers_is_refused(clip: MakeClip, tools: Tools) -> None:
    with pytest.raises(Poison) as fault:
        work_of(STEP, _event(clip(seconds=2.0, fps=10)), tools)
    assert fault.value.reason == "nobody"


def test_a_clip_at_a_url_is_fetched_before_it_is_searched_for_dancers(
    clip: MakeClip, tools: Tools, tmp_path: Path
) -> None:
    fractions: list[float] = []
    with file_server() as server:
        server.routes["/a.mp4"] = response(clip(seconds=2.0, fps=10).read_bytes())
        downloads = WebDownloads(tmp_path, AllowedHosts.of((f"127.0.0.1:{server.port}",)), allow_private=True)
        event = _event(tmp_path).model_copy(update={"source": Source(url=server.url("/a.mp4"))})
        with pytest.raises(Poison) as fault:
            work_of(STEP, event, replace(tools, downloads=downloads, report=fractions.append))
    assert fault.value.reason == "nobody"
    assert 0 < fractions[0] < 0.1 <= fractions[-1]
    assert fractions == sorted(fractions)


def test_an_audio_file_is_refused(tools: Tools, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"ID3" + bytes(5000))
    with pytest.raises(Poison):
        work_of(STEP, _event(path), tools)


def test_a_moves_input_depends_on_annotated_tempo_and_name(clip: MakeClip, tools: Tools) -> None:
    path = clip(seconds=2.0, fps=10)
    plain = STEP.depends_on(_event(path), tools)
    assert plain != STEP.depends_on(_event(path, tempo_bpm=120.0), tools)
    assert plain != STEP.depends_on(_event(path, clip="other"), tools)
    assert plain == STEP.depends_on(_event(path, difficulty="advanced", category="turns"), tools)
    assert plain == STEP.depends_on(_event(path), tools)


@pytest.mark.parametrize(
    ("clip_name", "move"),
    [("basic_step_2", "basic_step"), ("a/b/dip_10.mp4", "dip"), ("turn", "turn"), ("_1", "_1"), ("v2_turn", "v2_turn")],
)
def test_a_move_is_named_after_its_clip(clip_name: str, move: str) -> None:
    assert move_name(clip_name) == move


def test_declaring_the_step_imports_no_heavy_module() -> None:
    code = (
        "import sys, agents.move_indexing.agent;"
        "print(sorted({'mediapipe', 'ai_edge_litert', 'cv2', 'av', 'scipy', 'numpy'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
