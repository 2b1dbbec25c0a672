"""Styles and roles that are asked for: compared without regard to case, and named where no move has them."""

from __future__ import annotations

import pytest

from agents.sequence_planning.warnings import plan_warnings
from schemas.base import Options, Role
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.move_scoring.builders import make_analysis, make_index, make_move, score_of
from tests.unit.sequence_planning.builders import plan_of

pytestmark = IN_MEMORY
_SONG = make_analysis([1, 2, 3, 4, 5, 6, 7, 8] * 8)


def _library(style: str | None = None, role: Role | None = None) -> list[Move]:
    moves = [make_move(number, eights=3, move=f"move_{number}") for number in range(8)]
    annotation = MoveAnnotation(style=style, role=role)
    return [move.annotated(annotation) if number % 2 else move for number, move in enumerate(moves)]


@pytest.mark.parametrize(
    ("role", "warnings"),
    [
        ("follow_focus", ("no move of the library is annotated with the role follow_focus",)),
        ("lead_focus", ()),
        ("both", ()),
        (None, ()),
    ],
)
def test_a_role_that_no_move_has_is_a_warning(role: Role | None, warnings: tuple[str, ...]) -> None:
    assert score_of(_SONG, Options(role=role), make_index(_library(role="lead_focus"))).warnings == warnings


def test_a_style_is_the_same_in_capital_letters() -> None:
    plans = []
    for annotated, wished in (("sensual", "sensual"), ("sensual", "Sensual"), ("SENSUAL", "sensual")):
        options = Options(duration="full", style=wished)
        scores = score_of(_SONG, options, make_index(_library(annotated)))
        plans.append(plan_of(scores, _SONG, options))
        assert not list(plan_warnings(plans[-1], scores, options))
    assert plans[0].segments == plans[1].segments == plans[2].segments
    assert not any("style" in segment.terms for segment in plans[0].segments)
