"""What is known at boundaries, in words and in pictures: below the key frames of a move, and as small pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from matplotlib.figure import Figure

from agents.drawing.canvas import INK, MUTED, rgb_of
from agents.media.pictures import Picture
from agents.move_indexing.draw_job import DRAW_BOUNDARIES, BoundaryAt, DrawBoundaries
from agents.move_indexing.move_pictures import boundary_stills, key_frames
from agents.move_indexing.move_pictures.bodies import FOLLOW, LEAD, couple
from agents.move_indexing.move_pictures.boundary_stills import boundary_still
from agents.move_indexing.move_pictures.boundary_texts import boundary_facts, boundary_lines, content_text
from agents.step import Tools
from infra.media_store import MediaStore
from schemas.boundary import Boundary, EightContent, JoinedHands
from schemas.faults import Poison
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveSummary
from tests.unit.infra.moves import make_boundary
from tests.unit.move_indexing import known_dancers


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return known_dancers.clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="module")
def move(path: Path) -> MoveSummary:
    """Return a move whose first boundary is sure, whose second one has an unsure hold, and whose last is unknown."""
    unsure = make_boundary(4, hold="open_one_hand", hold_confidence=0.61, hands=())
    states = {"boundaries": (make_boundary(0), unsure, Boundary(beat=8)), "count_confidence": 0.979}
    plain = known_dancers.move(path)
    eight = plain.eights[0].model_copy(update={"content": EightContent(kind="basic")})
    return plain.model_copy(update=states | {"eights": (eight,)})


def _figure(path: Path, move: MoveSummary) -> Figure:
    return key_frames.figure(path, move, couple(known_dancers.detections()))


def _colours(figure: Figure) -> dict[str, Any]:
    return {text.get_text(): text.get_color() for text in figure.axes[0].texts}


# Words.


def test_each_value_of_a_boundary_has_a_question_mark_where_it_is_not_sure() -> None:
    joined = tuple(JoinedHands(lead=one, follow=two, confidence=0.79) for one, two in _PAIRS)
    boundary = make_boundary(0, hold="open_two_hands", hold_confidence=0.8, hands=joined, facing_confidence=0.5)
    assert [line.marked for line in boundary_lines(boundary)] == [
        "open, two hands",
        "hands L-R R-L ?",
        "lead's left free",
        "follow's right free",
        "face to face ?",
    ]
    assert boundary_facts(boundary).least_confidence == 0.5


_PAIRS: tuple[tuple[Any, Any], ...] = (("left", "right"), ("right", "left"))


def test_what_is_not_known_is_named_and_counts_as_no_confidence() -> None:
    facts = boundary_facts(Boundary(beat=0))
    assert [line.marked for line in boundary_lines(Boundary(beat=0))] == [
        "hold unknown",
        "hands unknown",
        "lead's foot unknown",
        "follow's foot unknown",
        "facing unknown",
    ]
    assert facts.least_confidence is None
    alone = make_boundary(0, follow=None, hold=None, facing=None, hands=())
    assert boundary_facts(alone).least_confidence == 0.9


def test_hands_that_are_not_joined_are_as_sure_as_that_there_is_no_hold() -> None:
    boundary = make_boundary(0, hold="none", hold_confidence=0.7, hands=())
    assert boundary_facts(boundary).hands.marked == "no hands joined ?"


def test_hands_are_unknown_in_a_hold_for_which_none_are_found() -> None:
    annotated = make_boundary(0, hold="open_one_hand").with_hold("wrap")
    assert boundary_facts(annotated).hands.marked == "hands unknown"


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"kind": "basic", "lead_turns": 0.1, "follow_turns": -0.2}, "basic"),
        ({"kind": "pattern", "follow_turns": 0.9}, "pattern · follow 1 turn right"),
        (
            {"kind": "pattern", "lead_turns": -0.4, "follow_turns": 1.6},
            "pattern · lead 0.5 turn left · follow 1.5 turns right",
        ),
        ({"kind": "accent", "effect": "dip", "effect_s": 3.2}, "accent · dip at 3.20 s"),
        ({"kind": "pattern", "effect": "turn_end", "footwork": True}, "pattern · turn ends · footwork without hold"),
    ],
)
def test_what_is_danced_in_an_eight_is_one_line(fields: dict[str, Any], text: str) -> None:
    assert content_text(EightContent(**fields)) == text


# The picture of key frames.


def test_boundaries_are_described_below_their_tiles_and_unsure_values_are_paler(path: Path, move: MoveSummary) -> None:
    colours = _colours(_figure(path, move))
    assert colours["closed"] == colours["hands L-R"] == colours["lead's left free"] == INK
    assert colours["open, one hand ?"] == colours["hands unknown"] == MUTED
    assert colours["hold unknown"] == MUTED
    assert any("confidence below 0.8" in text for text in colours)


def test_a_row_ends_with_the_boundary_that_ends_its_eight(path: Path, move: MoveSummary) -> None:
    (row,) = key_frames.rows_of(move)
    assert [count for _, count in row.beats] == [*range(1, 9), 1]
    assert [boundary and boundary.beat for boundary in row.boundaries] == [0, *[None] * 3, 4, *[None] * 3, 8]
    assert "3.20 s" in _colours(_figure(path, move))


def test_an_eight_says_what_is_danced_and_the_move_whether_its_count_is_sure(path: Path, move: MoveSummary) -> None:
    drawn = list(_colours(_figure(path, move)))
    assert drawn.count("eight 1: basic") == 1  # below the row and along the strip: one text
    assert "the 1 is sure: 0.97" in key_frames.facts(move)
    assert "the 1 is unsure: 0.41" in key_frames.facts(move.model_copy(update={"count_confidence": 0.41}))
    elsewhere = MoveAnnotation(first_one_s=move.beats[move.counts.index(2)])
    assert key_frames.facts(move.annotated(elsewhere)).endswith("the 1 is unsure")


def test_a_move_without_boundaries_is_drawn_as_before(path: Path) -> None:
    plain = known_dancers.move(path)
    drawn = _colours(_figure(path, plain))
    assert len(key_frames.rows_of(plain)[0].beats) == 8
    assert "the 1 is" not in key_frames.facts(plain)
    assert not any("confidence" in text or "hold" in text for text in drawn)


def test_boundaries_of_a_clip_without_a_whole_eight_are_described(path: Path, move: MoveSummary) -> None:
    (row,) = key_frames.rows_of(move.model_copy(update={"eights": ()}))
    assert [boundary.beat for boundary in row.boundaries if boundary] == [0, 4, 8]
    assert "closed" in _colours(_figure(path, move.model_copy(update={"eights": ()})))


# Small pictures.


def _arrow_ends(boundary: Boundary, colour: str) -> np.ndarray:
    picture = Picture(0.0, np.full((480, 640, 3), 110, np.uint8))
    still = boundary_still(picture, boundary)
    assert still.shape[1::-1] == boundary_stills.SIZE
    rows, columns = np.nonzero(np.abs(still.astype(int) - rgb_of(colour)).max(axis=2) < 40)
    return np.array([columns.min(), columns.max(), rows.min(), rows.max()])


def test_arrows_lead_from_the_hips_to_where_each_dancer_faces() -> None:
    boundary = make_boundary(0)
    lead = _arrow_ends(make_boundary(0, follow=None), LEAD)
    follow = _arrow_ends(make_boundary(0, lead=None), FOLLOW)
    scale = boundary_stills.SIZE[1] / 480  # the couple and its margins are higher than the picture
    hips_x = [boundary_stills.SIZE[0] / 2 + 640 * scale * (x - 0.5) for x in (0.4, 0.6)]
    assert lead[0] == pytest.approx(hips_x[0], abs=6)
    assert lead[1] == pytest.approx(hips_x[0] + 36, abs=6)
    assert follow[1] == pytest.approx(hips_x[1], abs=6)
    assert follow[0] == pytest.approx(hips_x[1] - 36, abs=6)
    assert boundary.lead is not None
    away = boundary.model_copy(update={"lead": boundary.lead.model_copy(update={"heading_deg": 180.0})})
    assert _arrow_ends(away, LEAD)[2] < _arrow_ends(boundary, LEAD)[2] - 5


@pytest.mark.parametrize("place", [(100.0, -100.0), None])
@pytest.mark.parametrize("height", [None, 0.0, 0.01, 100.0])
@pytest.mark.parametrize("size", [(640, 480), (360, 640), (2, 2)])
def test_any_place_in_any_picture_can_be_drawn(
    place: tuple[float, float] | None, height: float | None, size: tuple[int, int]
) -> None:
    boundary = make_boundary(0, centre=place, height=height)
    assert boundary.lead is not None
    lead = boundary.lead.model_copy(update={"place": place})
    picture = Picture(0.0, np.full((size[1], size[0], 3), 110, np.uint8))
    still = boundary_still(picture, boundary.model_copy(update={"lead": lead}))
    assert still.shape == (*boundary_stills.SIZE[::-1], 3)


def _request(clip_sha256: str, folder: Path) -> DrawBoundaries:
    boundaries = tuple(BoundaryAt(time_s=time_s, boundary=make_boundary(0)) for time_s in (0.0, 2.0, 4.0))
    return DrawBoundaries(clip_sha256=clip_sha256, name="slope", duration_s=4, boundaries=boundaries, folder=folder)


def test_the_job_writes_a_picture_of_each_boundary(tmp_path: Path) -> None:
    store = MediaStore(tmp_path / "media")
    clip = known_dancers.clip(tmp_path / "clip.mp4", lambda time_s: np.full((480, 640, 3), 40.0 + 40 * time_s))
    tools = Tools(store, tmp_path / "cache", tmp_path, (), tmp_path / "no-model")
    request = _request(store.add(clip, "video").sha256, tmp_path)
    files = DRAW_BOUNDARIES.work(DrawBoundaries.model_validate_json(request.model_dump_json()), tools).files
    images = [cv2.imread(str(file)) for file in files]
    levels = [float(np.median(image)) for image in images if image is not None]
    assert levels == pytest.approx([40, 120, 200], abs=8)
    short, long, endless = (
        DRAW_BOUNDARIES.timeout_of(request.model_copy(update={"duration_s": s})) for s in (5.0, 50.0, 600.0)
    )
    assert short < long < endless == DRAW_BOUNDARIES.timeout_s


def test_a_clip_missing_in_the_store_has_no_pictures(tmp_path: Path) -> None:
    tools = Tools(MediaStore(tmp_path / "media"), tmp_path / "cache", tmp_path, (), tmp_path / "no-model")
    with pytest.raises(Poison, match="'slope' is no longer in the media store"):
        DRAW_BOUNDARIES.work(_request("0" * 64, tmp_path), tools)
