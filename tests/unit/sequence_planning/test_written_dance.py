"""A plan in rows is the plan: there and back without a loss, and what is wrong is named by its row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sequence_planning.opened_plan import opened
from agents.sequence_planning.plan_rows import rows_of
from agents.sequence_planning.slot_pieces import ON_BEAT_S, pieces_between, song_grid
from agents.sequence_planning.written_dance import dance_of
from schemas.audio_analyzed import AudioAnalysis, Section
from schemas.base import Duration, Options
from schemas.faults import Poison
from schemas.plan_file import PlanFile, PlanRow, clock_text, seconds_of
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.plan_files import EIGHTS, planned, written

_MOVES = [make_move(number, eights=1 + number % 4, pickup=number % 5) for number in range(8)]
_SUMMARIES = {move.clip.sha256: move.summary() for move in _MOVES}
_SONG = make_analysis(EIGHTS * 4, tail_s=0.48, first_s=0.48)  # beats at 0.00, 0.48, …: one before the first 1
_PERIOD_S = 0.48


def _at(beat: int) -> str:
    """Return the time of a beat of the song, the first 1 being beat 0."""
    return clock_text(_PERIOD_S * (beat + 1))


def _row(at: int, /, clip: int = 3, **fields: Any) -> PlanRow:
    place = {} if {"beat", "from_s"} & set(fields) else {"eight": 1}
    return PlanRow.model_validate({"at": _at(at), "clip": f"clip_{clip}", **place, **fields})


def _file(*rows: PlanRow, ends: int = 32) -> PlanFile:
    return written(_SONG, _MOVES, rows, _at(ends))


_SURPLUS = [[*EIGHTS, 8], [*EIGHTS, 8, 8], [1, 2, 3, 4, 4, 4, 4, 5, 6, 7, 8]]
_KINDS = [EIGHTS, EIGHTS, EIGHTS, [1, 2, 3, 4], [*EIGHTS, 5, 6, 7, 8], *_SURPLUS]
_PHRASES = st.lists(st.sampled_from(_KINDS), min_size=3, max_size=12)


@st.composite
def _songs(draw: st.DrawFn) -> AudioAnalysis:
    pickup = EIGHTS[draw(st.integers(4, 8)) :]
    counts = [*pickup, *(count for phrase in draw(_PHRASES) for count in phrase)]
    tempo = draw(st.floats(90, 170).map(lambda value: round(value, 1)))
    first, tail = (draw(st.floats(0.05, 1.6).map(lambda value: round(value, 3))) for _ in range(2))
    section = Section(start_s=0, end_s=5, label="verse", rhythm="derecho")
    return make_analysis(counts, tempo_bpm=tempo, first_s=first, tail_s=tail, sections=(section,))


@settings(max_examples=60, deadline=None)
@given(song=_songs(), duration=st.sampled_from(["30s", "1min", "full"]))
def test_a_planned_dance_is_the_same_after_it_was_written_and_read(song: AudioAnalysis, duration: Duration) -> None:
    plan, file = planned(song, _MOVES, Options(duration=duration))
    read = opened(PlanFile.model_validate_json(file.model_dump_json()))
    assert read.plan() == plan.model_copy(update={"shots": ()}), "each move is a candidate everywhere"
    assert not any(any(amounts.values()) for amounts in read.dance.amounts), "a planned dance breaks beats or ones"


@st.composite
def _dances(draw: st.DrawFn) -> tuple[AudioAnalysis, list[PlanRow], str]:
    """Return a song, and rows that a person could have written: of any length, at any beat, also beside the beats."""
    song = draw(_songs())
    grid = song_grid(song, Options(duration="full"))
    edges = sorted(draw(st.sets(st.integers(0, len(grid.times) - 1), min_size=2, max_size=10)))
    rows = []
    for start, end in pairwise(edges):
        fitting = [(move, len(move.beats) - 1 - (end - start)) for move in _MOVES]
        possible = [(move, last) for move, last in fitting if last >= 0]
        if not possible:
            return song, [], ""
        move, last = draw(st.sampled_from(possible))
        off = draw(st.sampled_from([0.0, 0.0, 0.03, 0.06]))
        rows.append(
            PlanRow(
                at=clock_text(grid.times[start] + off * (start + 1 < end), 4),
                clip=draw(st.sampled_from([move.name, move.clip.sha256, move.clip.sha256[:9]])),
                beat=1 + draw(st.integers(0, last)),
                mirrored=draw(st.booleans()),
            )
        )
    return song, rows, clock_text(grid.times[edges[-1]], 4)


@settings(max_examples=100, deadline=None)
@given(dance=_dances())
def test_a_written_dance_is_the_same_after_it_was_planned_and_written(
    dance: tuple[AudioAnalysis, list[PlanRow], str],
) -> None:
    song, rows, ends = dance
    if not rows:
        return
    read = opened(written(song, _MOVES, rows, ends))
    plan = read.plan()
    grid = song_grid(song, Options(duration="full"))
    again, start, end = rows_of(plan, song, grid, _SUMMARIES)
    assert opened(written(song, _MOVES, again, end, start)).plan() == plan
    assert (plan.start_s, plan.end_s) == pytest.approx((rows[0].at_s, seconds_of(ends)), abs=ON_BEAT_S)
    assert rows_of(plan, song, grid, _SUMMARIES) == (again, start, end)


def test_a_row_says_counts_section_and_the_eight_of_the_clip() -> None:
    section = Section(start_s=0, end_s=16, label="chorus", rhythm="majao", repeat_group=1)
    song = make_analysis(EIGHTS * 4, sections=(section,))
    _, file = planned(song, _MOVES, Options(duration="30s"))
    assert {(row.counts, row.section) for row in file.dance} >= {("1-8", "chorus B")}
    assert all((row.eight is None) != (row.beat is None) for row in file.dance)


def test_a_row_that_is_longer_than_an_eight_goes_on_in_its_clip() -> None:
    read = opened(_file(_row(0), ends=24))
    dance = read.dance
    assert [(part.first, part.end) for part in dance.parts] == [(3, 11), (11, 19), (19, 27)]
    assert dance.rows == (1, 1, 1)
    assert [music.phrase for music in read.music] == [1, 2, 3]


def test_rows_of_which_one_goes_on_in_the_clip_of_another_are_danced_without_a_cut() -> None:
    rows = [_row(0), _row(4, beat=3 + 4 + 1), _row(8, beat=3 + 8 + 1)]
    dance = opened(_file(*rows, ends=16)).dance
    assert [(part.first, part.end) for part in dance.parts] == [(3, 11), (11, 19)]
    assert dance.rows == (1, 3)
    assert len(opened(_file(*rows, ends=16)).plan().segments) == 1


def test_a_row_may_begin_on_a_5_with_the_5_of_its_clip() -> None:
    read = opened(_file(_row(0), _row(4, clip=7, beat=2 + 4 + 1), ends=8))
    dance = read.dance
    assert [(slot.beats, slot.eight_offset, slot.phrase_offset) for slot in dance.slots] == [(4, 0, 0), (4, 4, 4)]
    assert [music.phrase for music in read.music] == [1, 1]
    assert not [fault for fault in read.sheet.faults if fault.rule == "one"]


def _broken(file: PlanFile) -> dict[tuple[str, int], float]:
    """Return the broken gates of timing, by rule and slot, with their amounts."""
    faults = opened(file).sheet.faults
    return {(fault.rule, fault.slot): fault.amount for fault in faults if fault.rule in {"beats", "one"}}


def test_a_1_on_a_5_breaks_a_gate() -> None:
    assert _broken(_file(_row(0), _row(4, clip=7), ends=8)) == {("one", 1): 1}
    assert _broken(_file(_row(0, beat=4 + 2), ends=8)) == {("one", 0): 1}
    assert opened(_file(_row(0, beat=4 + 2), ends=8)).sheet.broken_gates == 1


@pytest.mark.parametrize(("off_s", "amount"), [(0.0, 0), (0.9 * ON_BEAT_S, 0), (0.05, 1), (-0.1, 1)])
def test_a_time_that_is_on_no_beat_of_the_song_breaks_a_gate(off_s: float, amount: int) -> None:
    time = clock_text(seconds_of(_at(8)) + off_s, 3)
    moved = _row(8).model_copy(update={"at": time})
    file = _file(_row(0), moved, ends=16)
    assert _broken(file) == ({("beats", 1): amount} if amount else {})
    assert opened(file).plan().segments[1].song_start_s == pytest.approx(seconds_of(_at(8)) + off_s * amount)


def test_an_end_that_is_on_no_beat_breaks_a_gate() -> None:
    file = _file(_row(0), _row(8), ends=16).model_copy(update={"ends": clock_text(seconds_of(_at(16)) + 0.07)})
    assert _broken(file) == {("beats", 1): 1}


def test_a_start_that_is_on_no_beat_of_the_clip_breaks_a_gate_and_cannot_be_rendered() -> None:
    beat_s = _MOVES[3].beats[3]
    on = _file(_row(0, from_s=beat_s), ends=8)
    assert _broken(on) == {}
    assert opened(on).plan() == opened(_file(_row(0), ends=8)).plan()
    off = opened(_file(_row(0), _row(8, from_s=round(beat_s + 0.2, 2)), ends=16))
    assert _broken(off.file) == {("beats", 1): 8}
    with pytest.raises(Poison, match=r"row 2 \(0:04.32\): clip_3 has no beat at .* s: the nearest is at 1\.\d+ s"):
        off.plan()


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([_row(0, clip=99)], r"row 1 \(0:00.48\): no clip of the file has the name 'clip_99'; do you mean clip_"),
        ([_row(0, clip=0), _row(16)], r"row 1 .*: from beat 1 on, clip_0 can be shown for 8 beats, and 16 are to be "),
        ([_row(0), _row(8, beat=60)], r"row 2 .*: clip_3 has only 36 beats, not 60: write an earlier one"),
        ([_row(0), _row(8, beat=30)], r"row 2 .*: from beat 30 on, clip_3 .*: begin earlier in the clip"),
        ([_row(0, eight=5)], r"row 1 .*: clip_3 has only 4 eights, not 5: write another, or `beat`"),
        (
            [_row(0), _row(8).model_copy(update={"at": "0:00.60"})],
            r"row 2 \(0:00.60\): it is less than a beat after ro",
        ),
    ],
)
def test_a_row_that_cannot_be_danced_is_named_with_what_to_do(rows: Sequence[PlanRow], error: str) -> None:
    with pytest.raises(Poison, match=error) as refused:
        opened(_file(*rows))
    assert refused.value.reason == "invalid_plan"


def test_an_end_after_the_song_is_refused() -> None:
    with pytest.raises(Poison, match=r"the end: the music lasts from 0:00.00 to 0:15.84: write a time in it"):
        opened(_file(_row(0), ends=40))


def test_a_clip_without_beats_is_refused() -> None:
    silent = _MOVES[1].model_copy(update={"beats": (), "counts": (), "eights": (), "boundaries": ()})
    for place in ({"eight": 1}, {"beat": 1}, {"from_s": 1.0}):
        rows = [PlanRow.model_validate({"at": _at(0), "clip": "clip_1", **place})]
        with pytest.raises(Poison, match=r"row 1 \(0:00.48\): clip_1 has "):
            opened(written(_SONG, [silent], rows, _at(8)))


def test_all_wrong_rows_are_named() -> None:
    with pytest.raises(Poison, match="2 rows cannot be danced; row 1") as refused:
        opened(_file(_row(0, clip=98), _row(8), _row(16, clip=99)))
    assert [error.partition(" (")[0] for error in refused.value.errors] == ["row 1", "row 3"]


def test_two_clips_with_one_name_are_told_apart_by_their_hash() -> None:
    twins = [make_move(1, eights=4), make_move(2, eights=4).model_copy(update={"name": "clip_1"})]
    rows = [PlanRow(at=_at(0), clip="clip_1", eight=1)]
    with pytest.raises(Poison, match="2 clips have the name 'clip_1': write one of "):
        opened(written(_SONG, twins, rows, _at(8)))
    sha = twins[1].clip.sha256
    plan = opened(written(_SONG, twins, [rows[0].model_copy(update={"clip": sha[:12]})], _at(8))).plan()
    assert plan.segments[0].clip_sha256 == sha
    again, *_ = rows_of(plan, _SONG, song_grid(_SONG, Options(duration="full")), {m.clip.sha256: m for m in twins})
    assert again[0].clip == sha


def test_the_rows_of_a_slot_begin_where_the_planner_would_cut() -> None:
    grid = song_grid(_SONG, Options(duration="full"))
    slots = [piece.slot(grid, {}) for piece in pieces_between(grid, [1, 33])]
    assert [slot.beats for slot in slots] == [8, 8, 8, 8]
    dance = dance_of([_row(0), _row(8)], None, _at(16), grid, _SUMMARIES)
    assert list(dance.slots) == slots[:2]


def test_a_clip_leads_into_the_dance_and_ends_it() -> None:
    read = opened(written(_SONG, _MOVES, [_row(0), _row(8)], _at(18), _at(-1)))
    first, last = read.dance.slots
    assert (first.before, first.times[0], len(last.after)) == ((0.0,), 0.48, 2)
    plan = read.plan()
    assert (plan.start_s, len(plan.segments[0].song_beats)) == (0.0, 10)
    assert rows_of(plan, _SONG, song_grid(_SONG, Options(duration="full")), _SUMMARIES)[1] == "0:00.00"


def test_what_is_longer_than_a_lead_in_needs_a_row() -> None:
    with pytest.raises(Poison, match=r"the dance starts at 0:00.48, 4 counts or more before row 1: write a row"):
        opened(written(_SONG, _MOVES, [_row(8)], _at(16), _at(0)))
