"""Moves are grouped by couple and by room from synthetic looks: colours in OpenCV's 8-bit Lab."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from agents.arrays import Floats
from agents.couples.couples import Couple, Place, couples, places
from agents.couples.look_distance import LookArrays, Looks
from schemas.base import UNKNOWN_GROUP
from schemas.look import ROOM_SHAPE, UNKNOWN, Look
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move
from tests.unit.infra.moves import make_move

_SKIN = (150, 145, 145)
_BLACK, _WHITE, _RED, _BLUE = (20, 128, 128), (230, 128, 128), (110, 180, 160), (100, 130, 95)
_LEAD, _FOLLOW = (_BLACK, _BLUE), (_WHITE, _RED)
_DAY_GAIN = 1.15  # of L + 16 and of chroma: half as much light again


def _dancer(shirt: Sequence[int], trousers: Sequence[int]) -> tuple[float, ...]:
    return tuple(float(value) for part in (shirt, trousers, trousers, _SKIN) for value in part)


def _room(number: int) -> Floats:
    """Return the cells of a background, not the same from the left and from the right."""
    rng = np.random.default_rng(number)
    colours = np.clip(rng.normal((150, 128, 128), (40, 12, 12), (*ROOM_SHAPE[:2], 3)), 40, 215)
    return np.concatenate([colours, rng.uniform(2, 20, (*ROOM_SHAPE[:2], 1))], axis=2)


def _look(
    lead: tuple[Sequence[int], Sequence[int]] = _LEAD,
    follow: tuple[Sequence[int], Sequence[int]] = _FOLLOW,
    room: Floats | None = None,
) -> Look:
    cells = _room(1) if room is None else room
    return Look(lead=_dancer(*lead), follow=_dancer(*follow), room=tuple(np.round(cells, 1).ravel().tolist()))


_OTHER_CLOTHES = _look((_WHITE, _WHITE), (_RED, _BLACK))


def _exposed(values: Sequence[float], size: int) -> tuple[float, ...]:
    """Return colours as in another light, in values of `size` for each."""
    colours = np.array(values).reshape(-1, size)
    colours[:, 0] = ((colours[:, 0] / 2.55 + 16) * _DAY_GAIN - 16) * 2.55
    colours[:, 1:3] = (colours[:, 1:3] - 128) * _DAY_GAIN + 128
    return tuple(colours.ravel().tolist())


def _move(number: int, look: Look | None = None, couple: str | None = None) -> Move:
    annotation = MoveAnnotation(couple=couple) if couple else None
    return make_move(number).model_copy(update={"look": look, "annotation": annotation})


def _places(*moves: Move) -> list[Place]:
    found = places(moves)
    return [found[move.clip.sha256] for move in moves]


def _together(*looks: Look) -> tuple[bool, bool]:
    """Return whether the clips are of one couple, and of one room."""
    found = _places(*(_move(number, look) for number, look in enumerate(looks)))
    return len({place.couple for place in found}) == 1, len({place.room for place in found}) == 1


def test_clips_that_look_the_same_are_of_one_couple_and_room() -> None:
    assert _places(_move(1, _look()), _move(2, _look())) == [Place("couple-1", "room-1")] * 2


def test_other_clothes_in_the_same_room_are_another_couple() -> None:
    assert _together(_look(), _OTHER_CLOTHES) == (False, True)


def test_the_same_clothes_in_another_room_are_another_couple() -> None:
    assert _together(_look(), _look(room=_room(2))) == (False, False)


def test_lead_and_follow_may_be_mistaken_for_each_other() -> None:
    assert _together(_look(), _look(_FOLLOW, _LEAD)) == (True, True)


def test_a_mirrored_clip_is_in_the_same_room() -> None:
    assert _together(_look(), _look(room=_room(1)[:, ::-1])) == (True, True)


def test_other_light_splits_no_couple() -> None:
    plain = _look()
    clothes = {"lead": _exposed(plain.lead, 3), "follow": _exposed(plain.follow, 3)}
    other_clothes = plain.model_copy(update=clothes)
    other_light = plain.model_copy(update=clothes | {"room": _exposed(plain.room, 4)})
    assert _together(plain, other_light) == (True, True)
    apart = Looks([LookArrays.of(look) for look in (plain, other_light, other_clothes)]).differences(
        0, np.array([1, 2])
    )
    assert apart.clothes[0] < 0.5
    assert apart.clothes[1] > 5


def test_a_dancer_who_is_never_detected_splits_no_couple() -> None:
    assert _together(_look(), _look().model_copy(update={"follow": ()})) == (True, True)


def test_without_a_background_only_nearly_the_same_clothes_are_one_couple() -> None:
    similar = _look((_BLUE, _BLACK), (_RED, _RED))
    anywhere = similar.model_copy(update={"room": ()})
    assert _together(_look(), similar) == (True, True)
    assert _together(_look(), anywhere) == (False, False)
    assert _together(_look(), _look().model_copy(update={"room": ()})) == (True, False)
    assert _places(_move(1, anywhere)) == [Place("couple-1", UNKNOWN_GROUP)]


@pytest.mark.parametrize(
    ("facts", "joined"), [({"fps": 24.0}, False), ({"width": 720, "height": 1280}, False), ({}, True)]
)
def test_another_frame_rate_or_shape_of_the_picture_speaks_against_one_couple(
    facts: dict[str, float], joined: bool
) -> None:
    moves = [_recorded(1, _look()), _recorded(2, _look(_LEAD, (_RED, _BLACK), _lighter_room()), **facts)]
    one, other = _places(*moves)
    assert (one.couple == other.couple) == joined


def _recorded(number: int, look: Look, **facts: float) -> Move:
    move = _move(number, look)
    known = {"fps": 29.97, "width": 1280, "height": 720}
    return move.model_copy(update={"clip": move.clip.model_copy(update=known | facts)})


def _lighter_room() -> Floats:
    """Return the background with a lamp that lights a half of it."""
    cells = _room(1)
    cells[:, 4:, 0] += 20
    return cells


def test_cells_that_are_hidden_in_one_clip_are_not_compared() -> None:
    hidden = _room(1)
    hidden[:, 3:6] = UNKNOWN
    assert _together(_look(), _look(room=hidden)) == (True, True)


def test_the_largest_couple_is_the_first_and_the_order_of_the_moves_is_no_matter() -> None:
    moves = [_move(n, _look()) for n in range(3)] + [_move(n, _OTHER_CLOTHES) for n in range(3, 8)]
    moves += [_move(n, _look(room=_room(n))) for n in range(8, 12)]
    expected = places(moves)
    assert {expected[move.clip.sha256].couple for move in moves[3:8]} == {"couple-1"}
    assert {expected[move.clip.sha256].couple for move in moves[:3]} == {"couple-2"}
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(moves))
        assert places([moves[n] for n in order]) == expected


def test_a_name_joins_couples_and_names_them() -> None:
    moves = [_move(1, _look(), "Ana & Leo"), _move(2, _look()), _move(3, _OTHER_CLOTHES, "ana & leo "), _move(4)]
    assert [place.couple for place in _places(*moves)] == ["Ana & Leo"] * 3 + [UNKNOWN_GROUP]


def test_two_names_split_a_couple_and_others_go_to_the_nearest() -> None:
    nearly = _look((_BLACK, (100, 130, 110)))
    moves = [_move(1, _look(), "Ana"), _move(2, nearly, "Eva"), _move(3, nearly), _move(4, _look())]
    assert [place.couple for place in _places(*moves)] == ["Ana", "Eva", "Eva", "Ana"]


def test_moves_without_a_look_are_unknown_or_as_annotated() -> None:
    moves = [_move(1), _move(2, Look()), _move(3, couple="Ana"), _move(4, _look(), "Ana")]
    unknown = Place(UNKNOWN_GROUP, UNKNOWN_GROUP)
    assert _places(*moves) == [unknown, unknown, Place("Ana", UNKNOWN_GROUP), Place("Ana", "room-1")]


def test_no_couple_gets_the_name_that_a_person_gave_to_another() -> None:
    found = _places(_move(1, _look(), "couple-1"), _move(2, _OTHER_CLOTHES), _move(3, None, UNKNOWN_GROUP), _move(4))
    assert [place.couple for place in found] == ["couple-1", "couple-2", UNKNOWN_GROUP, UNKNOWN_GROUP]


def test_looks_of_different_versions_are_not_compared() -> None:
    assert _together(_look(), _look().model_copy(update={"version": 2})) == (False, False)


@pytest.mark.parametrize("look", [Look(lead=(1.0,), room=(2.0,)), Look(lead=(1e6,) * 12, room=(-1e6,) * 160)])
def test_odd_looks_of_other_programs_are_couples_of_their_own(look: Look) -> None:
    assert _together(_look(), look) == (False, False)


def test_couples_have_their_moves_and_rooms_the_largest_first_and_the_unknown_last() -> None:
    moves = [_move(n) for n in range(3)] + [_move(3, _look()), _move(4, _look()), _move(5, _look(room=_room(2)), "Ana")]
    assert couples(moves) == [
        Couple("couple-1", ((moves[3], "room-1"), (moves[4], "room-1"))),
        Couple("Ana", ((moves[5], "room-2"),)),
        Couple(UNKNOWN_GROUP, tuple((move, UNKNOWN_GROUP) for move in moves[:3])),
    ]
    assert [couple.rooms for couple in couples(moves)] == [["room-1"], ["room-2"], [UNKNOWN_GROUP]]


def test_an_empty_library_has_no_couple() -> None:
    assert couples([]) == []
