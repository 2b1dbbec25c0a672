"""The examples of the Python client run as they are, with the fake in place of a Kafka."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

import streams.client
from schemas.plan_file import PlanRow
from schemas.request_ended import RequestEnded
from streams.client import FakeClient, FakeService, Outcome
from streams.files.plan_files import plan_text
from tests.documents import Block, blocks
from tests.unit.move_scoring.builders import make_analysis, make_move
from tests.unit.sequence_planning.plan_files import written

_STARTS_SERVICES = "ChoreoGenerationPipeline"  # run by tests/broker/test_written_commands.py
_EXAMPLES = [
    block for block in blocks("python") if "streams.client import" in block.text and _STARTS_SERVICES not in block.text
]


class _EndingClient(FakeClient):
    """Its results end after the last outcome."""

    async def results(self, from_position: str | None = None) -> AsyncGenerator[Outcome, None]:
        end = _offsets(await self.end_position())
        async for outcome in super().results(from_position):
            yield outcome
            if _offsets(outcome.position or "") == end:
                return


def _offsets(position: str) -> dict[str, str]:
    found = {number: text.split()[0] for number, text in json.loads(position).items()}
    return {number: offset for number, offset in found.items() if offset != "0"}


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeService:
    """Return the service of the clients that examples open, with songs in the working directory."""
    service = FakeService()
    monkeypatch.setattr(streams.client, "Client", lambda kafka: _EndingClient(service))
    monkeypatch.setattr("streams.local.services.find_kafka", lambda: "kafka")
    monkeypatch.chdir(tmp_path)
    for name in ("song.mp3", "luna.mp3", "sol.mp3"):
        Path(name).write_text(name)
    rows = [PlanRow(at="0:00.48", clip="clip_1", eight=1)]
    song = make_analysis([1, 2, 3, 4, 5, 6, 7, 8] * 2, first_s=0.48)
    Path("plan.json").write_text(plan_text(written(song, [make_move(1)], rows, "0:04.32")))
    return service


@pytest.mark.parametrize(
    "block",
    [block for block in _EXAMPLES if block.subject != "results"],
    ids=lambda block: f"{block.document}-{block.subject}",
)
def test_each_example_of_the_client_runs(
    block: Block, service: FakeService, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(block.text, block.document, "exec"), {"__name__": "__main__"})  # noqa: S102 - our own document
    assert service.submitted or "FakeService" in block.text
    assert capsys.readouterr().out or "FakeService" in block.text


async def test_the_example_of_all_outcomes_stores_each_once(service: FakeService) -> None:
    [block] = [block for block in _EXAMPLES if block.subject == "results"]
    namespace = {"__name__": "example"}
    exec(compile(block.text.replace("asyncio.run(main())", ""), block.document, "exec"), namespace)  # noqa: S102
    stored: list[int] = []
    for ids in (("a", "b"), ("c", "b")):
        for request_id in ids:
            await service.end(RequestEnded(request_id=request_id, subject="s", step="intake", outcome="failed"))
        await namespace["main"]()  # type: ignore[operator]
        [row] = sqlite3.connect("outcomes.db").execute("SELECT count(*), count(DISTINCT request_id) FROM outcomes")
        stored += row
    assert stored == [2, 2, 3, 3]
