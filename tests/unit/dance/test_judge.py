"""The score sheet of a dance, and the grades of its cuts."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from agents.dance.changes import CHANGE_RULES, MusicChange, change_between, pair_amounts
from agents.dance.dance_grid import dance_grid_of
from agents.dance.grades import seam_of
from agents.dance.judge import Sheet, judge
from agents.dance.music import Request, SlotMusic, music_of
from agents.dance.parts import Part, Parts, parts_of
from agents.dance.rules import MARKS, Rules, default_rules
from agents.dance.slots import cut_slots
from schemas.audio_analyzed import Section
from schemas.base import Options, RuleChange
from schemas.boundary import Boundary, DancerState, EightContent
from schemas.move_indexed import Move
from schemas.moves_scored import MoveFit
from tests.unit.move_scoring.builders import make_analysis, make_move

EIGHTS = [1, 2, 3, 4, 5, 6, 7, 8]
RULES = default_rules()


def state(beat: int, hold: str = "closed", confidence: float = 0.99) -> Boundary:
    """Return a couple that stands face to face with the right feet free for a 1."""
    return Boundary.model_validate(
        {
            "beat": beat,
            "hold": hold,
            "hold_confidence": confidence,
            "facing": "face_to_face",
            "facing_confidence": 0.99,
            "lead": DancerState(
                heading_deg=90, free_foot="left", free_foot_confidence=0.99, hip_velocity=(0, 0), place=(0.4, 0.5)
            ),
            "follow": DancerState(
                heading_deg=270, free_foot="right", free_foot_confidence=0.99, hip_velocity=(0, 0), place=(0.6, 0.5)
            ),
            "centre": (0.5, 0.5),
            "height": 0.7,
        }
    )


def clip(number: int, first: str = "closed", last: str = "closed", confidence: float = 0.99, **content: Any) -> Move:
    """Return a clip of one eight, at the song's tempo, with states at both ends."""
    move = make_move(number, eights=1, move=f"m{number}")
    same_pose = (0.1,) * 52
    eight = move.eights[0].model_copy(
        update={
            "content": EightContent.model_validate({"kind": "basic"} | content),
            "start_pose": same_pose,
            "end_pose": same_pose,
        }
    )
    states = (state(0, first, confidence), state(8, last, confidence))
    return move.model_copy(update={"eights": (eight,), "boundaries": states, "count_confidence": 0.9})


def dance_of(
    moves: list[Move],
    couples: list[str] | None = None,
    sections: tuple[Section, ...] = (),
    energy: tuple[float, ...] = (),
    rules: Rules = RULES,
) -> tuple[tuple[SlotMusic, ...], Parts, Sheet]:
    """Return the music, parts and sheet of a dance of these clips, one for each eight. `energy`: of each eight."""
    of_beats = [value for value in energy for _ in EIGHTS]
    song = make_analysis(EIGHTS * len(moves), first_s=0.0, tail_s=0.48, sections=sections, energy=of_beats)
    request = Request.of(Options(duration="full", difficulty="beginner"), rules)
    slots = cut_slots(dance_grid_of(song, request.options), ())
    music = music_of(slots, song, request)
    names = couples or ["Ana & Leo"] * len(moves)
    fits = {move.clip.sha256: MoveFit(fit=1.0, couple=name, room=name) for move, name in zip(moves, names, strict=True)}
    parts = parts_of([Part(m.clip.sha256, 0, 8) for m in moves], {m.clip.sha256: m for m in moves}, fits)
    return music, parts, judge(slots, music, parts, request)


def test_a_dance_that_fits_breaks_no_gate_and_has_grade_a() -> None:
    _, _, sheet = dance_of([clip(number) for number in range(4)])
    assert sheet.broken_gates == 0
    assert [seam.grade for seam in sheet.seams if seam] == ["A"] * 3
    assert {seam.reason for seam in sheet.seams if seam} == {"it fits"}
    assert set(sheet.marks) == set(MARKS)
    assert sheet.points == pytest.approx(sum(fault.points for fault in sheet.faults))


def test_a_hold_that_changes_at_a_cut_is_a_broken_gate_with_time_and_rule() -> None:
    _, _, sheet = dance_of([clip(0), clip(1, first="shadow", last="shadow"), clip(2, first="shadow")])
    (broken,) = (fault for fault in sheet.faults if fault.breaks_gate)
    assert broken.rule == "hold"
    assert broken.time_s == pytest.approx(8 * 0.48)
    assert [seam.grade for seam in sheet.seams if seam] == ["F", "A"]
    assert sheet.seams[0]
    assert sheet.seams[0].reason == "hold: closed → shadow"
    assert sheet.marks["connection"] < sheet.marks["timing"]


