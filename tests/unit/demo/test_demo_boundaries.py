"""Test that the exact boundaries of the demo clips are those of the motion that their pictures are drawn from."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, get_args

import pytest

from data.generators.couple.boundaries import boundaries, eights
from data.generators.couple.catalogue import CLIPS, ClipSpec
from schemas.base import Hold
from schemas.boundary import Effect, Facing
from tests.paths import DEMO
from tests.unit.demo.stick_figures import stick_figure

BODIES = stick_figure("lead"), stick_figure("follow")  # as tall as the dancers, and posed by the same programs
MAX_HEADING_DEG = 3.0
Row = dict[str, Any]


@cache
def stored() -> dict[str, list[Row]]:
    content: dict[str, list[Row]] = json.loads((DEMO / "boundaries.json").read_text(encoding="utf-8"))
    return content


def boundary(clip: str, beat: int) -> Row:
    return next(row for row in stored()["boundaries"] if row["clip"] == clip and row["beat"] == beat)


def in_json(rows: list[Row]) -> list[Row]:
    parsed: list[Row] = json.loads(json.dumps(rows))
    return parsed


@pytest.mark.parametrize("spec", CLIPS, ids=lambda spec: spec.name)
def test_the_stored_boundaries_are_those_of_the_motion(spec: ClipSpec) -> None:
    expected = [row for row in stored()["boundaries"] if row["clip"] == spec.name]
    for made, row in zip(in_json(list(boundaries(spec, BODIES))), expected, strict=True):
        for heading in ("lead_heading_deg", "follow_heading_deg"):
            off = (made.pop(heading) - row[heading] + 180) % 360 - 180
            assert abs(off) < MAX_HEADING_DEG, row
        assert made == {name: value for name, value in row.items() if not name.endswith("_deg")}


@pytest.mark.parametrize("spec", [spec for spec in CLIPS if spec.name in {"dip", "combination"}], ids=lambda s: s.name)
def test_the_stored_eights_are_those_of_the_motion(spec: ClipSpec) -> None:
    expected = [row for row in stored()["eights"] if row["clip"] == spec.name]
    for made, row in zip(eights(spec, BODIES), expected, strict=True):
        for name, value in row.items():
            assert made[name] == (pytest.approx(value, abs=0.05) if isinstance(value, float) else value), (name, row)


def test_every_eighth_beat_and_every_fourth_beat_has_a_boundary_at_the_time_of_the_beat() -> None:
    for spec in CLIPS:
        facts = json.loads((DEMO / "clips" / f"{spec.name}.json").read_text(encoding="utf-8"))
        rows = [row for row in stored()["boundaries"] if row["clip"] == spec.name]
        assert [(row["beat"], row["time_s"], row["count"]) for row in rows] == [
            (beat, facts["beats"][beat], facts["counts"][beat]) for beat in range(0, 17, 4)
        ]


def test_the_words_are_those_of_the_events() -> None:
    rows, eight_rows = stored()["boundaries"], stored()["eights"]
    assert {row["hold"] for row in rows} <= set(get_args(Hold))
    assert {row["facing"] for row in rows} <= set(get_args(Facing))
    assert {row["effect"] for row in eight_rows} <= {None, *get_args(Effect)}
    assert {foot for row in rows for foot in (row["lead_free_foot"], row["follow_free_foot"])} == {
        "left",
        "right",
        None,
    }


@pytest.mark.parametrize(
    ("clip", "beat", "hold", "hands", "facing"),
    [
        ("basic_side", 0, "open_two_hands", [["left", "right"], ["right", "left"]], "face_to_face"),
        ("arm_styling", 4, "open_one_hand", [["left", "right"]], "face_to_face"),
        ("lady_left_turn", 4, "open_one_hand", [["right", "left"]], "same_way"),  # under the raised hand
        ("lady_right_turn", 4, "open_one_hand", [["left", "right"]], "across"),
        ("hammerlock", 8, "hammerlock", [["left", "right"], ["right", "left"]], "same_way"),
        ("shadow_position", 8, "shadow", [["right", "right"]], "same_way"),
        ("dip", 8, "closed", [], "face_to_face"),
    ],
)
def test_a_boundary_is_as_the_pictures_show_it(
    clip: str, beat: int, hold: str, hands: list[list[str]], facing: str
) -> None:
    row = boundary(clip, beat)
    assert (row["hold"], row["hands"], row["facing"]) == (hold, hands, facing)


def test_the_lead_steps_left_on_one_and_right_on_five_and_nobody_steps_in_the_dip() -> None:
    for row in stored()["boundaries"]:
        if (row["clip"], row["beat"]) == ("dip", 8):
            assert row["lead_free_foot"] is row["follow_free_foot"] is None
        else:
            assert row["lead_free_foot"] == ("left" if row["count"] == 1 else "right")
            same_foot = row["clip"] == "shadow_position"
            assert (row["follow_free_foot"] == row["lead_free_foot"]) == same_foot


def test_turns_are_positive_to_the_dancers_own_right() -> None:
    turns = {(row["clip"], row["start_beat"]): (row["lead_turns"], row["follow_turns"]) for row in stored()["eights"]}
    assert turns["lady_right_turn", 0] == (0.0, 1.0)
    assert turns["lady_left_turn", 0] == (0.0, -1.0)
    assert turns["combination", 8] == (-1.0, 0.0)
