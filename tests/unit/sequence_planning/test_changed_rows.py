"""Another move in one phrase of a dance that a person wrote: all other rows stay as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.sequence_planning.opened_plan import opened
from agents.sequence_planning.replaced_phrase import ANOTHER, with_move
from schemas.base import Options
from schemas.faults import Poison
from schemas.plan_file import PlanFile, PlanRow, clock_text
from schemas.sequence_planned import MusicPart
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.plan_files import EIGHTS, planned, written

_SONG = make_analysis(EIGHTS * 6, first_s=0.48)
_MOVES = [make_move(number, eights=6, move=f"move_{number}", count_confidence=0.9) for number in range(5)]
_OFF_S = 1.3  # between two beats of each clip


def _row(song_beat: int, clip: int, **place: float | bool) -> PlanRow:
    fields = {"at": clock_text(_SONG.beats[song_beat], 4), "clip": f"clip_{clip}", "counts": "mine"}
    return PlanRow.model_validate(fields | (place or {"eight": 1}))


def _plan(*rows: PlanRow) -> PlanFile:
    return written(_SONG, _MOVES, rows, clock_text(_SONG.beats[40], 4))


def _parts(file: PlanFile) -> list[tuple[str, int, bool]]:
    return [(part.clip, part.first, part.mirrored) for part in opened(file).dance.parts]


_OFF_BEAT = (_row(0, 0), _row(8, 1, from_s=_OFF_S), _row(16, 2), _row(24, 3), _row(32, 4))


@pytest.mark.parametrize("move", [ANOTHER, "clip_3", "clip_1"])
def test_a_row_that_begins_on_no_beat_of_its_clip_can_be_replaced(move: str) -> None:
    before = opened(_plan(*_OFF_BEAT))
    with pytest.raises(Poison, match=r"row 2 .*clip_1 has no beat at 1\.3 s"):
        before.plan()
    file = with_move(before, 2, move)
    assert [*file.dance[:1], *file.dance[2:]] == [*_OFF_BEAT[:1], *_OFF_BEAT[2:]]
    assert file.dance[1].from_s is None
    after = opened(file)
    assert not [fault for fault in after.sheet.faults if fault.rule == "beats"]
    assert {part.clip_sha256 for part in after.plan().segments} == {part.clip for part in after.dance.parts}


def test_another_row_stays_on_no_beat_of_its_clip() -> None:
    file = with_move(opened(_plan(*_OFF_BEAT)), 4, ANOTHER)
    assert [*file.dance[:3], *file.dance[4:]] == [*_OFF_BEAT[:3], *_OFF_BEAT[4:]]
    assert file.dance[3].clip != "clip_3"


def test_a_row_that_lasts_longer_than_the_phrase_goes_on_behind_it() -> None:
    rows = (_row(0, 0), _row(8, 1), _row(32, 2))
    before = _plan(*rows)
    file = with_move(opened(before), 3, "clip_4")
    assert (file.dance[:2], file.dance[4:]) == (rows[:2], rows[2:])
    assert [(row.at, row.clip, row.eight) for row in file.dance[2:4]] == [
        (clock_text(_SONG.beats[16]), "clip_4", file.dance[2].eight),
        (clock_text(_SONG.beats[24]), "clip_1", 3),
    ]
    assert [n for n, (one, two) in enumerate(zip(_parts(before), _parts(file), strict=True), 1) if one != two] == [3]


def test_a_row_before_the_first_1_leads_into_the_new_clip() -> None:
    song = make_analysis([6, 7, 8, *EIGHTS * 3], first_s=0.48)
    rows = [
        PlanRow(at=clock_text(song.beats[0], 4), clip="clip_0", beat=6),
        PlanRow(at=clock_text(song.beats[11], 4), clip="clip_1", eight=2),
    ]
    before = written(song, _MOVES, rows, clock_text(song.beats[19], 4))
    file = with_move(opened(before), 1, "clip_3")
    assert file.starts == clock_text(song.beats[0])
    assert [row.clip for row in file.dance] == ["clip_3", "clip_1"]
    assert file.dance[1] == rows[1]
    assert [slot.times for slot in opened(file).dance.slots] == [slot.times for slot in opened(before).dance.slots]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_the_rest_of_any_dance_is_as_it_was(data: st.DataObject) -> None:
    beats = sorted({0, *data.draw(st.sets(st.integers(1, 38), max_size=6))})
    lengths = [after - before for before, after in zip(beats, [*beats[1:], 40], strict=True)]
    rows = [
        _row(
            beat,
            data.draw(st.integers(0, 4)),
            beat=data.draw(st.integers(1, 48 - length)),
            mirrored=data.draw(st.booleans()),
        )
        for beat, length in zip(beats, lengths, strict=True)
    ]
    before = opened(_plan(*rows))
    phrase = data.draw(st.sampled_from(sorted({music.phrase for music in before.music})))
    file = with_move(before, phrase, ANOTHER)
    after = opened(file)
    shown = [
        {
            time: (part.clip, part.first + n, part.mirrored)
            for slot, part in zip(plan.dance.slots, plan.dance.parts, strict=True)
            for n, time in enumerate(slot.times[:-1])
        }
        for plan in (before, after)
    ]
    own = {
        time
        for slot, music in zip(before.dance.slots, before.music, strict=True)
        for time in slot.times[:-1]
        if music.phrase == phrase
    }
    assert shown[0].keys() == shown[1].keys()
    assert {time for time in own if shown[0][time][0] == shown[1][time][0]} == set()
    assert {time for time in shown[0] if shown[0][time] != shown[1][time]} == own
    assert set(rows) - set(file.dance) <= {row for row in rows if min(own) - 0.1 < row.at_s < max(own) + 0.1}


def test_a_dance_that_ends_before_the_parts_of_its_song_do_can_be_changed() -> None:
    file = planned(_SONG, _MOVES, Options(duration="full"))[1]
    music = (MusicPart(start_s=0.48, end_s=8.16), MusicPart(start_s=15.84, end_s=23.52))
    before = opened(file.model_copy(update={"music": music, "dance": file.dance[:3], "ends": "0:12.00"}))
    changed = with_move(before, 2, ANOTHER)
    assert changed.ends == "0:12.00"
    assert (changed.dance[0], changed.dance[2]) == (file.dance[0], file.dance[2])
    assert changed.dance[1].clip != file.dance[1].clip
