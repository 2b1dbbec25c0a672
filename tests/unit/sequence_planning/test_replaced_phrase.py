"""Another move in one phrase: the best of all that may be there, and the rest of the dance as it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import pytest

from agents.sequence_planning.opened_plan import OpenedPlan, opened
from agents.sequence_planning.replaced_phrase import ANOTHER, with_move
from schemas.base import OnlyIn, Options, Pin
from schemas.faults import Poison
from schemas.plan_file import PlanFile, PlanRow
from schemas.sequence_planned import RunnerUp, Segment
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import check
from tests.unit.sequence_planning.plan_files import EIGHTS, planned, scored

_SONG = make_analysis([*EIGHTS * 3, *EIGHTS, 5, 6, 7, 8, *EIGHTS * 2])  # the fourth phrase has twelve beats
_MOVES = [
    make_move(number, eights=3, move=f"move_{number // 2}", pickup=number % 3, count_confidence=0.9)
    for number in range(6)
]
_NAMES = [move.name for move in _MOVES]


def _opened(options: Options | None = None) -> OpenedPlan:
    return opened(planned(_SONG, _MOVES, options or Options(duration="full"))[1])


def _clips(plan: OpenedPlan) -> list[str]:
    return [plan.file.moves[part.clip].name for part in plan.dance.parts]


def _phrases(plan: OpenedPlan) -> list[int]:
    return [music.phrase for music in plan.music]


def _quality(plan: OpenedPlan) -> tuple[int, float]:
    return plan.sheet.broken_gates, plan.sheet.points


@pytest.mark.parametrize("phrase", [1, 2, 4, 6])
def test_another_move_is_in_the_phrase_and_nothing_else_changes(phrase: int) -> None:
    before = _opened()
    after = opened(with_move(before, phrase, ANOTHER))
    assert _phrases(after) == _phrases(before)
    for number, one, two, part, other in zip(
        _phrases(before), _clips(before), _clips(after), before.dance.parts, after.dance.parts, strict=True
    ):
        assert (one != two) == (number == phrase)
        assert number == phrase or part == other


@pytest.mark.parametrize("phrase", [2, 7])
def test_each_part_has_runners_up_and_one_with_the_same_neighbours_the_same(phrase: int) -> None:
    song, options = make_analysis(EIGHTS * 12), Options(duration="full")
    before = opened(planned(song, _MOVES, options)[1])
    plan, changed = before.plan(), opened(with_move(before, phrase, ANOTHER)).plan()
    check(changed, scored(song, _MOVES, options).scores)
    assert all(segment.runners_up for segment in changed.segments)
    one, two = _by_neighbours(plan.segments), _by_neighbours(changed.segments)
    unchanged = one.keys() & two.keys()
    assert 0 < len(unchanged) < len(plan.segments)
    assert all(one[part] == two[part] for part in unchanged)


def _by_neighbours(segments: Sequence[Segment]) -> dict[tuple[str, ...], tuple[RunnerUp, ...]]:
    """Return the runners-up of segments by what the segments, and those before and after them, show."""
    shown = ["", *(f"{part.clip} {part.mirrored} {part.song_beats} {part.clip_beats}" for part in segments), ""]
    return {tuple(shown[n : n + 3]): segment.runners_up for n, segment in enumerate(segments)}


@pytest.mark.parametrize("name", ["clip_4", "CLIP_4", _MOVES[4].clip.sha256[:6]])
def test_a_clip_that_is_named_is_in_the_phrase(name: str) -> None:
    before = _opened()
    after = opened(with_move(before, 3, name))
    assert [clip for clip, phrase in zip(_clips(after), _phrases(after), strict=True) if phrase == 3] == ["clip_4"]


def test_of_a_move_with_several_clips_the_best_is_taken() -> None:
    before = _opened()
    after = opened(with_move(before, 2, "move_2"))
    each = [opened(with_move(before, 2, clip)) for clip in ("clip_4", "clip_5")]
    assert _quality(after) == min(map(_quality, each))


def test_the_choice_is_the_best_of_all() -> None:
    before = _opened()
    after = opened(with_move(before, 2, ANOTHER))
    at = _phrases(before).index(2)
    own = before.file.dance[at].clip
    others = (
        _with_row(before, at, {"clip": name, "eight": eight, "beat": None, "mirrored": mirrored})
        for name, eight, mirrored in product(sorted(set(_NAMES) - {own}), (1, 2, 3), (False, True))
    )
    assert _quality(after) == min(_quality(other) for other in others)


def _with_row(plan: OpenedPlan, at: int, fields: dict[str, object]) -> OpenedPlan:
    rows: list[PlanRow] = list(plan.file.dance)
    rows[at] = rows[at].model_copy(update=fields)
    return opened(plan.file.model_copy(update={"dance": tuple(rows)}))


def test_another_move_is_none_that_the_request_bans() -> None:
    banned: Sequence[str] = ("clip_0", "clip_1", "clip_2")
    options = Options(duration="full", bans=tuple(banned), only_in=(OnlyIn(move="clip_3", sections=("mambo",)),))
    before = _opened(options)
    for phrase in set(_phrases(before)):
        assert not {"clip_0", "clip_1", "clip_2", "clip_3"} & set(_clips(opened(with_move(before, phrase, ANOTHER))))


def test_another_move_may_be_in_the_place_of_a_pinned_one() -> None:
    before = _opened(Options(duration="full", pins=(Pin(phrase=2, move="clip_1"),)))
    at = _phrases(before).index(2)
    assert _clips(before)[at] == "clip_1"
    assert _clips(opened(with_move(before, 2, ANOTHER)))[at] != "clip_1"


@pytest.mark.parametrize(
    ("phrase", "move", "error"),
    [
        (99, ANOTHER, "the dance has 6 phrases, not 99"),
        (1, "tango", "no move 'tango' in the plan's file or the library"),
    ],
)
def test_what_cannot_be_is_refused(phrase: int, move: str, error: str) -> None:
    with pytest.raises(Poison, match=error):
        with_move(_opened(), phrase, move)


def test_a_clip_that_is_too_short_for_the_phrase_is_refused() -> None:
    short = make_move(9, eights=1)
    file = _opened().file
    longer = file.model_copy(update={"moves": {**file.moves, short.clip.sha256: short.summary()}})
    with pytest.raises(Poison, match=r"'clip_9' cannot be danced in phrase 4: name another with --to") as refused:
        with_move(opened(PlanFile.model_validate(longer.model_dump())), 4, "clip_9")
    assert refused.value.reason == "no_usable_moves"