def test_another_couple_is_a_broken_gate_inside_of_a_section() -> None:
    _, _, sheet = dance_of([clip(0), clip(1)], ["Ana & Leo", "Mia & Tom"])
    assert [fault.rule for fault in sheet.faults if fault.breaks_gate] == ["couple"]


def test_another_couple_may_begin_a_section_in_the_same_hold_and_the_grade_says_so() -> None:
    moves = [clip(number) for number in range(4)]
    _, _, sheet = dance_of(moves, ["Ana & Leo"] * 2 + ["Mia & Tom"] * 2, sections_of(2, 2))
    assert sheet.broken_gates == 0
    assert [(seam.grade, seam.reason) for seam in sheet.seams if seam][1] == ("C", "another couple begins the section")


def sections_of(*eights: int) -> tuple[Section, ...]:
    """Return sections of so many eights."""
    ends = [8 * 0.48 * sum(eights[: n + 1]) for n in range(len(eights))]
    return tuple(
        Section(start_s=start, end_s=end, label="verse", rhythm="derecho", repeat_group=n)
        for n, (start, end) in enumerate(pairwise([0.0, *ends]))
    )


def test_a_section_that_begins_with_another_energy_than_its_music_costs_points() -> None:
    sections = sections_of(2, 2)
    for quiet, loud, expected in ((0.2, 0.7, 0.0), (0.5, 0.5, 0.5), (0.7, 0.2, 1.0)):
        moves = [clip(number, energy=quiet) for number in (0, 1)] + [clip(number, energy=loud) for number in (2, 3)]
        _, _, sheet = dance_of(moves, sections=sections, energy=(0.2, 0.2, 0.7, 0.7))
        found = {fault.slot: fault.amount for fault in sheet.faults if fault.rule == "energy_change"}
        assert found.get(2, 0.0) == pytest.approx(expected, abs=0.1)
        assert set(found) <= {2}


def test_a_move_again_and_again_costs_points_from_the_third_part_on() -> None:
    _, _, sheet = dance_of([clip(number).model_copy(update={"move": "turn"}) for number in range(4)])
    assert [fault.slot for fault in sheet.faults if fault.rule == "in_a_row"] == [2, 3]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("in_a_row", RuleChange(kind="gate")),
        ("turns", RuleChange(kind="gate", most=1.0)),
        ("repeated_move", RuleChange(kind="gate", most=0.5)),
        ("pose", RuleChange(kind="gate", most=1.5)),
        ("place", RuleChange(kind="gate", most=3.0)),
        ("tempo", RuleChange(kind="gate")),
        ("hold", RuleChange(most=0.1)),
        ("block", RuleChange(kind="gate")),
    ],
)
def test_a_rule_that_is_made_a_gate_is_broken_and_its_cut_says_so(name: str, change: RuleChange) -> None:
    moves = [clip(n, follow_turns=2.0, confidence=0.9).model_copy(update={"move": "turn"}) for n in range(4)]
    far = moves[2].eights[0].model_copy(update={"start_pose": (9.0,) * 52})
    aside = moves[2].boundaries[0].model_copy(update={"centre": (3.0, 0.5)})
    faster = tuple(0.95 * beat for beat in moves[2].beats)
    moves[2] = moves[2].model_copy(
        update={"eights": (far,), "boundaries": (aside, moves[2].boundaries[1]), "beats": faster}
    )
    _, _, sheet = dance_of(moves, rules=RULES.changed({name: change}))
    assert name in {fault.rule for fault in sheet.faults if fault.breaks_gate}
    of_cut = [seam for seam in sheet.seams if seam and name in seam.broken]
    assert all(seam.grade == "F" and seam.reason != "it fits" for seam in of_cut)
    assert bool(of_cut) == (name in CHANGE_RULES)


def test_a_cut_to_a_dip_says_that_it_is_not_prepared() -> None:
    _, _, sheet = dance_of([clip(0), clip(1, kind="accent", effect="dip", effect_s=2.0)])
    assert [seam.reason for seam in sheet.seams if seam] == ["a dip without its preparation"]


