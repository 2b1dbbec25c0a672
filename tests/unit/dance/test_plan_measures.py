"""Tests of what `make quality-plan` measures."""

from __future__ import annotations

from collections import defaultdict

import pytest

from agents.dance.slots import Slot
from schemas.base import Options
from schemas.sequence_planned import ClipPart
from tests.quality import bench_plan
from tests.quality.plan_dances import Simple, Task, earlier_dance, planned
from tests.quality.plan_earlier import EARLIER, earlier_segments
from tests.quality.plan_library import Collection
from tests.quality.plan_measures import Measured, Ratio, measured
from tests.quality.plan_seams import Couple, Labels, right
from tests.quality.quality_plan import EVERY, GREEDY, OPTIONS, OURS, QUALITIES, RANDOM, figures
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.builders import make_scores, with_states

SONG = make_analysis([(index + 2) % 8 + 1 for index in range(69)])
MOVES = [with_states(make_move(number, eights=2), number) for number in range(4)]
NOTHING = Ratio(0.0, 0.0)
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


def _by_planner(*more: str) -> dict[str, Measured]:
    ours, simple = measured([planned(TASK)], Labels()), Simple(TASK)
    others = {GREEDY: measured([simple.greedy()], Labels()), RANDOM: measured([simple.at_random(1)], Labels())}
    return others | dict.fromkeys((*QUALITIES, EVERY, *more), ours)


def _missed(printed: str) -> set[str]:
    return {line.split()[1] for line in printed.splitlines() if line.endswith("missed")}


def test_without_the_earlier_planner_the_comparison_with_it_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    met = list(figures("songs", _by_planner()))
    missed = _missed(capsys.readouterr().out)
    assert f"songs_beside_{EARLIER}" in missed
    assert met.count(False) == len(missed)
    list(figures("songs", _by_planner(EARLIER)))
    assert f"songs_tempo_within_3_percent_beside_{EARLIER}" not in _missed(capsys.readouterr().out), "it is the same"


def test_a_commit_that_git_does_not_have_gives_no_plans(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.quality.plan_earlier.EARLIER", "0" * 40)
    assert earlier_segments(Collection("none", {}, (), {}), OPTIONS) == {}
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_what_could_not_be_measured_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    list(figures("songs", _by_planner(EARLIER)))
    missed = _missed(capsys.readouterr().out)
    assert "songs_accents_hit" in missed, "the song has none"
    assert f"songs_hold_right_by_labels_beside_{EARLIER}" in missed, "no clip is labelled"


def test_the_share_of_footwork_has_a_goal(capsys: pytest.CaptureFixture[str]) -> None:
    for share, is_met in ((0.0, False), (0.2, True), (0.5, False)):
        list(figures("songs", _by_planner() | {OURS: defaultdict(lambda: NOTHING, footwork=Ratio(share, 1.0))}))
        assert ("songs_footwork" not in _missed(capsys.readouterr().out)) == is_met


def test_a_benchmark_fails_where_a_goal_is_missed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"GOALS_MS": {20: 0.0}, "SONG_S": 20.0, "_SONGS": 4}
    for name, value in small.items():
        monkeypatch.setattr(bench_plan, name, value)
    monkeypatch.setattr("sys.argv", ["bench_plan", "--sizes", "20"])
    with pytest.raises(SystemExit) as ended:
        bench_plan.main()
    assert ended.value.code == 1
    assert "score_and_plan_240s_20_moves_balanced_cpu_ms" in _missed(capsys.readouterr().out)


def test_measures_of_songs_are_added() -> None:
    one, two = planned(TASK), Simple(TASK).greedy()
    both, alone = measured([one, two], Labels()), [measured([dance], Labels()) for dance in (one, two)]
    assert both["points"].value == pytest.approx(
        sum(each["points"].part for each in alone) / sum(each["points"].whole for each in alone)
    )
    assert both["cuts_on_one"].whole == len(one.cuts) + len(two.cuts)
    assert both["short_parts"].value == 0
