"""Options with which no dance can be made are refused where a song is submitted, and by no later event."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.dance.rules import default_rules
from agents.intake.agent import STEP
from agents.step import Tools
from schemas.base import Options
from schemas.dance_names import RULE_NAMES, SECTION_NAMES
from schemas.faults import Poison
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.client import FakeClient, FakeService
from streams.envelope import Record
from streams.testing import InMemoryBroker, make_stage, tools_below
from streams.topics import SONG_SUBMITTED

_WRONG: list[tuple[dict[str, Any], str]] = [
    ({"rules": {"holds": {"points": 1}}}, "rules: there is no rule 'holds'; do you mean hold?"),
    ({"rules": {"xyz": {}}}, "rules: there is no rule 'xyz'; there are beats, one, "),
    (
        {"only_in": [{"move": "dip", "sections": ["Mambo", "versus"]}]},
        "there is no section 'versus'; do you mean verse?",
    ),
    ({"pins": [{"phrase": 2, "move": "Dip"}], "bans": ["dip"]}, "pins: Dip is pinned to phrase 2, and banned"),
    ({"cut_music": True}, "cut_music: also give the length that the song is cut to"),
]


@pytest.fixture
def tools(tmp_path_factory: pytest.TempPathFactory) -> Tools:
    return tools_below(tmp_path_factory.mktemp("intake"))


def test_the_names_of_rules_are_those_of_the_file() -> None:
    assert list(RULE_NAMES) == list(default_rules().rules), "write the names into schemas/dance_names.py; `make docs`"


@pytest.mark.parametrize(("options", "error"), _WRONG, ids=lambda value: next(iter(value)))
async def test_intake_refuses_options_with_which_no_dance_can_be_made(
    options: dict[str, Any], error: str, tools: Tools
) -> None:
    event = {"source": {"path": "song.mp3"}, "request_id": "r1", "options": options}
    broker = InMemoryBroker()
    await make_stage(STEP, tools, broker).handle(
        Record(SONG_SUBMITTED.full_name, 0, 0, b"key", json.dumps(event).encode(), [("ce_id", b"e1")])
    )
    [ended] = broker.ended
    assert (ended.outcome, ended.reason) == ("failed", "invalid_event")
    assert error in str(ended.error)
    assert len(broker.dead_letters(SONG_SUBMITTED)) == 1


@pytest.mark.parametrize(("options", "error"), _WRONG, ids=lambda value: next(iter(value)))
async def test_the_client_refuses_them_before_it_submits(options: dict[str, Any], error: str) -> None:
    service = FakeService()
    async with FakeClient(service) as client:
        with pytest.raises(Poison) as refused:
            await client.submit("https://example.org/luna.mp3", options=Options.model_validate(options))
    assert (refused.value.reason, error in str(refused.value)) == ("invalid_event", True)
    assert not service.submitted


@pytest.mark.parametrize(("options", "error"), _WRONG, ids=lambda value: next(iter(value)))
def test_later_events_carry_what_was_asked_for(options: dict[str, Any], error: str) -> None:
    del error
    song = {"sha256": "a" * 64, "size_bytes": 1, "kind": "audio", "format": "mp3", "codec": "mp3", "duration_s": 60}
    event = SongAccepted.model_validate({"request_id": "r1", "song": song, "title": "Luna", "options": options})
    assert event.options == Options.model_validate(options)


def test_names_that_exist_are_accepted() -> None:
    options = Options.model_validate(
        {
            "rules": {name: {"points": 1} for name in RULE_NAMES},
            "only_in": [{"move": "dip", "sections": [name]} for name in (*SECTION_NAMES, "Mambo")],
            "pins": [{"phrase": 2, "move": "dip"}],
            "bans": ["dip_01"],
            "cut_music": True,
            "length_s": 60,
        }
    )
    assert SongSubmitted.model_validate({"source": {"path": "a"}, "options": options}).options == options
