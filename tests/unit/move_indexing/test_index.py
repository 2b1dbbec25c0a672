from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agents.move_indexing.agent import STEP
from agents.move_indexing.index import move_name
from agents.move_indexing.motion.embedding import VERSION
from agents.step import Tools
from schemas.base import Source
from schemas.faults import Poison
from schemas.move_indexed import Move
from schemas.move_submitted import MoveAnnotation, MoveSubmitted
from streams.testing import event_after, work_of
from tests.unit.media.media_builders import MakeClip


def _event(path: Path, clip: str = "basic_side_1", **said: Any) -> MoveSubmitted:
    annotation = MoveAnnotation(**{"move": "basic", **said}) if said else None
    return MoveSubmitted(source=Source(path=str(path)), clip=clip, request_id="r1", annotation=annotation)


def test_a_clip_becomes_a_move(rendered_clips: Path, tools: Tools, tmp_path: Path) -> None:
    path = Path(shutil.copy(rendered_clips / "lady_right_turn.mp4", tmp_path))
    move = work_of(STEP, _event(path, tempo_bpm=125.0, category="turns"), tools)
    said = event_after(STEP, _event(path), move)
    assert (said.move.move, said.move.category, said.request_id) == ("basic", "turns", "r1")
    assert type(said.move) is Move
    assert said.move.dancers.both >= 0.9
    assert said.move.embedding_version == VERSION
    assert said.move.motion is not None
    assert said.move.motion.couple is not None
    assert said.move.motion.couple.face_to_face > 0.5
    assert said.move.motion.lead is not None
    assert said.move.motion.follow is not None
    assert min(said.move.motion.lead.detected, said.move.motion.follow.detected) > 0.9
    assert said.move.motion.follow.turns > 1.5 * said.move.motion.lead.turns
    assert said.move.tempo_bpm == pytest.approx(128, abs=0.5)
    assert said.move.beats[0] == pytest.approx(0.4, abs=0.02)
    assert [eight.start_beat for eight in said.move.eights] == [0, 8]
    assert len(said.move.eights[0].start_pose) == len(said.move.eights[0].end_pose) == 52
    assert np.linalg.norm(said.move.embedding) == pytest.approx(1, abs=1e-5)
    assert STEP.subject(_event(path), move) == move.clip.sha256
    assert STEP.is_valid(move, tools)
    assert type(said).model_validate_json(said.model_dump_json()) == said
    assert STEP.result.model_validate_json(move.model_dump_json()) == move
    assert list((tools.cache_dir / "mezzanines" / move.clip.sha256).glob("balanced-*.mp4"))


def test_a_clip_with_nobody_in_it_is_refused(clip: MakeClip, tools: Tools) -> None:
    with pytest.raises(Poison) as fault:
        work_of(STEP, _event(clip(seconds=2.0, fps=10)), tools)
    assert fault.value.reason == "nobody"


def test_a_song_is_no_clip(tools: Tools, tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"ID3" + bytes(5000))
    with pytest.raises(Poison):
        work_of(STEP, _event(path), tools)


def test_what_a_person_says_is_part_of_what_a_move_is_known_by(clip: MakeClip, tools: Tools) -> None:
    path = clip(seconds=2.0, fps=10)
    known = [
        STEP.depends_on(e, tools) for e in (_event(path), _event(path, tempo_bpm=120.0), _event(path, clip="other"))
    ]
    assert known[0] != known[1]
    assert known[0] != known[2]
    assert known[0] == STEP.depends_on(_event(path), tools)


@pytest.mark.parametrize(
    ("clip_name", "move"),
    [("basic_step_2", "basic_step"), ("a/b/dip_10.mp4", "dip"), ("turn", "turn"), ("_1", "_1"), ("v2_turn", "v2_turn")],
)
def test_a_move_is_named_after_its_clip(clip_name: str, move: str) -> None:
    assert move_name(clip_name) == move


def test_declaring_the_step_loads_nothing_heavy() -> None:
    code = (
        "import sys, agents.move_indexing.agent;"
        "print(sorted({'mediapipe', 'ai_edge_litert', 'cv2', 'av', 'scipy', 'numpy'} & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"
