"""The event of an edited plan has the moves of its clips; a plan that cannot be rendered becomes none."""

from __future__ import annotations

import pytest

from agents.sequence_planning.edited_event import event_of
from agents.sequence_planning.opened_plan import opened
from schemas.base import Options
from schemas.faults import Poison
from schemas.plan_file import PlanFile
from schemas.sequence_planned import MusicPart, SequencePlanned
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.plan_files import EIGHTS, planned

_SONG = make_analysis(EIGHTS * 8, first_s=0.48)
_MOVES = [make_move(number, eights=3, count_confidence=0.9) for number in range(6)]


def _file(options: Options | None = None) -> PlanFile:
    return planned(_SONG, _MOVES, options or Options(duration="full"))[1]


def test_it_has_the_request_of_the_file_and_the_moves_of_its_clips() -> None:
    file = _file(Options(duration="full", seed=3))
    event = event_of(opened(file), "request-2")
    assert (event.request_id, event.song, event.title) == ("request-2", file.request.song, file.request.title)
    assert event.options == file.request.options
    clips = {segment.clip_sha256 for segment in event.plan.segments}
    assert event.moves.keys() == event.fits.keys() == clips < file.moves.keys()
    assert event.moves == {sha: file.moves[sha] for sha in clips}
    assert event.fits == {sha: file.fits[sha] for sha in clips}
    assert SequencePlanned.model_validate_json(event.model_dump_json()) == event


def test_another_quality_is_that_of_the_event_only() -> None:
    event = event_of(opened(_file()), "request-2", "fast")
    assert event.options == _file().request.options.model_copy(update={"quality": "fast"})


def test_a_dance_that_ends_before_the_parts_of_its_song_do_is_refused_in_words() -> None:
    file = _file()
    music = (MusicPart(start_s=0.48, end_s=8.16), MusicPart(start_s=15.84, end_s=23.52))
    cut = file.model_copy(update={"music": music, "dance": file.dance[:3], "ends": "0:12.00"})
    with pytest.raises(
        Poison, match="cannot be rendered: the parts of the song must begin where the segments do"
    ) as no:
        event_of(opened(cut), "request-2")
    assert no.value.reason == "invalid_plan"
