"""Tests of what `make quality-plan` measures."""

from __future__ import annotations

import pytest

from agents.dance.slots import Slot
from schemas.base import Options
from schemas.sequence_planned import ClipPart
from tests.quality.plan_dances import Simple, Task, earlier_dance, planned
from tests.quality.plan_measures import measured
from tests.quality.plan_seams import Couple, Labels, right
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import make_scores, with_states

SONG = make_analysis([(index + 2) % 8 + 1 for index in range(69)])
MOVES = [with_states(make_move(number, eights=2), number) for number in range(4)]
TASK = Task.of(SONG, make_scores(SONG, MOVES), Options(duration="full", difficulty="advanced"))


def test_the_planner_is_at_least_as_good_as_simple_ones() -> None:
    simple, ours = Simple(TASK), planned(TASK).sheet
    for other in (simple.greedy().sheet, *(simple.at_random(seed).sheet for seed in range(3))):
        assert (ours.broken_gates, ours.points) <= (other.broken_gates, other.points + 1e-6)


def test_a_plan_is_the_same_dance_where_it_is_read_from_its_segments_alone() -> None:
    ours = planned(TASK)
    again = earlier_dance(TASK, _segments(ours.slots, [part.clip for part in ours.parts.parts]))
    assert [slot.times for slot in again.slots] == [slot.times for slot in ours.slots]
    assert [slot.eight_offset for slot in again.slots] == [slot.eight_offset for slot in ours.slots]


def _segments(slots: tuple[Slot, ...], clips: list[str]) -> list[ClipPart]:
    """Return a plan that shows the first eight of a clip in each slot."""
    segments = []
    for slot, clip in zip(slots, clips, strict=True):
        move = TASK.scores.moves[clip]
        song = (*slot.before, *slot.times, *slot.after)
        segments.append(
            ClipPart(
                move=move.move,
                clip=move.name,
                clip_sha256=clip,
                song_beats=song,
                clip_beats=move.beats[: len(song)],
                stretch=1.0,
            )
        )
    return segments


def test_a_label_of_a_mirrored_clip_has_the_other_feet() -> None:
    couple = Couple("closed", "face_to_face", ("left", None), "Ana & Leo")
    assert couple.mirrored() == Couple("closed", "face_to_face", ("right", None), "Ana & Leo")


@pytest.mark.parametrize(("may_change", "couple"), [(False, False), (True, True)])
def test_what_is_not_known_on_both_sides_is_not_counted(may_change: bool, couple: bool) -> None:
    before = Couple("closed", None, ("left", "right"), "Ana & Leo")
    after = Couple("shadow", "same_way", ("left", "left"), "Eva & Max")
    assert right(before, after, may_change=may_change) == {"hold": False, "foot": False, "couple": couple}


def test_measures_of_songs_are_added() -> None:
    one, two = planned(TASK), Simple(TASK).greedy()
    both, alone = measured([one, two], Labels()), [measured([dance], Labels()) for dance in (one, two)]
    assert both["points"].value == pytest.approx(
        sum(each["points"].part for each in alone) / sum(each["points"].whole for each in alone)
    )
    assert both["cuts_on_one"].whole == len(one.cuts) + len(two.cuts)
    assert both["short_parts"].value == 0
