"""An annotated count 1: where it can be, and the request to index its clip again as it was indexed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from agents.move_indexing.dancers.pose_quality import POSE_QUALITIES, PoseQuality
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move, Window
from streams.operations.first_one import first_one_problem, needs_recount, recount_request
from tests.unit.move_scoring.builders import make_move

_HOLE = (Window(start_s=0.1, end_s=4.2), Window(start_s=6.0, end_s=8.6))


def _move() -> Move:
    """Return a move of 125 bpm whose beats begin at 0.2 s and whose pictures have a hole."""
    return make_move(1).model_copy(update={"windows": _HOLE})


@pytest.mark.parametrize("first_one_s", [None, 0.2, 0.42, 2.0, 4.2, 6.1, 8.1])
def test_a_1_may_be_half_a_beat_from_a_beat_of_the_clip(first_one_s: float | None) -> None:
    assert first_one_problem(_move(), first_one_s) == ""


@pytest.mark.parametrize("first_one_s", [0.0, 5.0, 9.0])
def test_a_1_where_the_clip_has_no_picture_is_refused(first_one_s: float) -> None:
    problem = first_one_problem(_move(), first_one_s)
    assert problem == (
        f"the clip has no picture at {first_one_s:g} s: its pictures are from 0.10 to 4.20 s and from 6.00 to 8.60 s"
    )
    assert first_one_problem(make_move(1), 60.0).endswith("its pictures are from 0.00 to 8.38 s")


def test_a_1_that_is_far_from_all_beats_is_refused() -> None:
    assert "within half a beat of 8.4 s: the nearest is at 7.88 s" in first_one_problem(_move(), 8.4)


def test_a_clip_is_counted_again_where_its_annotated_1_has_changed_or_is_not_its_1() -> None:
    move = make_move(1)
    on_one, on_five = (MoveAnnotation(first_one_s=move.beats[beat]) for beat in (0, 4))
    assert not needs_recount(move, None)
    assert not needs_recount(move.annotated(on_one), on_one)
    assert needs_recount(move.annotated(on_one), None)
    assert needs_recount(move, on_one), "it is cleared"
    assert needs_recount(move.annotated(on_five), on_five), "it was not indexed again"


@pytest.mark.parametrize(
    ("pose", "expected"),
    [
        (POSE_QUALITIES["balanced"], ("balanced", None, None)),
        (PoseQuality(8.0, 0.3), ("fast", 8.0, 0.3)),
        (PoseQuality(15.0, 0.35), ("fast", 15.0, 0.35)),
        (None, ("fast", None, None)),
    ],
)
def test_a_clip_is_indexed_again_with_the_detections_that_were_used_last(
    tmp_path: Path, pose: PoseQuality | None, expected: tuple[str, float | None, float | None]
) -> None:
    move = make_move(1).annotated(MoveAnnotation(first_one_s=0.2, style="sensual"))
    folder = tmp_path / "dancers" / move.clip.sha256
    folder.mkdir(parents=True)
    stray = [(name, 3) for name in ("something-else", "1.2.3hz-0.3-2", "8hz-.-2", "8hz-5.0-2", "9000.0hz-0.3-2")]
    for name, used_at in (("high_quality-2", 1), *stray, *([(f"{pose.name}-2", 2)] if pose else [])):
        (folder / f"{name}.npz").touch()
        os.utime(folder / f"{name}.npz", (used_at, used_at))
    if pose is None:
        (folder / "high_quality-2.npz").unlink()
    request = recount_request(move, tmp_path)
    assert (request.quality, request.pose_rate_hz, request.pose_confidence) == expected
    assert (request.source.sha256, request.clip, request.annotation) == (move.clip.sha256, move.name, move.annotation)