def test_a_part_of_an_eight_has_its_share_of_the_turns_and_the_dip_only_where_it_is_shown() -> None:
    move = clip(0, kind="accent", follow_turns=2.0, effect="dip", effect_s=3.4)
    sha = move.clip.sha256
    parts = parts_of([Part(sha, 0, 8), Part(sha, 0, 4), Part(sha, 4, 8)], {sha: move}, {})
    assert parts.turns.tolist() == [2.0, 1.0, 1.0]
    assert parts.dip.tolist() == [True, False, True]


def test_only_counts_1_to_4_before_another_1_are_a_break_of_four_counts() -> None:
    counts = [5, 6, 7, 8, *EIGHTS, 1, 2, 3, 4, *EIGHTS, 1, 2, 3, 4]
    song = make_analysis(counts, first_s=0.0, tail_s=0.48)
    request = Request.of(Options(duration="full"), RULES)
    music = music_of(cut_slots(dance_grid_of(song, request.options), ()), song, request)
    assert [slot.beats for slot in music] == [4, 8, 4, 8, 4]
    assert [slot.is_half for slot in music] == [False, False, True, False, False]


def test_an_opening_in_the_middle_of_a_movement_costs_points() -> None:
    opening = clip(0, kind="pattern")
    in_its_middle = opening.model_copy(
        update={"eights": (opening.eights[0], opening.eights[0].model_copy(update={"start_beat": 8}))}
    )
    parts = parts_of(
        [Part(opening.clip.sha256, 0, 8), Part(opening.clip.sha256, 8, 16)],
        {
            opening.clip.sha256: in_its_middle.model_copy(
                update={"beats": (*opening.beats, *range(10, 18)), "counts": opening.counts + tuple(EIGHTS)}
            )
        },
        {},
    )
    assert parts.opens.tolist() == [True, False]


@pytest.mark.parametrize(("confidence", "grade"), [(0.99, "A"), (0.8, "B"), (0.4, "B")])
def test_a_hold_that_is_less_sure_has_a_lower_grade(confidence: float, grade: str) -> None:
    music, parts, _ = dance_of([clip(0, confidence=confidence), clip(1, confidence=confidence)])
    assert grade_between(parts, music, RULES) == grade


def grade_between(parts: Parts, music: tuple[SlotMusic, ...], rules: Rules) -> str:
    before, after = (parts.rows(np.array([row])) for row in (0, 1))
    request = Request.of(Options(), rules)
    change = change_between(
        MusicChange.between(music[0], music[1]), before, after, pair_amounts(before, after, rules), request
    )
    amounts = {name: float(values[0, 0]) for name, values in change.amounts.items()}
    return seam_of(amounts, set(), before, after, rules).grade


def test_turns_without_a_rest_cost_points_and_a_rest_ends_that() -> None:
    turning = [clip(number, follow_turns=2.0) for number in range(4)]
    resting = [clip(4), clip(5), clip(6, follow_turns=2.0)]
    _, _, sheet = dance_of([*turning, *resting])
    assert [(fault.slot, fault.amount) for fault in sheet.faults if fault.rule == "turns"] == [(2, 2.0), (3, 2.0)]


def test_a_dip_after_a_cut_and_for_beginners_costs_points_twice() -> None:
    _, _, sheet = dance_of([clip(0), clip(1, kind="accent", effect="dip", effect_s=2.0)])
    assert [fault.slot for fault in sheet.faults if fault.rule == "dip"] == [1, 1]


def test_the_end_without_a_pose_costs_points() -> None:
    stop: dict[str, Any] = {"kind": "accent", "effect": "stop", "effect_s": 3.4}
    nothing: dict[str, Any] = {}
    for content, expected in ((nothing, 1), (stop, 0)):
        _, _, sheet = dance_of([clip(0), clip(1, **content)])
        assert sum(fault.rule == "ending" for fault in sheet.faults) == expected


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_a_dance_that_is_judged_some_slots_at_once_has_the_same_sheet(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    holds = ("closed", "shadow", "closed", "open_two_hands", "closed", "closed", "wrap")
    moves = [clip(number, first=hold, confidence=0.9) for number, hold in enumerate(holds)]
    energy = tuple(number / len(holds) for number in range(len(holds)))
    _, _, expected = dance_of(moves, energy=energy)
    monkeypatch.setattr("agents.dance.judge._AT_ONCE", at_once)
    _, _, sheet = dance_of(moves, energy=energy)
    assert [(fault.slot, fault.rule) for fault in sheet.faults] == [
        (fault.slot, fault.rule) for fault in expected.faults
    ]
    assert [fault.points for fault in sheet.faults] == pytest.approx([fault.points for fault in expected.faults])
    assert sheet.seams == expected.seams
