from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.move_indexed import Move
from tests.unit.move_scoring.builders import make_move

MOVE = make_move(1, eights=1).model_dump()
END_S = MOVE["clip"]["duration_s"]


def _windows(*spans: tuple[float, float]) -> dict[str, Any]:
    return MOVE | {"windows": [{"start_s": start, "end_s": end} for start, end in spans]}


def test_windows_that_hold_all_beats_are_accepted() -> None:
    assert Move.model_validate(_windows((0.1, END_S))).end_s == END_S
    assert Move.model_validate(MOVE).end_s == END_S


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0.0, 1.0), (0.5, END_S)], "be in order"),
        ([(2.0, END_S), (0.0, 1.0)], "be in order"),
        ([(1.0, 1.0)], "have a length"),
        ([(0.0, 1.0)], "a beat is in no window"),
        ([(0.0, MOVE["beats"][4] + 0.05), (MOVE["beats"][5] - 0.05, END_S)], "an eight spans a hole"),
        ([(0.0, END_S + 20)], "the windows end at"),
        ([(0.0, 1e9)], "less than or equal"),
        ([(float(n), n + 0.5) for n in range(601)], "at most 600"),
    ],
)
def test_contradictory_windows_are_refused(spans: list[tuple[float, float]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Move.model_validate(_windows(*spans))
