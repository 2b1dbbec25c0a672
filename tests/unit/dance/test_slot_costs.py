"""The costs of many slots at once are those of each slot."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.dance.dance_grid import dance_grid_of
from agents.dance.music import Request, music_of
from agents.dance.parts import Part, parts_of
from agents.dance.rules import default_rules
from agents.dance.slot_faults import SLOT_RULES, amounts_in_slots, cost_in_slots, slot_cost
from agents.dance.slots import cut_slots
from schemas.audio_analyzed import Accent
from schemas.base import Difficulty, Options
from tests.unit.move_scoring.builders import make_library, make_song
from tests.unit.sequence_planning.builders import make_scores

_MOVES = make_library(40)
_PARTS = parts_of(
    [Part(move.clip.sha256, eight.start_beat, eight.start_beat + 8) for move in _MOVES for eight in move.eights],
    {move.clip.sha256: move.summary() for move in _MOVES},
    {},
)


@settings(max_examples=20, deadline=None)
@given(
    seconds=st.integers(10, 90),
    tempo=st.floats(100, 150),
    difficulty=st.sampled_from(["beginner", "advanced"]),
    accents=st.lists(st.floats(0, 90), max_size=6),
)
def test_many_slots_at_once_cost_what_each_costs(
    seconds: int, tempo: float, difficulty: Difficulty, accents: list[float]
) -> None:
    song = make_song(seconds, tempo).model_copy(
        update={"accents": tuple(Accent(time_s=time, strength=1.0) for time in sorted(accents))}
    )
    options = Options(duration="full", difficulty=difficulty)
    request = Request.of(options, default_rules())
    music = music_of(cut_slots(dance_grid_of(song, options), make_scores(song, _MOVES[:1]).phrases), song, request)
    together = amounts_in_slots(music, _PARTS, request)
    assert set(together) == set(SLOT_RULES)
    costs = cost_in_slots(music, _PARTS, request)
    for n, slot in enumerate(music):
        for name, amounts in amounts_in_slots((slot,), _PARTS, request).items():
            assert amounts[0] == pytest.approx(together[name][n])
        assert np.array_equal(costs[n], slot_cost(slot, _PARTS, request))
