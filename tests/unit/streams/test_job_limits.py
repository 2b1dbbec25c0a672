"""The limits that the steps and jobs declare."""

from __future__ import annotations

import pytest

from agents.move_indexing.draw_job import DRAW_MOVE, DrawMove
from streams.steps import JOB_BY_NAME
from tests.unit.move_scoring.builders import make_move


@pytest.mark.parametrize("name", JOB_BY_NAME)
def test_a_job_may_use_two_gigabytes_and_an_hour_at_most(name: str) -> None:
    assert 512 <= JOB_BY_NAME[name].memory_mb <= 2048
    assert JOB_BY_NAME[name].timeout_s <= 3600


def test_the_time_for_a_job_grows_with_its_media_up_to_a_limit() -> None:
    move = make_move(1).summary()
    short, long, endless = (
        DRAW_MOVE.timeout_of(
            DrawMove(move=move.model_copy(update={"clip": move.clip.model_copy(update={"duration_s": s})}))
        )
        for s in (5.0, 50.0, 600.0)
    )
    assert short < long < endless == DRAW_MOVE.timeout_s
