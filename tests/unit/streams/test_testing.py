"""Run steps without Kafka, including steps that read the library."""

from __future__ import annotations

from pathlib import Path

from agents.move_scoring.agent import STEP as MOVE_SCORING
from schemas.audio_analyzed import AudioAnalyzed
from schemas.base import MediaFacts, Options
from streams.testing import run_step, tools_below
from streams.topics import AUDIO_ANALYZED, MOVES_SCORED
from tests.qdrant_in_memory import IN_MEMORY
from tests.unit.move_scoring.builders import CompleteStore, make_index, make_library, make_song

pytestmark = IN_MEMORY


def _event() -> AudioAnalyzed:
    song = MediaFacts(sha256="a" * 64, size_bytes=1, kind="audio", format="mp3", codec="mp3", duration_s=60)
    return AudioAnalyzed(request_id="r1", song=song, title="t", options=Options(), analysis=make_song(60))


async def test_a_step_reads_the_library_of_its_tools(tmp_path: Path) -> None:
    tools = tools_below(tmp_path, media=CompleteStore(tmp_path), library=make_index(make_library(50)))
    broker = await run_step(MOVE_SCORING, _event(), tools)
    [scored] = broker.payloads(MOVES_SCORED)
    assert scored.scores.moves
    assert not broker.ended


async def test_a_fault_leads_to_a_dead_letter_and_an_outcome(tmp_path: Path) -> None:
    broker = await run_step(MOVE_SCORING, _event(), tools_below(tmp_path, library=make_index([])))
    assert len(broker.dead_letters(AUDIO_ANALYZED)) == 1
    assert [(ended.outcome, ended.reason) for ended in broker.ended] == [("failed", "empty_library")]
